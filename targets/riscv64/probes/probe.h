/*
 * What the probes share. How one says what it is about to try, and who won: say.h. The judge is
 * targets/riscv64/judge-probe.ts.
 *
 * Where things are, a probe knows from the boot block, as the platform layer does: an attacker who can run code may know
 * as much. In a plain image the same block says the same things of memory without protections.
 */
#ifndef PROBE_H
#define PROBE_H

#include "boot.h"
#include "say.h"

/* The platform layer's. */
extern const struct boot_block *layer_boot;

/*
 * Each of these does the probe that `name` says and returns true when nothing stopped it, or returns false when it is
 * none of theirs.
 */
bool probe_memory(const char *name);
bool probe_stack(const char *name);
bool probe_sweep(const char *name);
bool probe_undo(const char *name);

/* memory.c: single accesses, each announced. Code is executed by calling it. */
void try_read(uintptr_t address);
void try_write(uintptr_t address);
void try_execute(uintptr_t address);
/* memory.c: puts a function that returns 42 to writable memory; returns the address. */
uintptr_t copied_code(uintptr_t to);

/* A function's bytes: li a0, 42; ret. */
#define CODE {0x13, 0x05, 0xa0, 0x02, 0x67, 0x80, 0x00, 0x00}

/* memory.c: addresses of a function, of read-only data, of what is read-only after start-up, and of data. */
extern const uint8_t code_in_rodata[];
extern uint8_t code_in_relro[];
extern uint8_t code_in_data[];
uintptr_t text_address(void);
/* memory.c: the first free page of the program's heap. */
uintptr_t heap_page(void);
/* memory.c: the i-th range of a kind, or NULL. */
const struct boot_range *range_of(enum boot_kind kind);

static inline uint64_t satp(void) {
    uint64_t value;
    __asm__("csrr %0, satp" : "=r"(value));
    return value;
}

#endif
