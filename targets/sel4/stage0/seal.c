/*
 * The seal: after it, nothing can change what is mapped, because the program's thread has no capability left.
 *
 * What could make memory or more pools of address spaces is deleted. Then the thread is moved to a capability space of its
 * own, empty but for what it keeps; the old one is out of reach for good. Deleting is not enough: a frame's capability
 * takes its page along and the ASID pool's the whole address space, and both must not stay. With frames and its TCB a
 * thread can have the kernel write messages into any of its pages; with the pool and a page table, have another space.
 *
 * Then every way back is tried, by the names that the capabilities had; one that is not refused ends the boot.
 */
#include "stage0.h"

/*
 * Slots of the new space: 1 << SPACE_BITS. What is kept begins at SEL4_KEPT, where no capability was before that could undo
 * anything: none must answer to its name. Two of the last serve the move.
 */
#define SPACE_BITS 5u
#define SPACE_OLD 30u
#define SPACE_SELF 31u
/* Bytes of a slot: 1 << SLOT_BITS. */
#define SLOT_BITS 5u

/* Of a capability that is copied: write, read, grant, grant reply. */
#define ALL_RIGHTS 15u

static uint64_t copy_to(sel4_slot space, uint64_t to, uint64_t depth, sel4_slot from) {
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->words[4] = ALL_RIGHTS;
    return sel4_invoke(space, sel4_message_info(SEL4_LABEL_CNODE_COPY, 1, 5), to, depth, from, SEL4_DEPTH);
}

static void keep_as(sel4_slot space, uint64_t to, sel4_slot from) {
    sel4_require("keeping a capability", copy_to(space, to, SPACE_BITS, from));
}

/* What a space of so many bits leaves of an address is 0: the rest is its guard. */
#define SPACE_DATA (64u - SPACE_BITS)

static uint64_t set_space(sel4_slot space) {
#if SEL4_IS_MCS
    sel4_buffer->slots[0] = 0; /* no handler of faults */
    sel4_buffer->slots[1] = space;
    sel4_buffer->slots[2] = SEL4_SLOT_VSPACE;
    return sel4_invoke(SEL4_SLOT_TCB, sel4_message_info(SEL4_LABEL_TCB_SET_SPACE, 3, 2), SPACE_DATA, 0, 0, 0);
#else
    sel4_buffer->slots[0] = space;
    sel4_buffer->slots[1] = SEL4_SLOT_VSPACE;
    return sel4_invoke(SEL4_SLOT_TCB, sel4_message_info(SEL4_LABEL_TCB_SET_SPACE, 2, 3), 0, SPACE_DATA, 0, 0);
#endif
}

static void refused(const char *what, uint64_t error) {
    if (error == SEL4_NO_ERROR) sel4_give_up(what, error);
}

/*
 * Each must be refused. Names are those that the capabilities had before, where there are such: in a space without any
 * one name is as good as another, but beyond its last slot the kernel answers with a fault, which ends a thread.
 */
static void try_ways_back(void) {
    const sel4_slot memory = SPACE_OLD, nothing = SPACE_SELF;
    refused("not sealed: Page_Map", sel4_page_map(SEL4_SLOT_BOOTINFO_FRAME, (uintptr_t)sel4_info, SEL4_READ | SEL4_WRITE,
                                                  SEL4_DEFAULT_ATTRIBUTES));
    /* An address space of our own, from what is left of memory. */
    refused("not sealed: Untyped_Retype", sel4_retype(memory, SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS, 1));
    sel4_buffer->slots[0] = nothing;
    refused("not sealed: ASIDPool_Assign",
            sel4_invoke(SEL4_SLOT_ASID_POOL, sel4_message_info(SEL4_LABEL_ASID_POOL_ASSIGN, 1, 0), 0, 0, 0, 0));
    refused("not sealed: TCB_SetSpace", set_space(SEL4_SLOT_CNODE));
    /* Another capability for a page. */
    refused("not sealed: CNode_Copy", copy_to(SEL4_SLOT_CNODE, nothing, SPACE_BITS, SEL4_SLOT_BOOTINFO_FRAME));
}

void sel4_seal(const sel4_slot *keep, size_t count) {
    sel4_slot space = sel4_make(sel4_take_untyped(SPACE_BITS + SLOT_BITS), SEL4_OBJECT_CNODE, SPACE_BITS, 1);
    for (size_t i = 0; i < count; i++) keep_as(space, SEL4_KEPT + i, keep[i]);
    keep_as(space, SPACE_OLD, SEL4_SLOT_CNODE);
    keep_as(space, SPACE_SELF, space);
    for (sel4_slot slot = sel4_info->untyped.start; slot < sel4_info->untyped.end; slot++) sel4_delete(slot);
    sel4_delete(SEL4_SLOT_IRQ_CONTROL);
    sel4_delete(SEL4_SLOT_ASID_CONTROL);
    sel4_delete(SEL4_SLOT_IO_PORT_CONTROL);
    sel4_require("the seal: TCB_SetSpace", set_space(space));
    /* Now by the new space's names; the old one's last use is to lose its address space. */
    sel4_require("the seal", sel4_delete_in(SPACE_OLD, SEL4_SLOT_VSPACE, SEL4_DEPTH));
    sel4_require("the seal", sel4_delete_in(SPACE_SELF, SPACE_OLD, SPACE_BITS));
    sel4_require("the seal", sel4_delete_in(SPACE_SELF, SPACE_SELF, SPACE_BITS));
    try_ways_back();
}
