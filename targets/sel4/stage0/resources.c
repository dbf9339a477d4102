/*
 * What the program will want of the machine, and what only the holder of capabilities can get: the device tree, a seed,
 * registers of devices, interrupts, I/O ports. All of it goes into the boot block.
 *
 * Registers are in untypeds that the kernel hands out for addresses that are no memory. An untyped gives away its
 * addresses in ascending order only, so pages are asked for in that order, and what lies between two of them becomes
 * untypeds that nobody uses: few, since each is as large as its address allows.
 *
 * Sources: the seL4 reference manual 13.0, sections 2.4 (retyping), 8 (interrupts), 9.2 (BootInfo).
 */
#include "entropy.h"
#include "guest.h"
#include "stage0.h"
#include "virtio.h"

#define READ_ONLY SEL4_READ, SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER

/* Larger devices than any of ours get no more than this. */
#define MOST_REGISTERS (16u * SEL4_PAGE)

/* A piece of extra BootInfo of a kind, or NULL. The first is aligned, and others need not be. */
static const struct sel4_extra *find_extra(uint64_t kind) {
    const char *at = (const char *)sel4_info + SEL4_PAGE;
    uint64_t left = (sel4_info->extra_frames.end - sel4_info->extra_frames.start) * SEL4_PAGE;
    if (sel4_info->extra_size < left) left = sel4_info->extra_size;
    while (left >= sizeof(struct sel4_extra)) {
        struct sel4_extra header;
        memcpy(&header, at, sizeof header);
        if (header.size < sizeof header || header.size > left) break;
        if (header.kind == kind) return (const struct sel4_extra *)at;
        at += header.size;
        left -= header.size;
    }
    return NULL;
}

static void find_tree(struct boot_block *block) {
    const struct sel4_extra *extra = ARCH_HAS_TREE ? find_extra(SEL4_EXTRA_FDT) : NULL;
    if (extra == NULL) return;
    block->fdt = (uintptr_t)extra->data;
    block->fdt_size = extra->size - sizeof *extra;
    /* If it is damaged the layer says so, where there is a console. */
    if (block->fdt_size <= FDT_LARGEST) layer_machine_read(&layer_machine, extra->data, (uint32_t)block->fdt_size, 0);
}

/* The tree was written by whoever was before us; nothing is written to it from now on. */
static void protect_extra(void) {
    uintptr_t page = (uintptr_t)sel4_info + SEL4_PAGE;
    for (sel4_slot frame = sel4_info->extra_frames.start; frame < sel4_info->extra_frames.end; frame++, page += SEL4_PAGE)
        sel4_require("protecting BootInfo", sel4_page_map(frame, page, READ_ONLY));
}

/* The i-th range of registers that the layer may want. */
static struct fdt_range wanted(uint32_t i) {
    const struct machine *machine = &layer_machine;
    return i < MACHINE_PLACES ? machine->places[i].registers : machine->virtio[i - MACHINE_PLACES].registers;
}

/* The lowest page from `from` on that has wanted registers; NO_PHYSICAL: none. */
static uint64_t next_page(uint64_t from) {
    uint64_t lowest = NO_PHYSICAL;
    for (uint32_t i = 0; i < MACHINE_PLACES + layer_machine.virtio_count; i++) {
        struct fdt_range range = wanted(i);
        if (range.size == 0 || range.address == FDT_NO_RANGE) continue;
        if (range.size > MOST_REGISTERS) range.size = MOST_REGISTERS;
        uint64_t page = range.address & ~(uint64_t)(SEL4_PAGE - 1);
        if (page < from) page = from;
        if (page < range.address + range.size && page < lowest) lowest = page;
    }
    return lowest;
}

/* An untyped of device addresses: the next that it gives, and where it ends. */
struct device_addresses {
    sel4_slot untyped;
    uint64_t next, end;
};

/* False when the kernel keeps the page to itself, or knows of no such device. */
static bool find_addresses(struct device_addresses *found, uint64_t page) {
    if (page >= found->next && page < found->end) return true;
    for (sel4_slot slot = sel4_info->untyped.start; slot < sel4_info->untyped.end; slot++) {
        const struct sel4_untyped *untyped = &sel4_info->untypeds[slot - sel4_info->untyped.start];
        uint64_t start = untyped->physical_address, end = start + (1ull << untyped->bits % 64);
        if (!untyped->is_device || page < start || page >= end) continue;
        *found = (struct device_addresses){slot, start, end};
        return true;
    }
    return false;
}

/* The frame of a page of registers; 0 when there is none to have. Pages must be asked for in ascending order. */
static sel4_slot device_frame(struct device_addresses *addresses, uint64_t page) {
    if (!find_addresses(addresses, page)) return 0;
    while (addresses->next < page) {
        unsigned bits = 12;
        while (!(addresses->next >> bits & 1) && addresses->next + (2ull << bits) <= page) bits++;
        sel4_make(addresses->untyped, SEL4_OBJECT_UNTYPED, bits, 1);
        addresses->next += 1ull << bits;
    }
    addresses->next += SEL4_PAGE;
    return sel4_make(addresses->untyped, SEL4_OBJECT_4K, 12, 1);
}

