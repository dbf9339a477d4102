/*
 * Between virtual and physical addresses, by the ranges of the boot block.
 *
 * Devices know physical addresses only, and in a protected image nothing lies where it seems to. That the two are equal
 * in a plain image is a property of its ranges and known nowhere else.
 */
#include "guest.h"

/* True when [address, address + size) is inside [start, start + length). */
static bool inside(uint64_t start, uint64_t length, uint64_t address, uint64_t size) {
    return address >= start && address - start <= length && size <= length - (address - start);
}

static const struct boot_range *range_at(uint64_t i) {
    return i < layer_boot->range_count && i < BOOT_MOST_RANGES ? &layer_boot->ranges[i] : NULL;
}

volatile void *layer_registers(uint64_t physical, uint64_t size) {
    const struct boot_range *range;
    for (uint64_t i = 0; (range = range_at(i)) != NULL; i++) {
        if (range->kind != BOOT_REGISTERS || !inside(range->physical_address, range->size, physical, size)) continue;
        return (volatile void *)(range->virtual_address + (physical - range->physical_address));
    }
    return NULL;
}

uint64_t layer_find_physical(const void *data, size_t size) {
    const struct boot_range *range;
    for (uint64_t i = 0; (range = range_at(i)) != NULL; i++) {
        if (range->kind == BOOT_REGISTERS || !inside(range->virtual_address, range->size, (uintptr_t)data, size))
            continue;
        return range->physical_address + ((uintptr_t)data - range->virtual_address);
    }
    return NO_PHYSICAL;
}

uint64_t layer_physical(const void *data, size_t size) {
    uint64_t address = layer_find_physical(data, size);
    if (address == NO_PHYSICAL) layer_abort("memory for a device has no physical address");
    return address;
}
