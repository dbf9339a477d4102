/* Memory becomes objects, and these are mapped. */
#include "root.h"

void try_memory(void) {
    sel4_slot untyped = untyped_of(16, false), device = untyped_of(12, true), next = free_slot;
    try("Untyped_Retype with five words", untyped, SEL4_LABEL_UNTYPED_RETYPE,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {SEL4_OBJECT_4K, 0, 0, 0, next}));
    try("... without a CNode", untyped, SEL4_LABEL_UNTYPED_RETYPE, CALL(0, {0}, 6, {SEL4_OBJECT_4K, 0, 0, 0, next, 1}));
    try("... another label", untyped, SEL4_LABEL_PAGE_MAP, retype(SEL4_OBJECT_4K, 0, next, 1));
    try("... of no type", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(99, 0, next, 1));
    try("... too large", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 39, next, 1));
    try("... of 64 bits", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 64, next, 1));
    try("... an untyped too small", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 3, next, 1));
    try("... a CNode of one slot", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_CNODE, 0, next, 1));
    try("... nothing", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next, 0));
    try("... too many", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next, 257));
    try("... beyond the CNode", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, 1ull << info->cnode_bits, 1));
    try("... over its end", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, (1ull << info->cnode_bits) - 1, 2));
    try("... into a slot that is used", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, SEL4_SLOT_VSPACE, 1));
    try("... into what is no CNode", untyped, SEL4_LABEL_UNTYPED_RETYPE,
        CALL(1, {SEL4_SLOT_VSPACE}, 6, {SEL4_OBJECT_4K, 0, 0, 0, next, 1}));
    try("... by an address", untyped, SEL4_LABEL_UNTYPED_RETYPE,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {SEL4_OBJECT_4K, 0, next, 64, 0, 1}));
    try("... a device's TCB", device, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_TCB, 0, next, 1));
    try("a large untyped", untyped_of(20, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 16, next, 1));
    untyped = next++;
    /* In order, aligned, and bounded. */
    try("an endpoint", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_ENDPOINT, 0, next++, 1));
    try("two frames", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next, 2));
    quietly(next, SEL4_LABEL_PAGE_GET_ADDRESS, CALL(0));
    uint64_t first = answered[0];
    quietly(next + 1, SEL4_LABEL_PAGE_GET_ADDRESS, CALL(0));
    tell("aligned", first % 4096);
    tell("one after the other", answered[0] - first);
    try("more than is left", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next + 2, 14));
    try("all that is left", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next + 2, 13));
    try("one more", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next + 15, 1));
    try("a copy of an untyped that is used", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {next + 15, 64, untyped, 64, 15}));
    /* Mapped where there is no table: the tables are mapped one by one. */
    uint64_t address = (uint64_t)root_image + (1ull << 31) + (5ull << 21);
    try("Page_Map without tables", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    sel4_slot tables = next + 16;
    try("three tables", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_PAGE_TABLE, 0, tables, 3));
    try("a copy of a table that is not mapped", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {next + 15, 64, tables, 64, 15}));
    struct call table = CALL(1, {SEL4_SLOT_VSPACE}, 2, {address, SEL4_DEFAULT_ATTRIBUTES});
    try("PageTable_Map with one word", tables, SEL4_LABEL_PAGE_TABLE_MAP, CALL(1, {SEL4_SLOT_VSPACE}, 1, {address}));
    try("PageTable_Map into itself", tables, SEL4_LABEL_PAGE_TABLE_MAP, CALL(1, {tables}, 2, {address, 0}));
    try("PageTable_Map beyond user space", tables, SEL4_LABEL_PAGE_TABLE_MAP,
        CALL(1, {SEL4_SLOT_VSPACE}, 2, {SEL4_USER_TOP, 0}));
    try("PageTable_Map", tables, SEL4_LABEL_PAGE_TABLE_MAP, table);
    try("PageTable_Map again", tables, SEL4_LABEL_PAGE_TABLE_MAP, table);
    try("Page_Map with one table", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    try("PageTable_Map the second", tables + 1, SEL4_LABEL_PAGE_TABLE_MAP, table);
    try("PageTable_Map a third", tables + 2, SEL4_LABEL_PAGE_TABLE_MAP, table);
    try("PageTable_Map with Page_Map's label", tables + 2, SEL4_LABEL_PAGE_MAP, table);
    try("Page_Map with both", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    try("Page_Map over another", next + 1, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    volatile uint64_t *memory = (volatile uint64_t *)address;
    tell("zero at first", memory[7]);
    memory[7] = 1234;
    try("Page_Unmap", next, SEL4_LABEL_PAGE_UNMAP, CALL(0));
    try("Page_Map over nothing", next + 1, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    tell("another page", memory[7]);
    try("CNode_Delete of a mapped frame", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {next + 1, 64}));
    try("Page_Map once more", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    tell("as it was", memory[7]);
    try("PageTable_Unmap", tables + 1, SEL4_LABEL_PAGE_TABLE_UNMAP, CALL(0));
    try("Page_Map without its table", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    try("PageTable_Unmap of the address space", SEL4_SLOT_VSPACE, SEL4_LABEL_PAGE_TABLE_UNMAP, CALL(0));
    try("PageTable_Map once more", tables + 1, SEL4_LABEL_PAGE_TABLE_MAP, table);
    try("CNode_Revoke", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_REVOKE, CALL(0, {0}, 2, {untyped, 64}));
    try("what was revoked", next, SEL4_LABEL_PAGE_MAP, map(address, 3, 1));
    try("made anew", untyped, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, next, 3));
    for (unsigned i = 0; i < 3; i++) {
        uint64_t place = address + 4096 * i;
        quietly(next + i, SEL4_LABEL_PAGE_MAP, map(place, 3, 1));
        tell("zero", ((volatile uint64_t *)place)[7]);
    }
    try("a large frame at a small place", untyped_of(22, false), SEL4_LABEL_UNTYPED_RETYPE,
        retype(SEL4_OBJECT_2M, 0, next + 19, 1));
    try("... mapped unaligned", next + 19, SEL4_LABEL_PAGE_MAP, map(address + 4096, 3, 1));
    try("... where a table is", next + 19, SEL4_LABEL_PAGE_MAP, map(address & ~0x1fffffull, 3, 1));
    try("... where none is", next + 19, SEL4_LABEL_PAGE_MAP, map((address & ~0x1fffffull) + 0x200000, 3, 1));
    tell("zero at its end", *(volatile uint64_t *)((address & ~0x1fffffull) + 0x3ffff8));
    free_slot = next + 20;
}
