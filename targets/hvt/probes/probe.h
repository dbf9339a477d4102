/*
 * What the probes share.
 *
 * A probe is a small crime: it does what a hardened image must forbid. How it tells who won: say.h. The judge is
 * targets/hvt/judge-probe.ts.
 */
#ifndef PROBE_H
#define PROBE_H

#include "say.h"

/* The program's heap, as it was told. */
extern uintptr_t heap_start, heap_end;

/*
 * Each of these does the probe that `name` says and returns true when nothing stopped it, or returns false when it is
 * none of theirs. `argument` is the address that some of them want; `text` is where it stands in the command line.
 */
bool probe_memory(const char *name, uintptr_t argument, const char *text);
bool probe_stack(const char *name);
bool probe_undo(const char *name);

/* memory.c: single accesses, each announced. */
void try_read(uintptr_t address);
void try_write(uintptr_t address);
void try_execute(uintptr_t address);

/* A function's bytes: mov $42, %eax; ret. Anything that calls them gets 42. */
#define CODE {0xb8, 42, 0, 0, 0, 0xc3}

/* memory.c: addresses of a function, of read-only data, of what is read-only after start-up, and of data. */
extern const uint8_t code_in_rodata[];
extern uint8_t code_in_relro[];
extern uint8_t code_in_data[];
uintptr_t text_address(void);

#endif
