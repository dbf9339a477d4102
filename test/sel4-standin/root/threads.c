/* A thread is made, sends messages, and faults. */
#include "root.h"

static sel4_slot endpoint, thread;
static _Alignas(16) char child_stack[4096];

/* What the child does, one after the other; each but the last is answered by letting it go on. */
_Noreturn void child(void);

_Noreturn void child(void) {
    uint64_t words[4] = {11, 22, 33, 44};
#if SEL4_IS_MCS
    __asm__ volatile("sd zero, 8(zero)" ::: "memory");
#else
    uint64_t answer = sel4_call(endpoint, sel4_message_info(77, 0, 2), words);
    __asm__ volatile("sd zero, 8(zero)" ::: "memory");
    uint64_t more[4] = {answer, words[0], 5, 6};
    sel4_call(endpoint, sel4_message_info(78, 0, 6), more);
#endif
    __asm__ volatile(".word 0");
    sel4_send_number(-100, 5);
    sel4_call(1ull << 40, 0, words);
    for (;;) ((void (*)(void))(uintptr_t)root_write)();
}

static void listen(const char *what) {
    register uint64_t a0 __asm__("a0") = endpoint;
    register uint64_t a1 __asm__("a1");
    register uint64_t a2 __asm__("a2");
    register uint64_t a3 __asm__("a3");
    register uint64_t a4 __asm__("a4");
    register uint64_t a5 __asm__("a5");
    register int64_t a7 __asm__("a7") = SEL4_SYS_WAIT_MESSAGE;
    __asm__ volatile("ecall" : "+r"(a0), "=r"(a1), "=r"(a2), "=r"(a3), "=r"(a4), "=r"(a5) : "r"(a7) : "memory");
    uint64_t badge = a0, heard = a1;
    answered[0] = a2;
    answered[1] = a3;
    answered[2] = a4;
    answered[3] = a5;
    put("> ");
    put(what);
    put(": ");
    put_hex(heard);
    put(" badge ");
    put_hex(badge);
    for (unsigned i = 0; i < 4 && i < (heard & 127); i++) {
        /* Addresses of ours are not told. */
        if (answered[i] >= (uint64_t)root_image && answered[i] <= (uint64_t)root_end) {
            put(" address");
        } else {
            put(" ");
            put_hex(answered[i]);
        }
    }
    put("\n");
}

/* Lets the child go on behind the instruction that it faulted at. */
static void skip(void) {
    struct call registers = CALL(0, {0}, 3, {1, 1, answered[0] + 4});
    try("TCB_WriteRegisters of one", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, registers);
}

#if SEL4_IS_MCS

/* Nobody answers here: that would take a reply object. Each time the child is set behind where it was. */
static void hear_child(void) {
    listen("a store to nothing");
    skip();
    listen("an illegal instruction");
    skip();
    listen("an unknown call");
    skip();
    listen("what can be no capability");
    skip();
    listen("code in data");
}

static struct call with_handler(sel4_slot handler) {
    return CALL(3, {handler, SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE}, 2, {64 - SEL4_CNODE_BITS, 0});
}

/* A thread runs when it has a scheduling context. */
static void give_time(sel4_slot time) {
    const sel4_slot control = info->sched_control.start, frame = frame_at(root_read);
    const struct call times = CALL(1, {time}, 5, {10000, 10000, 0, 0, 0});
    tell("controls of time", info->sched_control.end - info->sched_control.start);
    try("a scheduling context too small", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE,
        retype(SEL4_OBJECT_SCHED_CONTEXT, 6, time, 1));
    try("a scheduling context", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE,
        retype(SEL4_OBJECT_SCHED_CONTEXT, 7, time, 1));
    try("SchedControl_ConfigureFlags, short", control, SEL4_LABEL_SCHED_CONTROL_CONFIGURE, CALL(1, {time}, 4, {10000, 10000}));
    try("SchedControl_ConfigureFlags without a context", control, SEL4_LABEL_SCHED_CONTROL_CONFIGURE,
        CALL(0, {0}, 5, {10000, 10000}));
    try("SchedControl_ConfigureFlags of a frame", control, SEL4_LABEL_SCHED_CONTROL_CONFIGURE,
        CALL(1, {frame}, 5, {10000, 10000}));
    try("SchedControl, another label", control, SEL4_LABEL_PAGE_MAP, times);
    try("SchedControl_ConfigureFlags", control, SEL4_LABEL_SCHED_CONTROL_CONFIGURE, times);
    try("SchedContext_Bind of nothing", time, SEL4_LABEL_SCHED_CONTEXT_BIND, CALL(0));
    try("SchedContext_Bind of a frame", time, SEL4_LABEL_SCHED_CONTEXT_BIND, CALL(1, {frame}, 0));
    try("SchedContext, another label", time, SEL4_LABEL_PAGE_MAP, CALL(1, {thread}, 0));
    try("SchedContext_Bind of ourselves", time, SEL4_LABEL_SCHED_CONTEXT_BIND, CALL(1, {SEL4_SLOT_TCB}, 0));
    try("SchedContext_Bind", time, SEL4_LABEL_SCHED_CONTEXT_BIND, CALL(1, {thread}, 0));
    try("SchedContext_Bind again", time, SEL4_LABEL_SCHED_CONTEXT_BIND, CALL(1, {thread}, 0));
}

