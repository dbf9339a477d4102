/*
 * What the probes of a root task share. How one says what it is about to try, and who won: say.h. The judge is
 * targets/sel4/judge-probe.ts. Where things are, a probe knows from the boot block and from the linker's symbols: an
 * attacker who can run code may know as much.
 */
#ifndef PROBE_H
#define PROBE_H

#include "abi.h"
#include "boot.h"
#include "say.h"

/* The platform layer's. */
extern const struct boot_block *layer_boot;

/* The start-up code's: where the kernel put what it told us. */
extern struct sel4_bootinfo *sel4_info;
extern struct sel4_ipc_buffer *sel4_buffer;

/* The linker script's (targets/sel4/layout.ts). */
extern char sel4_image[], sel4_text_end[], sel4_read[], sel4_read_end[], sel4_image_end[];

/*
 * Each of these does the probe that `name` says and returns true when nothing stopped it, or returns false when it is
 * none of theirs.
 */
bool probe_memory(const char *name);
bool probe_stack(const char *name);
bool probe_capabilities(const char *name);

/* memory.c: single accesses, each announced. Code is executed by calling it. */
void try_read(uintptr_t address);
void try_write(uintptr_t address);
void try_execute(uintptr_t address);
/* memory.c: the first free page of the program's heap. */
uintptr_t heap_page(void);

/* A function's bytes: return 42. */
#if defined(__riscv)
#define CODE_BYTES 0x13, 0x05, 0xa0, 0x02, 0x67, 0x80, 0x00, 0x00
#elif defined(__x86_64__)
#define CODE_BYTES 0xb8, 0x2a, 0x00, 0x00, 0x00, 0xc3, 0x90, 0x90
#else
#define CODE_BYTES 0x40, 0x05, 0x80, 0x52, 0xc0, 0x03, 0x5f, 0xd6
#endif
#define CODE {CODE_BYTES}

#endif
