/*
 * The program's heap: large pages of ordinary memory, at an address that was drawn for it.
 *
 * It is made of one untyped, so that it is contiguous for devices too. Large pages need few slots and few tables.
 */
#include "stage0.h"

static unsigned bits_of(uint64_t size) {
    unsigned bits = 21;
    while ((1ull << bits) < size) bits++;
    return bits;
}

void sel4_make_heap(struct boot_block *block, uint64_t address) {
    uint64_t size = sel4_settings.heap_size, first = 0;
    sel4_slot untyped = sel4_take_untyped(bits_of(size));
    for (uint64_t offset = 0; offset < size; offset += SEL4_LARGE_PAGE) {
        sel4_slot frame = sel4_make(untyped, SEL4_OBJECT_2M, 21, 1);
        uint64_t physical = sel4_physical(frame);
        if (offset == 0) first = physical;
        if (physical != first + offset) sel4_give_up("the heap's memory is in pieces", 0);
        sel4_map(frame, address + offset, SEL4_READ | SEL4_WRITE, SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER);
    }
    block->heap = address;
    block->heap_size = size;
    block->ranges[block->range_count++] = (struct boot_range){address, first, size, BOOT_HEAP};
}
