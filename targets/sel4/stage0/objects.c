/*
 * Kernel objects for the start-up code: memory is taken from untyped capabilities, frames are mapped with the tables that
 * they need, and slots are used up in ascending order.
 *
 * The first object made of an untyped has the kernel clear all of it, so the smallest that is large enough is taken. Page
 * tables come from one of their own, which must not be large for the same reason.
 */
#include "stage0.h"

/*
 * Page tables of all mappings together: of 4 KiB each, in an untyped of 256 KiB, or of 512 when there are two address
 * spaces to map. A build counts how many an image needs at most: targets/sel4/slots.ts.
 */
#define TABLES_BITS (18u + SEL4_HAS_FIRST_STAGE)

static sel4_slot used_slots; /* how many of the empty ones */
static sel4_slot tables;     /* an untyped */
static uint64_t taken[4];    /* untypeds, by index, in a set of 256 */
static sel4_slot space = SEL4_SLOT_VSPACE; /* in which pages are mapped */

void sel4_map_in(sel4_slot vspace) { space = vspace; }

sel4_slot sel4_free_slot(void) { return sel4_info->empty.start + used_slots; }

sel4_slot sel4_take_slot(void) { return sel4_info->empty.start + used_slots++; }

uint64_t sel4_retype(sel4_slot untyped, uint64_t type, uint64_t bits, uint64_t count) {
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->words[4] = sel4_free_slot();
    sel4_buffer->words[5] = count;
    uint64_t error = sel4_invoke(untyped, sel4_message_info(SEL4_LABEL_UNTYPED_RETYPE, 1, 6), type, bits, 0, 0);
    if (error == SEL4_NO_ERROR) used_slots += count;
    return error;
}

sel4_slot sel4_make(sel4_slot untyped, uint64_t type, uint64_t bits, uint64_t count) {
    sel4_slot first = sel4_free_slot();
    sel4_require("making objects", sel4_retype(untyped, type, bits, count));
    return first;
}

sel4_slot sel4_take_untyped(unsigned bits) {
    uint64_t count = sel4_info->untyped.end - sel4_info->untyped.start, best = count;
    for (uint64_t i = 0; i < count && i < 256; i++) {
        const struct sel4_untyped *untyped = &sel4_info->untypeds[i];
        if (untyped->is_device || untyped->bits < bits || (taken[i / 64] >> i % 64 & 1)) continue;
        if (best == count || untyped->bits < sel4_info->untypeds[best].bits) best = i;
    }
    if (best == count) sel4_give_up("give the machine more memory", SEL4_NOT_ENOUGH_MEMORY);
    taken[best / 64] |= 1ull << best % 64;
    return sel4_info->untyped.start + best;
}

sel4_slot sel4_make_frames(size_t count) {
    unsigned bits = 12;
    while (((size_t)SEL4_PAGE << (bits - 12)) < count * SEL4_PAGE) bits++;
    sel4_slot untyped = sel4_take_untyped(bits), first = sel4_free_slot();
    for (size_t i = 0; i < count; i++) sel4_make(untyped, SEL4_OBJECT_4K, 12, 1);
    return first;
}

uint64_t sel4_page_map(sel4_slot frame, uint64_t address, uint64_t rights, uint64_t attributes) {
    sel4_buffer->slots[0] = space;
    return sel4_invoke(frame, sel4_message_info(SEL4_LABEL_PAGE_MAP, 1, 3), address, rights, attributes, 0);
}

static uint64_t map_table(uint64_t type, uint64_t label, uint64_t address) {
    if (tables == 0) tables = sel4_take_untyped(TABLES_BITS);
    sel4_slot table = sel4_make(tables, type, 12, 1);
    sel4_buffer->slots[0] = space;
    return sel4_invoke(table, sel4_message_info(label, 1, 2), address, SEL4_DEFAULT_ATTRIBUTES, 0, 0);
}

/* Adds the highest table that is missing above `address`. */
static void add_table(uint64_t address) {
    uint64_t error = map_table(SEL4_OBJECT_PAGE_TABLE, SEL4_LABEL_PAGE_TABLE_MAP, address);
#if defined(__x86_64__)
    /* Every level has its own type: each that is not the one wanted answers that a table above it is missing. */
    if (error == SEL4_FAILED_LOOKUP) error = map_table(SEL4_OBJECT_PAGE_DIRECTORY, SEL4_LABEL_PAGE_DIRECTORY_MAP, address);
    if (error == SEL4_FAILED_LOOKUP) error = map_table(SEL4_OBJECT_PDPT, SEL4_LABEL_PDPT_MAP, address);
#endif
    sel4_require("mapping a page table", error);
}

void sel4_map(sel4_slot frame, uint64_t address, uint64_t rights, uint64_t attributes) {
    uint64_t error;
    /* Every table brings it a level further: it ends. */
    while ((error = sel4_page_map(frame, address, rights, attributes)) == SEL4_FAILED_LOOKUP) add_table(address);
    sel4_require("mapping a page", error);
}

uint64_t sel4_physical(sel4_slot frame) {
    sel4_require("a page's address", sel4_invoke(frame, sel4_message_info(SEL4_LABEL_PAGE_GET_ADDRESS, 0, 0), 0, 0, 0, 0));
    return sel4_answer;
}

uint64_t sel4_delete_in(sel4_slot cnode, sel4_slot slot, uint64_t depth) {
    return sel4_invoke(cnode, sel4_message_info(SEL4_LABEL_CNODE_DELETE, 0, 2), slot, depth, 0, 0);
}

uint64_t sel4_delete(sel4_slot slot) { return sel4_delete_in(SEL4_SLOT_CNODE, slot, SEL4_DEPTH); }

/* Of a capability that is copied: write, read, grant, grant reply. */
#define ALL_RIGHTS 15u

uint64_t sel4_copy_to(sel4_slot cnode, uint64_t to, uint64_t depth, sel4_slot from) {
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->words[4] = ALL_RIGHTS;
    return sel4_invoke(cnode, sel4_message_info(SEL4_LABEL_CNODE_COPY, 1, 5), to, depth, from, SEL4_DEPTH);
}