static void try_handlers(sel4_slot frame) {
    try("TCB_SetSpace with a frame for a handler", thread, SEL4_LABEL_TCB_SET_SPACE, with_handler(frame));
    try("TCB_SetSpace without a handler", thread, SEL4_LABEL_TCB_SET_SPACE, with_handler(0));
    try("TCB_SetSpace", thread, SEL4_LABEL_TCB_SET_SPACE, with_handler(endpoint));
    give_time(free_slot + 5);
}

/* Words of TCB_Configure. */
static struct call configured(sel4_slot cnode, sel4_slot vspace, sel4_slot frame, uint64_t address) {
    return CALL(3, {cnode, vspace, frame}, 3, {64 - SEL4_CNODE_BITS, 0, address});
}

#else

static void answer_child(uint64_t label, uint64_t length, uint64_t first) {
    register uint64_t a0 __asm__("a0") = 0;
    register uint64_t a1 __asm__("a1") = sel4_message_info(label, 0, length);
    register uint64_t a2 __asm__("a2") = first;
    register int64_t a7 __asm__("a7") = SEL4_SYS_REPLY;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(a7) : "memory", "a3", "a4", "a5");
}

static void hear_child(void) {
    listen("a call");
    answer_child(3, 1, 99);
    listen("a store to nothing");
    skip();
    listen("another call");
    tell("its fifth word", buffer->words[4]);
    answer_child(0, 0, 0);
    listen("an illegal instruction");
    answer_child(0, 1, answered[0] + 4);
    listen("an unknown call");
    answer_child(0, 1, answered[0] + 4);
    listen("what can be no capability");
    skip();
    listen("code in data");
}

static void try_handlers(sel4_slot frame) {
    try("TCB_SetSpace, short", thread, SEL4_LABEL_TCB_SET_SPACE, CALL(1, {SEL4_SLOT_CNODE}, 3, {0}));
    try("TCB_SetSpace without a VSpace", thread, SEL4_LABEL_TCB_SET_SPACE, CALL(2, {SEL4_SLOT_CNODE, frame}, 3, {0}));
}

static struct call configured(sel4_slot cnode, sel4_slot vspace, sel4_slot frame, uint64_t address) {
    return CALL(3, {cnode, vspace, frame}, 4, {endpoint, 64 - SEL4_CNODE_BITS, 0, address});
}

#endif

void try_threads(void) {
    const sel4_slot frame = free_slot + 2;
    endpoint = free_slot;
    thread = free_slot + 1;
    try("data that is not executed", frame_at(root_write), SEL4_LABEL_PAGE_MAP,
        map((uint64_t)root_write, 3, SEL4_EXECUTE_NEVER));
    try("a thread", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_TCB, 0, thread, 1));
    try("an endpoint", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_ENDPOINT, 0, free_slot + 3, 1));
    try("CNode_Mint of a badge", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {endpoint, 64, free_slot + 3, 64, 15, 9}));
    try("CNode_Mint of another", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT,
        CALL(1, {SEL4_SLOT_CNODE}, 6, {free_slot + 4, 64, endpoint, 64, 15, 8}));
    try("a buffer", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, frame, 1));
    try("a thread with Page_Map's label", thread, SEL4_LABEL_PAGE_MAP,
        configured(SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, frame, 0x1000));
    try("TCB_Configure, short", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(2, {SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE}, 4, {0}));
    try("TCB_Configure without a CNode", thread, SEL4_LABEL_TCB_CONFIGURE, configured(frame, SEL4_SLOT_VSPACE, frame, 0x1000));
    try("TCB_Configure without a VSpace", thread, SEL4_LABEL_TCB_CONFIGURE, configured(SEL4_SLOT_CNODE, frame, frame, 0x1000));
    try("TCB_Configure with an odd buffer", thread, SEL4_LABEL_TCB_CONFIGURE,
        configured(SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, frame, 0x1008));
    try("TCB_Configure with no frame", thread, SEL4_LABEL_TCB_CONFIGURE,
        configured(SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, thread, 0x1000));
    try("TCB_Configure", thread, SEL4_LABEL_TCB_CONFIGURE, configured(SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, frame, 0x1000));
    try_handlers(frame);
    try("TCB_SetPriority, too high", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {SEL4_SLOT_TCB}, 1, {256}));
    try("TCB_SetPriority of no thread", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {frame}, 1, {255}));
    try("TCB_SetPriority", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {SEL4_SLOT_TCB}, 1, {254}));
    try("TCB_WriteRegisters, short", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, CALL(0, {0}, 3, {1, 2, 0}));
    try("TCB_WriteRegisters of our own", SEL4_SLOT_TCB, SEL4_LABEL_TCB_WRITE_REGISTERS, CALL(0, {0}, 3, {0, 1, 0}));
    struct call registers = CALL(0, {0}, 5, {1, 3, (uint64_t)child_start, 0, (uint64_t)child_stack + sizeof child_stack});
    try("TCB_WriteRegisters", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, registers);
    hear_child();
}
