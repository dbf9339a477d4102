/*
 * The seal: after it, nothing can change what is mapped, because the program's thread has no capability left.
 *
 * What could make memory or more pools of address spaces is deleted. Then the thread is moved to a capability space of its
 * own, empty but for what it keeps; the old one is out of reach for good. Deleting is not enough: a frame's capability
 * takes its page along and the ASID pool's the whole address space, and both must not stay. With frames and its TCB a
 * thread can have the kernel write messages into any of its pages; with the pool and a page table, have another space.
 *
 * Then every way back is tried, by the names that the capabilities had; one that is not refused, because there is no
 * capability of that name, ends the boot. Another error would be a capability's answer: one is there, and was asked wrongly.
 */
#include "stage0.h"

/* Names in the new space that serve the move to it. */
#define SPACE_OLD 30u
#define SPACE_SELF 31u
/* Bytes of a slot: 1 << SLOT_BITS. */
#define SLOT_BITS 5u

static void keep_as(sel4_slot space, uint64_t to, sel4_slot from) {
    sel4_require("keeping a capability", sel4_copy_to(space, to, SEL4_SPACE_BITS, from));
}

uint64_t sel4_set_space(sel4_slot thread, sel4_slot handler, uint64_t name, sel4_slot space, sel4_slot vspace) {
    /* What the space's bits leave of an address is 0: the rest is its guard. */
    const uint64_t data = 64 - SEL4_SPACE_BITS;
#if SEL4_IS_MCS
    (void)name;
    sel4_buffer->slots[0] = handler;
    sel4_buffer->slots[1] = space;
    sel4_buffer->slots[2] = vspace;
    return sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_SET_SPACE, 3, 2), data, 0, 0, 0);
#else
    (void)handler;
    sel4_buffer->slots[0] = space;
    sel4_buffer->slots[1] = vspace;
    return sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_SET_SPACE, 2, 3), name, data, 0, 0);
#endif
}

sel4_slot sel4_make_space(const sel4_slot *keep, size_t count) {
    sel4_slot space = sel4_make(sel4_take_untyped(SEL4_SPACE_BITS + SLOT_BITS), SEL4_OBJECT_CNODE, SEL4_SPACE_BITS, 1);
    for (size_t i = 0; i < count; i++) keep_as(space, SEL4_KEPT + i, keep[i]);
    return space;
}

static void refused(const char *what, uint64_t error) {
    if (error != SEL4_INVALID_CAPABILITY) sel4_give_up(what, error);
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
    refused("not sealed: TCB_SetSpace", sel4_set_space(SEL4_SLOT_TCB, 0, 0, SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE));
    /* Another capability for a page, by the space's own last name. */
    refused("not sealed: CNode_Copy", sel4_copy_to(nothing, SPACE_OLD, SEL4_SPACE_BITS, SEL4_SLOT_BOOTINFO_FRAME));
}

void sel4_seal(const sel4_slot *keep, size_t count) {
    sel4_slot space = sel4_make_space(keep, count);
    keep_as(space, SPACE_OLD, SEL4_SLOT_CNODE);
    keep_as(space, SPACE_SELF, space);
    for (sel4_slot slot = sel4_info->untyped.start; slot < sel4_info->untyped.end; slot++) sel4_delete(slot);
    sel4_delete(SEL4_SLOT_IRQ_CONTROL);
    sel4_delete(SEL4_SLOT_ASID_CONTROL);
    sel4_delete(SEL4_SLOT_IO_PORT_CONTROL);
    sel4_require("the seal: TCB_SetSpace", sel4_set_space(SEL4_SLOT_TCB, 0, 0, space, SEL4_SLOT_VSPACE));
    /* Now by the new space's names; the old one's last use is to lose its address space. */
    sel4_require("the seal", sel4_delete_in(SPACE_OLD, SEL4_SLOT_VSPACE, SEL4_DEPTH));
    sel4_require("the seal", sel4_delete_in(SPACE_SELF, SPACE_OLD, SEL4_SPACE_BITS));
    sel4_require("the seal", sel4_delete_in(SPACE_SELF, SPACE_SELF, SEL4_SPACE_BITS));
    try_ways_back();
}
