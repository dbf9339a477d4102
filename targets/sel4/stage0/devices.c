/*
 * The device tree, which the kernel passes on in extra BootInfo, and the registers of the devices in it that the layer
 * drives: mapped page by page.
 *
 * Registers are in untypeds that the kernel hands out for addresses that are no memory. An untyped gives away its
 * addresses in ascending order only, so pages are asked for in that order, and what lies between two of them becomes
 * untypeds that nobody uses: few, since each is as large as its address allows.
 *
 * Source: the seL4 reference manual 13.0, section 2.4 (retyping).
 */
#include "resources.h"

/* No machine has device registers beyond. */
#define ADDRESSES (1ull << 52)

/* Larger devices than any of ours get no more than this. */
#define MOST_REGISTERS (16u * SEL4_PAGE)

static void find_tree(struct boot_block *block) {
    const struct sel4_extra *extra = sel4_find_extra(SEL4_EXTRA_FDT);
    if (extra == NULL) return;
    block->fdt = (uintptr_t)extra->data;
    block->fdt_size = extra->size - sizeof *extra;
    /* If it is damaged the layer says so, where there is a console. */
    if (block->fdt_size <= FDT_LARGEST) layer_machine_read(&layer_machine, extra->data, (uint32_t)block->fdt_size, 0);
}

/* The image's MFT1 note: header and name, then padding, then the manifest. */
extern const uint8_t __solo5_mft1_note[];
#define MANIFEST ((const struct manifest *)(__solo5_mft1_note + 24))

/*
 * The i-th range of registers that the layer may want. A device that reads and writes memory by itself is out of reach of a
 * program whose manifest asks for none.
 */
static struct fdt_range wanted(uint32_t i) {
    const struct machine *machine = &layer_machine;
    if (i >= MACHINE_PLACES && MANIFEST->entries <= 1) return (struct fdt_range){FDT_NO_RANGE, 0};
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

/* False when the kernel keeps (some of) the page to itself, or knows of no such device. */
static bool find_addresses(struct device_addresses *found, uint64_t page) {
    if (page >= found->next && page + SEL4_PAGE <= found->end) return true;
    for (sel4_slot slot = sel4_info->untyped.start; slot < sel4_info->untyped.end; slot++) {
        const struct sel4_untyped *untyped = &sel4_info->untypeds[slot - sel4_info->untyped.start];
        uint64_t start = untyped->physical_address, end = start + (1ull << untyped->bits % 64);
        if (!untyped->is_device || page < start || page + SEL4_PAGE > end) continue;
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

/* Pages of registers that were mapped: for a first stage, which maps them again. */
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

void sel4_take_devices(struct boot_block *block) {
    find_tree(block);
    struct device_addresses addresses = {0, 0, 0};
    uint64_t address = sel4_settings.devices;
    struct boot_range *range = NULL;
    for (uint64_t page = next_page(0); page < ADDRESSES; page = next_page(page + SEL4_PAGE)) {
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
