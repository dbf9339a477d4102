/*
 * What the files share that look for what the program will want of the machine.
 */
#ifndef RESOURCES_H
#define RESOURCES_H

#include "guest.h"
#include "stage0.h"

/* Capabilities that outlive the seal. */
struct sel4_kept {
    sel4_slot *slots;
    size_t count;
};

/* The name that a capability will have, 0 when there is no room. */
static inline uint64_t sel4_keep(struct sel4_kept *kept, sel4_slot slot) {
    if (kept->count == SEL4_MOST_KEPT) return 0;
    kept->slots[kept->count] = slot;
    return SEL4_KEPT + kept->count++;
}

/* resources.c: the first piece of extra BootInfo of a kind, or NULL. Its data need not be aligned. */
const struct sel4_extra *sel4_find_extra(uint64_t kind);

/* ports.c: of x86-64. */
void sel4_take_ports(struct boot_block *block, struct sel4_kept *kept);

/* devices.c: finds the device tree, and maps registers; where there are device trees. */
void sel4_take_devices(struct boot_block *block);

/* interrupts.c: of RISC-V, once registers are mapped. */
void sel4_take_interrupts(struct boot_block *block, struct sel4_kept *kept);

#endif
