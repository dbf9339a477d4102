/*
 * What the shared layer needs of a RISC-V processor, in S-mode as in U-mode.
 */
#ifndef ARCH_H
#define ARCH_H

#include "machine.h"

/* Memory and registers, seen by both sides in the order in which they are written here. */
static inline void arch_barrier(void) { __asm__ volatile("fence iorw, iorw" : : : "memory"); }

/* The counter behind the clocks. */
static inline uint64_t arch_ticks(void) {
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
    return ticks;
}

/* Whether machines of this kind describe themselves in a device tree. */
#define ARCH_HAS_TREE true

/* Ticks per second; 0: not known. */
static inline uint64_t arch_frequency(const struct machine *machine) { return machine->timebase_frequency; }

#define ARCH_NO_FREQUENCY "the device tree has no timebase-frequency"

/* The source of a device's interrupt at the controller; 0: none. */
static inline uint32_t arch_interrupt(struct fdt_value interrupts) { return layer_fdt_cell(interrupts, 0); }

static inline void arch_set_thread_pointer(uintptr_t base) { __asm__ volatile("mv tp, %0" : : "r"(base) : "memory"); }

/* Bytes before what the thread pointer names, and from there to the variables: see tls.c. */
#define ARCH_TLS_BEFORE 16u
#define ARCH_TLS_GAP(alignment) 0u

/* copy.S: memcpy, inlined as a call that changes few registers. */
static inline __attribute__((always_inline)) void arch_copy(void *to, const void *from, size_t size) {
    register void *a0 __asm__("a0") = to;
    register const void *a1 __asm__("a1") = from;
    register size_t a2 __asm__("a2") = size;
    __asm__ volatile("call layer_copy"
                     : "+r"(a1), "+r"(a2)
                     : "r"(a0)
                     : "ra", "t0", "t1", "t2", "t3", "t4", "t5", "memory");
}

#endif
