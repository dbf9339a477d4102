/*
 * What the program will want of the machine, and what only the holder of capabilities can get: the device tree, a seed,
 * registers of devices, interrupts, I/O ports. All of it goes into the boot block.
 *
 * Source: the seL4 reference manual 13.0, section 9.2 (BootInfo).
 */
#include "entropy.h"
#include "resources.h"

#define READ_ONLY SEL4_READ, SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER

/* The first piece is aligned; others need not be. */
const struct sel4_extra *sel4_find_extra(uint64_t kind) {
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

/* The tree was written by whoever was before us; nothing is written to it from now on. */
static void protect_extra(void) {
    uintptr_t page = (uintptr_t)sel4_info + SEL4_PAGE;
    for (sel4_slot frame = sel4_info->extra_frames.start; frame < sel4_info->extra_frames.end; frame++, page += SEL4_PAGE)
        sel4_require("protecting BootInfo", sel4_page_map(frame, page, READ_ONLY));
}

size_t sel4_find_resources(struct boot_block *block, sel4_slot slots[SEL4_MOST_KEPT]) {
    struct sel4_kept kept = {slots, 0};
    /* The layer's parts that are used here find registers by it. */
    layer_boot = block;
#if defined(__x86_64__)
    sel4_take_ports(block, &kept);
#else
    sel4_take_devices(block);
#endif
#if defined(__riscv)
    sel4_take_interrupts(block, &kept);
#endif
    sel4_take_entropy(block);
    protect_extra();
    return kept.count;
}
