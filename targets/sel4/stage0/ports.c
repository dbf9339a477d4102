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
}
