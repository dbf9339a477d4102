/*
 * What the shared layer needs of an x86-64 processor, whatever its privilege.
 */
#ifndef ARCH_H
#define ARCH_H

#include "boot.h"
#include "machine.h"

/* Stores are seen in their order; a load may still overtake an earlier store to elsewhere. */
static inline void arch_barrier(void) { __asm__ volatile("mfence" : : : "memory"); }

/* The counter behind the clocks. The fence keeps a reading from being taken before what precedes it. */
static inline uint64_t arch_ticks(void) {
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (uint64_t)high << 32 | low;
}

/* Whether machines of this kind describe themselves in a device tree. */
#define ARCH_HAS_TREE false

/* Ticks per second; 0: not known. Whoever started us has measured them. */
static inline uint64_t arch_frequency(const struct machine *machine) {
    (void)machine;
    return layer_boot->frequency;
}

#define ARCH_NO_FREQUENCY "the time-stamp counter's frequency is not known"

#endif
