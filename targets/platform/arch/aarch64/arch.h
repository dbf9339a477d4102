/*
 * What the shared layer needs of an AArch64 processor, at EL0 as at EL1.
 */
#ifndef ARCH_H
#define ARCH_H

#include "layer.h"
#include "machine.h"

/* Memory and registers, seen by both sides in the order in which they are written here. */
static inline void arch_barrier(void) { __asm__ volatile("dmb sy" : : : "memory"); }

/* Whether machines of this kind describe themselves in a device tree. */
#define ARCH_HAS_TREE true

#if ARCH_HAS_COUNTER

/* The counter behind the clocks. The barrier keeps a reading from being taken before what precedes it. */
static inline uint64_t arch_ticks(void) {
    uint64_t ticks;
    __asm__ volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(ticks) : : "memory");
    return ticks;
}

/* Ticks per second; 0: not known. */
static inline uint64_t arch_frequency(const struct machine *machine) {
    (void)machine;
    uint64_t frequency;
    __asm__ volatile("mrs %0, cntfrq_el0" : "=r"(frequency));
    return frequency & UINT32_MAX;
}

#define ARCH_NO_FREQUENCY "the processor's counter has no frequency"

#else

/* The counter is kept from us: pl031.c has one of whole seconds. */
uint64_t arch_ticks(void);
uint64_t arch_frequency(const struct machine *machine);

#define ARCH_NO_FREQUENCY "the kernel keeps the processor's counter to itself, and the machine has no PL031"

#endif

/*
 * The source of a device's interrupt at a GIC, which counts shared and private ones apart: three cells, kind and number
 * first. 0: none.
 */
static inline uint32_t arch_interrupt(struct fdt_value interrupts) {
    if (interrupts.size < 12) return 0;
    uint32_t number = layer_fdt_cell(interrupts, 1);
    return number < 988 ? number + (layer_fdt_cell(interrupts, 0) == 0 ? 32 : 16) : 0;
}

static inline void arch_set_thread_pointer(uintptr_t base) {
    __asm__ volatile("msr tpidr_el0, %0" : : "r"(base) : "memory");
}

/* Bytes before what the thread pointer names, and from there to the variables: see tls.c. */
#define ARCH_TLS_BEFORE 0u
#define ARCH_TLS_GAP(alignment) (alignment)

static inline void arch_copy(void *to, const void *from, size_t size) { memcpy(to, from, size); }

#endif
