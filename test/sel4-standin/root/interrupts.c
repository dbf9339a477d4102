/* Signals, and the interrupt of a clock: qemu-riscv-virt's goldfish RTC, whose alarm rings at once when it is past. */
#include "root.h"

#define CLOCK 0x101000u
#define CLOCK_IRQ 11u
enum { TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, ENABLED, CLEAR_ALARM, STATUS, CLEAR_INTERRUPT };

static void receive(const char *what, int64_t number, sel4_slot slot) {
    register uint64_t a0 __asm__("a0") = slot;
    register uint64_t a1 __asm__("a1") = 7;
    register int64_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a7) : "memory", "a2", "a3", "a4", "a5");
    tell(what, a0);
}

static struct call issue(uint64_t irq, sel4_slot to) { return CALL(1, {SEL4_SLOT_CNODE}, 3, {irq, to, 64}); }

static volatile uint32_t *map_clock(void) {
    sel4_slot device = untyped_of(25, true), frame = free_slot + 2;
    uint64_t address = ((uint64_t)root_image >> 21 << 21) + 0x1f0000;
    try("addresses before the clock", device, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_UNTYPED, 20, free_slot, 1));
    try("a page before it", device, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, free_slot + 1, 1));
    try("its page", device, SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, frame, 1));
    quietly(frame, SEL4_LABEL_PAGE_GET_ADDRESS, CALL(0));
    tell("its address", answered[0]);
    try("Page_Map", frame, SEL4_LABEL_PAGE_MAP, map(address, SEL4_READ | SEL4_WRITE, SEL4_EXECUTE_NEVER));
    try("TCB_SetIPCBuffer to a device", SEL4_SLOT_TCB, SEL4_LABEL_TCB_SET_IPC_BUFFER, CALL(1, {frame}, 1, {address}));
    free_slot += 3;
    return (volatile uint32_t *)address;
}

void try_interrupts(void) {
    sel4_slot notification = free_slot, badged = free_slot + 1, silent = free_slot + 2, handler = free_slot + 3;
    free_slot += 4;
    try("a notification", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE,
        retype(SEL4_OBJECT_NOTIFICATION, 0, notification, 1));
    try("with a badge", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {badged, 64, notification, 64, 15, 5}));
    try("only to wait for", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {silent, 64, notification, 64, 2}));
    receive("nothing yet", SEL4_SYS_NB_RECV, notification);
    try("a signal", badged, 0, CALL(0));
    receive("it", SEL4_SYS_RECV, silent);
    receive("nothing any more", SEL4_SYS_NB_RECV, silent);
    try("a signal that is not allowed", silent, 0, CALL(0));
    try("IRQControl_Get, short", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE,
        CALL(1, {SEL4_SLOT_CNODE}, 2, {CLOCK_IRQ, handler}));
    try("IRQControl_Get of 0", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE, issue(0, handler));
    try("IRQControl_Get of too many", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE, issue(1000, handler));
    try("IRQControl_Get over something", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE, issue(CLOCK_IRQ, badged));
    try("IRQControl_Get, another label", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_PAGE_MAP, issue(CLOCK_IRQ, handler));
    try("IRQControl_Get", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE, issue(CLOCK_IRQ, handler));
    try("IRQControl_Get again", SEL4_SLOT_IRQ_CONTROL, SEL4_LABEL_IRQ_ISSUE, issue(CLOCK_IRQ, free_slot));
    try("a copy of IRQControl", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_COPY,
        CALL(1, {SEL4_SLOT_CNODE}, 5, {free_slot, 64, SEL4_SLOT_IRQ_CONTROL, 64, 15}));
    try("a handler without a notification", handler, SEL4_LABEL_IRQ_SET, CALL(0));
    try("a handler with a frame", handler, SEL4_LABEL_IRQ_SET, CALL(1, {info->image_frames.start}, 0));
    try("a handler that may not signal", handler, SEL4_LABEL_IRQ_SET, CALL(1, {silent}, 0));
    try("a handler, another label", handler, SEL4_LABEL_PAGE_MAP, CALL(1, {badged}, 0));
    try("a handler", handler, SEL4_LABEL_IRQ_SET, CALL(1, {badged}, 0));
    volatile uint32_t *clock = map_clock();
    try("IRQControl's end", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {SEL4_SLOT_IRQ_CONTROL, 64}));
    for (unsigned i = 0; i < 3; i++) {
        clock[ENABLED] = 1;
        clock[ALARM_HIGH] = 0;
        clock[ALARM_LOW] = 1;
        receive("an interrupt", SEL4_SYS_RECV, notification);
        receive("only one", SEL4_SYS_NB_RECV, notification);
        clock[CLEAR_INTERRUPT] = 1;
        try("its acknowledgement", handler, SEL4_LABEL_IRQ_ACK, CALL(0));
    }
    /* In a while, so that nothing runs until then. */
    uint32_t low = clock[TIME_LOW];
    uint64_t then = ((uint64_t)clock[TIME_HIGH] << 32 | low) + 30000000;
    clock[ALARM_HIGH] = (uint32_t)(then >> 32);
    clock[ALARM_LOW] = (uint32_t)then;
    receive("later", SEL4_SYS_RECV, notification);
    try("the handler's end", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_DELETE, CALL(0, {0}, 2, {handler, 64}));
    try("what it was", handler, SEL4_LABEL_IRQ_ACK, CALL(0));
}
