/*
 * What the files of the platform layer share. Nothing of this is for programs: they see solo5.h. Names begin with hvt_ so
 * that they meet none of a program's own.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "hvt.h"
#include "layer.h"

/* Fields are set once, by hvt_start. */
struct hvt_state {
    const struct manifest *manifest;
    uint64_t memory_size;
    uint64_t stack_top; /* of the initial stack: the first address above it */
};

extern struct hvt_state hvt_state;

/* start.S */
_Noreturn void hvt_start(const struct hvt_boot_info *boot, uintptr_t stack_pointer);

/* lifecycle.c: ends the guest without another word; `cookie` may be NULL. */
_Noreturn void hvt_end(int status, void *cookie);

/* lifecycle.c: says "casemate: ABORT: <reason>" and ends the guest with SOLO5_EXIT_ABORT. Needs little stack. */
_Noreturn void hvt_abort(const char *reason);

/* console.c */
void hvt_console_puts(const char *text);

/* canary.c: compiled without stack protection, and must be called from such code. */
void hvt_canary_init(void);
extern uintptr_t __stack_chk_guard;

/* clock.c: `frequency` is not 0. */
void hvt_clock_init(uint64_t frequency);

/* traps.c */
void hvt_traps_init(void);

/* tls.c: gives the initial thread its block at `*heap_start` and moves that on, page aligned. */
void hvt_tls_init_first_thread(uintptr_t *heap_start, uintptr_t heap_end);

/* devices.c: the device with this handle, if it has this type and was acquired; else NULL. */
const struct manifest_device *hvt_device_of_handle(uint64_t handle, uint32_t type);

/* devices.c: the handle of the device with this name and type, which is then acquired; 0 when there is none to have. */
uint64_t hvt_device_acquire(const char *name, uint32_t type);

/* memory.c: true when the tender can read (or write) `size` bytes at `data` for us. */
bool hvt_host_can_read(const void *data, size_t size);
bool hvt_host_can_write(const void *data, size_t size);

/* memory.c: the program's heap; aborts when memory is too small. */
void hvt_memory_layout(const struct hvt_boot_info *boot, uintptr_t *heap_start, uintptr_t *heap_end);

/* A result as the tender gave it: anything unknown is SOLO5_R_EUNSPEC. */
static inline solo5_result_t result_of_host(int32_t result) {
    return result >= SOLO5_R_OK && result <= SOLO5_R_EUNSPEC ? (solo5_result_t)result : SOLO5_R_EUNSPEC;
}

#endif