/* Pages of registers that were mapped. */
#define MOST_FRAMES 64
static struct {
    sel4_slot frame;
    uint64_t address;
} register_frames[MOST_FRAMES];
static size_t register_frame_count;

sel4_slot sel4_register_frame(size_t i, uint64_t *address) {
    if (i >= register_frame_count) return 0;
    *address = register_frames[i].address;
    return register_frames[i].frame;
}

static void map_devices(struct boot_block *block) {
    struct device_addresses addresses = {0, 0, 0};
    uint64_t address = sel4_settings.devices;
    struct boot_range *range = NULL;
    for (uint64_t page = next_page(0); page != NO_PHYSICAL; page = next_page(page + SEL4_PAGE)) {
        sel4_slot frame = device_frame(&addresses, page);
        if (frame == 0) continue;
        if (register_frame_count == MOST_FRAMES) return;
        /* A page apart from the one before, unless both belong together. */
        if (range == NULL || range->physical_address + range->size != page) {
            if (block->range_count == BOOT_MOST_RANGES) return;
            address += SEL4_PAGE;
            range = &block->ranges[block->range_count++];
            *range = (struct boot_range){address, page, 0, BOOT_REGISTERS};
        }
        sel4_map(frame, address, SEL4_READ | SEL4_WRITE, SEL4_DEVICE_ATTRIBUTES | SEL4_EXECUTE_NEVER);
        register_frames[register_frame_count].frame = frame;
        register_frames[register_frame_count++].address = address;
        range->size += SEL4_PAGE;
        address += SEL4_PAGE;
    }
}

/* Capabilities that outlive the seal. */
struct kept {
    sel4_slot *slots;
    size_t count;
};

/* The name that a capability will have, 0 when there is no room. */
static uint64_t keep(struct kept *kept, sel4_slot slot) {
    if (kept->count == SEL4_MOST_KEPT) return 0;
    kept->slots[kept->count] = slot;
    return SEL4_KEPT + kept->count++;
}

#if defined(__x86_64__)

/* I/O ports as a capability; 0 when the kernel keeps them to itself. */
static uint64_t take_ports(struct kept *kept, uint64_t first, uint64_t last) {
    sel4_slot slot = sel4_take_slot();
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    uint64_t error = sel4_invoke(SEL4_SLOT_IO_PORT_CONTROL, sel4_message_info(SEL4_LABEL_IO_PORT_CONTROL_ISSUE, 1, 4), first,
                                 last, slot, SEL4_DEPTH);
    return error == SEL4_NO_ERROR ? keep(kept, slot) : 0;
}

static void take_rest(struct boot_block *block, struct kept *kept) {
    const struct sel4_extra *megahertz = find_extra(SEL4_EXTRA_TSC_FREQUENCY);
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

#else

/* Has an interrupt signal our notification. */
static void take_interrupt(struct boot_block *block, struct kept *kept, sel4_slot notification, uint32_t source) {
    struct boot_capabilities *capabilities = &block->capabilities;
    if (source == 0 || capabilities->interrupt_count == BOOT_MOST_INTERRUPTS) return;
    sel4_slot slot = sel4_take_slot();
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    if (sel4_invoke(SEL4_SLOT_IRQ_CONTROL, sel4_message_info(SEL4_LABEL_IRQ_ISSUE, 1, 3), source, slot, SEL4_DEPTH, 0) !=
        SEL4_NO_ERROR)
        return;
    sel4_buffer->slots[0] = notification;
    sel4_require("interrupts", sel4_invoke(slot, sel4_message_info(SEL4_LABEL_IRQ_SET, 1, 0), 0, 0, 0, 0));
    uint64_t name = keep(kept, slot);
    if (name == 0) return;
    capabilities->interrupts[capabilities->interrupt_count].source = source;
    capabilities->interrupts[capabilities->interrupt_count++].slot = name;
}

/*
 * A wait needs something that ends it in time: where there is no clock with an alarm, devices interrupt nobody, and the
 * layer looks at them again and again.
 */
static void take_rest(struct boot_block *block, struct kept *kept) {
    const struct machine_device *clock = &layer_machine.places[MACHINE_GOLDFISH_RTC];
    layer_boot = block; /* for layer_registers */
    if (clock->registers.size == 0 || layer_registers(clock->registers.address, 0x20) == NULL) return;
    sel4_slot notification = sel4_make(sel4_take_untyped(SEL4_NOTIFICATION_BITS), SEL4_OBJECT_NOTIFICATION, 0, 1);
    block->capabilities.notification = keep(kept, notification);
    take_interrupt(block, kept, notification, arch_interrupt(clock->interrupts));
    for (uint32_t i = 0; i < layer_machine.virtio_count; i++) {
        const struct machine_device *device = &layer_machine.virtio[i];
        volatile uint32_t *registers = layer_registers(device->registers.address, device->registers.size);
        if (registers != NULL && layer_virtio_type(registers) == VIRTIO_NET)
            take_interrupt(block, kept, notification, arch_interrupt(device->interrupts));
    }
}

#endif

size_t sel4_find_resources(struct boot_block *block, sel4_slot slots[SEL4_MOST_KEPT]) {
    struct kept kept = {slots, 0};
    find_tree(block);
    map_devices(block);
    take_rest(block, &kept);
    sel4_take_entropy(block);
    protect_extra();
    return kept.count;
}
