/*
 * What the probes share: how one says what it is about to try, and how it ends when nothing stopped it.
 *
 * A probe is a small crime: it does what a hardened image must forbid. Its last line tells who won:
 *
 *   probe NAME tries LOW HIGH        just before; the access goes to an address from LOW to HIGH, both included
 *   probe NAME succeeded VALUE       nothing stopped it
 *   probe NAME found nothing         nothing stopped it, and there was nothing there
 *
 * Between the two stands whatever stopped it: the platform layer's trap message, or nothing when the tender died. The
 * judge is targets/hvt/probes.ts.
 */
#ifndef PROBE_H
#define PROBE_H

#include <solo5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

/* The program's heap, as it was told. */
extern uintptr_t heap_start, heap_end;

/* say.c */
void say(const char *text);
void say_hex(uint64_t value);
void tries(uintptr_t low, uintptr_t high);
void succeeded(uint64_t value);
void nothing_found(void);
bool equal(const char *left, const char *right);

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

/* An address that the compiler knows nothing about. */
static inline uintptr_t hidden(uintptr_t address) {
    __asm__ volatile("" : "+r"(address));
    return address;
}

#endif
