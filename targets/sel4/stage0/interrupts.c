/*
 * Interrupts for whoever waits: those of the clock's alarm and of network devices signal one notification.
 */
#include "resources.h"
#include "virtio.h"

/* Has an interrupt signal our notification. */
static void take_interrupt(struct boot_block *block, struct sel4_kept *kept, sel4_slot notification, uint32_t source) {
    struct boot_capabilities *capabilities = &block->capabilities;
    if (source == 0 || capabilities->interrupt_count == BOOT_MOST_INTERRUPTS) return;
    sel4_slot slot = sel4_take_slot();
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    if (sel4_invoke(SEL4_SLOT_IRQ_CONTROL, sel4_message_info(SEL4_LABEL_IRQ_ISSUE, 1, 3), source, slot, SEL4_DEPTH, 0) !=
        SEL4_NO_ERROR)
        return;
    sel4_buffer->slots[0] = notification;
    sel4_require("interrupts", sel4_invoke(slot, sel4_message_info(SEL4_LABEL_IRQ_SET, 1, 0), 0, 0, 0, 0));
    uint64_t name = sel4_keep(kept, slot);
    if (name == 0) return;
    capabilities->interrupts[capabilities->interrupt_count].source = source;
    capabilities->interrupts[capabilities->interrupt_count++].slot = name;
}

/*
 * A wait needs something that ends it in time: where there is no clock with an alarm, devices interrupt nobody, and the
 * layer looks at them again and again.
 */
void sel4_take_interrupts(struct boot_block *block, struct sel4_kept *kept) {
    const struct machine_device *clock = &layer_machine.places[MACHINE_GOLDFISH_RTC];
    if (clock->registers.size == 0 || layer_registers(clock->registers.address, 0x20) == NULL) return;
    sel4_slot notification = sel4_make(sel4_take_untyped(SEL4_NOTIFICATION_BITS), SEL4_OBJECT_NOTIFICATION, 0, 1);
    block->capabilities.notification = sel4_keep(kept, notification);
    take_interrupt(block, kept, notification, arch_interrupt(clock->interrupts));
    for (uint32_t i = 0; i < layer_machine.virtio_count; i++) {
        const struct machine_device *device = &layer_machine.virtio[i];
        volatile uint32_t *registers = layer_registers(device->registers.address, device->registers.size);
        if (registers != NULL && layer_virtio_type(registers) == VIRTIO_NET)
            take_interrupt(block, kept, notification, arch_interrupt(device->interrupts));
    }
}
