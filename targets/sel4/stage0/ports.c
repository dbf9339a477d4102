/*
 * What a root task on x86-64 finds instead of a device tree: I/O ports, which are capabilities here, the frequency of the
 * time-stamp counter, which the kernel has measured, and the command line that is in the image.
 */
#include "resources.h"

/* I/O ports as a capability; 0 when the kernel keeps them to itself. */
static uint64_t take_ports(struct sel4_kept *kept, uint64_t first, uint64_t last) {
    sel4_slot slot = sel4_take_slot();
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    uint64_t error = sel4_invoke(SEL4_SLOT_IO_PORT_CONTROL, sel4_message_info(SEL4_LABEL_IO_PORT_CONTROL_ISSUE, 1, 4), first,
                                 last, slot, SEL4_DEPTH);
    return error == SEL4_NO_ERROR ? sel4_keep(kept, slot) : 0;
}

/* The interrupt of the clock, as the wires of every PC have it. */
#define CLOCK_PIN 8u

/* Has the clock's interrupt signal a notification; without it nobody waits for one. */
static void take_clock(struct boot_block *block, struct sel4_kept *kept) {
    struct boot_capabilities *capabilities = &block->capabilities;
    sel4_slot handler = sel4_take_slot();
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->words[4] = 0; /* edge triggered */
    sel4_buffer->words[5] = 0; /* active high */
    sel4_buffer->words[6] = CLOCK_PIN; /* the vector: any that nobody else has */
    if (sel4_invoke(SEL4_SLOT_IRQ_CONTROL, sel4_message_info(SEL4_LABEL_IRQ_ISSUE_IOAPIC, 1, 7), handler, SEL4_DEPTH, 0,
                    CLOCK_PIN) != SEL4_NO_ERROR)
        return;
    sel4_slot notification = sel4_make(sel4_take_untyped(SEL4_NOTIFICATION_BITS), SEL4_OBJECT_NOTIFICATION, 0, 1);
    sel4_buffer->slots[0] = notification;
    sel4_require("interrupts", sel4_invoke(handler, sel4_message_info(SEL4_LABEL_IRQ_SET, 1, 0), 0, 0, 0, 0));
    capabilities->notification = sel4_keep(kept, notification);
    capabilities->interrupts[0].source = CLOCK_PIN;
    capabilities->interrupts[0].slot = sel4_keep(kept, handler);
    capabilities->interrupt_count = 1;
}

sel4_slot sel4_register_frame(size_t i, uint64_t *address) {
    (void)i, (void)address;
    return 0;
}

void sel4_take_ports(struct boot_block *block, struct sel4_kept *kept) {
    const struct sel4_extra *megahertz = sel4_find_extra(SEL4_EXTRA_TSC_FREQUENCY);
    uint32_t value = 0;
    if (megahertz != NULL && megahertz->size >= sizeof *megahertz + sizeof value)
        memcpy(&value, megahertz->data, sizeof value);
    block->frequency = value * 1000000ull;
    block->command_line = (uintptr_t)sel4_arguments;
#if !SEL4_HAS_PUTCHAR
    block->capabilities.console_ports = take_ports(kept, 0x3f8, 0x3ff);
#endif
    block->capabilities.clock_ports = take_ports(kept, 0x70, 0x71);
    if (block->capabilities.clock_ports != 0) take_clock(block, kept);
}
