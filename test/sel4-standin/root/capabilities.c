/* Capabilities are copied, moved and deleted; address spaces are made. */
#include "root.h"

static struct call copy(sel4_slot to, sel4_slot from, uint64_t rights) {
    return CALL(1, {SEL4_SLOT_CNODE}, 5, {to, 64, from, 64, rights});
}

void try_capabilities(void) {
    sel4_slot to = free_slot, frame = frame_at(root_read);
    uint64_t address = (uint64_t)root_read;
    try("CNode_Copy with four words", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 4, {to, 64, frame, 64}));
    try("CNode_Copy without a source", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, CALL(0, {0}, 5, {to, 64, frame, 64, 15}));
    try("CNode_Copy of nothing", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, copy(to, to + 1, 15));
    try("CNode_Copy over something", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, copy(frame, to, 15));
    try("CNode_Copy from no CNode", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, CALL(1, {frame}, 5, {to, 64, frame, 64, 15}));
    try("CNode_Copy at a depth of 0", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {to, 0, frame, 64, 15}));
    try("CNode_Copy at a depth of 65", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {to, 65, frame, 64, 15}));
    try("CNode_Copy at a depth of 12", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {to, 12, frame, 64, 15}));
    try("CNode_Copy beyond the CNode", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, copy(1ull << 40, frame, 15));
    try("a CNode with Page_Map's label", SEL4_SLOT_CNODE, TRIED_LABEL, copy(to, frame, 15));
    try("CNode_Copy", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, copy(to, frame, SEL4_READ));
    try("Page_Map of the copy over it", to, SEL4_LABEL_PAGE_MAP, map(address, 3, 0));
    try("CNode_Move", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MOVE, CALL(1, {SEL4_SLOT_CNODE}, 4, {to + 1, 64, to, 64}));
    try("what was moved", to, SEL4_LABEL_PAGE_MAP, map(address, 3, 0));
    try("CNode_Delete with one word", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 1, {to + 1}));
    try("CNode_Delete", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {to + 1, 64}));
    try("CNode_Delete of nothing", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {to + 1, 64}));
    try("a CNode", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_CNODE, 4, to, 1));
    try("a copy into it", to, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {3, 4, frame, 64, 15}));
    try("a copy beyond it", to, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {3, 5, frame, 64, 15}));
    try("CNode_Mint of a guard", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {to + 1, 64, to, 64, 15, 60}));
    try("CNode_Mint of a guard too long", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {to + 2, 64, to, 64, 15, 61}));
    try("a copy with the guard", to + 1, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {4, 64, frame, 64, 15}));
    try("a copy against it", to + 1, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {16, 64, frame, 64, 15}));
    try("a copy over its first", to, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {4, 4, frame, 64, 15}));
    free_slot = to + 3;
}

void try_spaces(void) {
    sel4_slot table = free_slot, frame = frame_at(root_read), pool = table + 4;
    uint64_t address = (uint64_t)root_read;
    try("tables", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS, table, 3));
    try("ASIDPool_Assign without a table", SEL4_SLOT_ASID_POOL, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(0));
    try("ASIDPool_Assign of a frame", SEL4_SLOT_ASID_POOL, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(1, {frame}, 0));
    try("ASIDPool_Assign of our own", SEL4_SLOT_ASID_POOL, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(1, {SEL4_SLOT_VSPACE}, 0));
    try("ASIDPool_Assign, another label", SEL4_SLOT_ASID_POOL, SEL4_LABEL_PAGE_MAP, CALL(1, {table}, 0));
    try("ASIDPool_Assign", SEL4_SLOT_ASID_POOL, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(1, {table}, 0));
    try("ASIDPool_Assign again", SEL4_SLOT_ASID_POOL, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(1, {table}, 0));
    try("Page_Map of ours there", frame, SEL4_LABEL_PAGE_MAP, CALL(1, {table}, 3, {address, 2, 1}));
    try("a copy", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY, copy(table + 3, frame, 15));
    try("Page_Map of it there", table + 3, SEL4_LABEL_PAGE_MAP, CALL(1, {table}, 3, {address, 2, 1}));
    try("PageTable_Map there", table + 1, SEL4_LABEL_PAGE_TABLE_MAP, CALL(1, {table}, 2, {address, 0}));
    try("PageTable_Map there, the next", table + 2, SEL4_LABEL_PAGE_TABLE_MAP, CALL(1, {table}, 2, {address, 0}));
    try("Page_Map of it there", table + 3, SEL4_LABEL_PAGE_MAP, CALL(1, {table}, 3, {address, 2, 1}));
    try("Page_Map of it here", table + 3, SEL4_LABEL_PAGE_MAP, map(address, 2, 1));
    try("its address space's end", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {table, 64}));
    try("Page_Map there", table + 3, SEL4_LABEL_PAGE_MAP, CALL(1, {table}, 3, {address, 2, 1}));
    try("Page_Unmap from what is gone", table + 3, SEL4_LABEL_PAGE_UNMAP, CALL(0));
    try("a page for a pool", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 12, pool, 1));
    try("ASIDControl_MakePool, short", SEL4_SLOT_ASID_CONTROL, SEL4_LABEL_ASID_CONTROL_MAKE_POOL,
        CALL(2, {pool, SEL4_SLOT_CNODE}, 1, {pool + 1}));
    try("ASIDControl_MakePool of a frame", SEL4_SLOT_ASID_CONTROL, SEL4_LABEL_ASID_CONTROL_MAKE_POOL,
        CALL(2, {frame, SEL4_SLOT_CNODE}, 2, {pool + 1, 64}));
    try("ASIDControl_MakePool", SEL4_SLOT_ASID_CONTROL, SEL4_LABEL_ASID_CONTROL_MAKE_POOL,
        CALL(2, {pool, SEL4_SLOT_CNODE}, 2, {pool + 1, 64}));
    try("ASIDControl_MakePool again", SEL4_SLOT_ASID_CONTROL, SEL4_LABEL_ASID_CONTROL_MAKE_POOL,
        CALL(2, {pool, SEL4_SLOT_CNODE}, 2, {pool + 2, 64}));
    try("a table for it", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE,
        retype(SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS, pool + 3, 1));
    try("ASIDPool_Assign from it", pool + 1, SEL4_LABEL_ASID_POOL_ASSIGN, CALL(1, {pool + 3}, 0));
    free_slot = pool + 4;
}
