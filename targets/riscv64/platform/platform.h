/*
 * What the files of the platform layer share. Nothing of this is for programs: they see solo5.h. Names begin with rv_
 * so that they meet none of a program's own.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "boot.h"
#include "layer.h"
#include "machine.h"
#include "manifest.h"

/* copy.S: memcpy, inlined as a call that changes few registers. */
static inline __attribute__((always_inline)) void copy_fast(void *to, const void *from, size_t size) {
    register void *a0 __asm__("a0") = to;
    register const void *a1 __asm__("a1") = from;
    register size_t a2 __asm__("a2") = size;
    __asm__ volatile("call rv_copy" : "+r"(a1), "+r"(a2) : "r"(a0) : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "memory");
}

/* Set once, by rv_start. */
extern const struct boot_block *rv_boot;
extern struct machine rv_machine;

/* The linker script's (targets/riscv64/layout.ts): first byte of the image, linked at 0, and first after it. */
extern const char rv_image[], rv_image_end[];

/* traps.S */
extern char rv_trap_entry[];

/* lifecycle.c: ends the guest; `status` is told to `casemate boot` when it asked. */
_Noreturn void rv_end(int status);

/* lifecycle.c: says "casemate: ABORT: <reason>" and ends the guest with SOLO5_EXIT_ABORT. */
_Noreturn void rv_abort(const char *reason);
/* lifecycle.c: the same, with "<reason>: <detail>". */
_Noreturn void rv_abort_because(const char *reason, const char *detail);

/* canary.c */
extern uintptr_t __stack_chk_guard;

/* console.c: one piece of text or number after another; each is out when the call returns. */
void rv_put(const char *text);
void rv_put_hex(uint64_t value);
void rv_put_decimal(uint64_t value);
void rv_console_init(void);

/* options.c: acts on the leading words of the command line that are ours; returns what is left for the program. */
const char *rv_take_options(const char *cmdline);
/* options.c: prints the line that tells `casemate boot` of the start (status < 0) or end, when it asked for it. */
void rv_tell_boot(int status);

/* A word that says where a device's registers are. */
struct binding {
    const char *name; /* no NUL at its end */
    size_t name_size;
    uint64_t address;
};

/* options.c: the i-th such word; NULL when there are not so many. */
const struct binding *rv_binding(size_t i);

/* address.c: where the registers at a physical address are mapped; NULL when all `size` bytes are not. */
volatile void *rv_registers(uint64_t physical, uint64_t size);
/* address.c: the physical address of memory of ours, for devices; aborts when there is none. */
uint64_t rv_physical(const void *data, size_t size);
/* The same, or NO_PHYSICAL. */
uint64_t rv_find_physical(const void *data, size_t size);
#define NO_PHYSICAL UINT64_MAX

/* heap.c: `size` zeroed bytes for devices, page aligned, for good; taken from the start of the program's heap. */
void *rv_take_memory(size_t size);
/* heap.c */
void rv_heap_init(void);
uintptr_t rv_heap_start(void);
uintptr_t rv_heap_end(void);

/* clock.c: `frequency` in ticks per second, not 0. */
void rv_clock_init(uint64_t frequency);
uint64_t rv_ticks(void);
/* clock.c: what solo5_clock_monotonic gives when the counter is at `ticks`; reading that costs more than a frame's copy. */
solo5_time_t rv_nanoseconds(uint64_t ticks);
/*
 * clock.c: waits for an interrupt of a device, or about so many nanoseconds from `ticks` on: perhaps a little longer, or
 * shorter.
 */
void rv_wait(uint64_t ticks, uint64_t nanoseconds);

/* interrupts.c */
void rv_interrupts_init(void);
/* interrupts.c: lets a device's interrupt end a wait; true when that will work. */
bool rv_interrupt_enable(uint32_t source);
/* interrupts.c: takes notice of those that have arrived. */
void rv_interrupts_accept(void);
/* interrupts.c: the position of our hart's external interrupt for S-mode in such a list, or NO_HART. */
#define NO_HART UINT32_MAX
uint32_t rv_find_hart(struct fdt_value pairs);

/* aia.c: the same for an AIA; false when there is none that we can use. */
bool rv_aia_init(void);
bool rv_aia_enable(uint32_t source);
void rv_aia_accept(void);

/* devices.c: finds a device of the machine for every device of the manifest. */
void rv_devices_init(void);

/* tls.c: gives the initial thread its block. */
void rv_tls_init(void);

/* random.c: a random word of a virtio-rng; 0 when the machine has none. */
uint64_t rv_random_word(void);

#endif
