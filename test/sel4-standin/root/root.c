/*
 * The root task's order of things. PART says what it does: 0 calls for memory and capabilities, 1 those for threads, 2
 * those for interrupts, 3 a seal, 4 a fault; the last two end by one that nobody handles.
 */
#include "root.h"

#ifdef PADDING
static volatile char padding[PADDING];
#endif

_Noreturn static void halt(void) {
    sel4_send_number(SEL4_SYS_HALT, 0);
    for (;;) sel4_send_number(SEL4_SYS_YIELD, 0);
}

/* What moves a thread to a space: with MCS, who hears of its faults goes along as a capability. */
static struct call to_space(sel4_slot space, uint64_t guard) {
#if SEL4_IS_MCS
    return CALL(3, {0, space, SEL4_SLOT_VSPACE}, 2, {guard, 0});
#else
    return CALL(2, {space, SEL4_SLOT_VSPACE}, 3, {0, guard, 0});
#endif
}

/* As a seal does: a small space of our own, and the old one lost. */
static void seal(void) {
    sel4_slot space = free_slot++;
    try("a space", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_CNODE, 5, space, 1));
    try("the old one into it", space, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {30, 5, SEL4_SLOT_CNODE, 64, 15}));
    try("itself into it", space, SEL4_LABEL_CNODE_COPY, CALL(1, {SEL4_SLOT_CNODE}, 5, {31, 5, space, 64, 15}));
    try("TCB_SetSpace with a guard too long", SEL4_SLOT_TCB, SEL4_LABEL_TCB_SET_SPACE, to_space(space, 60));
    try("TCB_SetSpace", SEL4_SLOT_TCB, SEL4_LABEL_TCB_SET_SPACE, to_space(space, 59));
    try("the address space's capability", 30, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {SEL4_SLOT_VSPACE, 64}));
    try("the old space", 31, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {30, 5}));
    try("itself", 31, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {31, 5}));
    try("itself again", 31, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {31, 5}));
    try("nothing there", 5, SEL4_LABEL_PAGE_MAP, CALL(0));
}

_Noreturn void root(struct sel4_bootinfo *given);

_Noreturn void root(struct sel4_bootinfo *given) {
    info = given;
    buffer = info->ipc_buffer;
    free_slot = info->empty.start;
#ifdef PADDING
    padding[0] = 1;
#endif
    if (PART == 0) {
        tell_bootinfo();
        try_frames();
        try_memory();
        try_capabilities();
        try_spaces();
        halt();
    }
    if (PART == 1) {
        try_threads();
        halt();
    }
    if (PART == 2) {
        try_interrupts();
        halt();
    }
    if (PART == 3) seal();
#ifdef USES_FLOATS
    uint64_t half;
    __asm__ volatile(
        ".option push\n.option arch, +d\n"
        "fcvt.d.l fa0, %1\nfcvt.d.l fa1, %2\nfdiv.d fa0, fa0, fa1\nfcvt.l.d %0, fa0, rtz\n"
        ".option pop"
        : "=r"(half)
        : "r"(5), "r"(2));
    tell("half of 5", half);
#endif
    if (PART == 4) {
        try("Page_Map for execution alone", frame_at(root_image), SEL4_LABEL_PAGE_MAP, map((uint64_t)root_image, 0, 0));
        tell("read", *(volatile uint32_t *)(void *)root_image);
    }
    /* What is beyond the space is no capability: that is a fault, whoever asks. */
    sel4_call(1ull << 60, sel4_message_info(SEL4_LABEL_PAGE_MAP, 0, 0), (uint64_t[4]){0});
    tell("not reached", 0);
    halt();
}
