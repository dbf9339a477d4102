/*
 * What the files of a layer share whose guest starts with a boot block and, as a rule, a device tree. Which machine that
 * is, and who is below us, they do not know: the second half of this file is what a target brings, arch.h what its
 * processor does. Nothing of this is for programs: they see solo5.h. Names begin with layer_ so that they meet none of a
 * program's own.
 */
#ifndef GUEST_H
#define GUEST_H

#include "boot.h"
#include "layer.h"
#include "machine.h"
#include "manifest.h"

/* Set once, by layer_start. */
extern const struct boot_block *layer_boot;
extern struct machine layer_machine;

/* The processor's: see arch/. */
#include "arch.h"

/* start.c: where a target's first instructions lead, on the boot block's stack. */
_Noreturn void layer_start(const struct boot_block *boot);

/* ending.c: says "casemate: ABORT: <reason>" and ends the guest with SOLO5_EXIT_ABORT. */
_Noreturn void layer_abort(const char *reason);
/* ending.c: the same, with "<reason>: <detail>". */
_Noreturn void layer_abort_because(const char *reason, const char *detail);

/* canary.c */
extern uintptr_t __stack_chk_guard;

/* text.c: one piece of text or number after another; each is out when the call returns. */
void layer_put(const char *text);
void layer_put_hex(uint64_t value);
void layer_put_decimal(uint64_t value);

/* options.c: acts on the leading words of the command line that are ours; returns what is left for the program. */
const char *layer_take_options(const char *cmdline);
/* options.c: prints the line that tells `casemate boot` of the start (status < 0) or end, when it asked for it. */
void layer_tell_boot(int status);

/* A word that says where a device's registers are. */
struct binding {
    const char *name; /* no NUL at its end */
    size_t name_size;
    uint64_t address;
};

/* options.c: the i-th such word; NULL when there are not so many. */
const struct binding *layer_binding(size_t i);

/* address.c: where the registers at a physical address are mapped; NULL when all `size` bytes are not. */
volatile void *layer_registers(uint64_t physical, uint64_t size);
/* address.c: the physical address of memory of ours, for devices; aborts when there is none. */
uint64_t layer_physical(const void *data, size_t size);
/* The same, or NO_PHYSICAL. */
uint64_t layer_find_physical(const void *data, size_t size);
#define NO_PHYSICAL UINT64_MAX

/* heap.c: `size` zeroed bytes for devices, page aligned, for good; taken from the start of the program's heap. */
void *layer_take_memory(size_t size);
/* heap.c */
void layer_heap_init(void);
uintptr_t layer_heap_start(void);
uintptr_t layer_heap_end(void);

/* clock.c: `frequency` in ticks per second, not 0. */
void layer_clock_init(uint64_t frequency);
/* clock.c: what solo5_clock_monotonic gives when the counter is at `ticks`; reading that costs more than a frame's copy. */
solo5_time_t layer_nanoseconds(uint64_t ticks);

/* virtio/devices.c: finds a device of the machine for every device of the manifest. */
void layer_devices_init(void);

/* virtio/random.c: a random word of a virtio-rng; 0 when the machine has none. */
uint64_t layer_random_word(void);

/* What a target brings, besides solo5_console_write. */

/* Before the first text. */
void layer_console_init(void);

/* Ends the guest; `status` is told to `casemate boot` when it asked. */
_Noreturn void layer_end(int status);

/*
 * Waits for an interrupt of a device, or about so many nanoseconds from `ticks` on: perhaps a little longer, or
 * shorter.
 */
void layer_wait(uint64_t ticks, uint64_t nanoseconds);

/* Before the first of the three below, and once the machine is known. */
void layer_interrupts_init(void);
/* Lets a device's interrupt end a wait; true when that will work. */
bool layer_interrupt_enable(uint32_t source);
/* Takes notice of those that have arrived. */
void layer_interrupts_accept(void);

#endif
