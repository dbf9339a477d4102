/* A thread is made, sends messages, and faults. */
#include "root.h"

static sel4_slot endpoint, thread;
static _Alignas(16) char child_stack[4096];

/* What the child does, one after the other; each but the last is answered by letting it go on. */
_Noreturn void child(void);

_Noreturn void child(void) {
    uint64_t words[4] = {11, 22, 33, 44};
    uint64_t answer = sel4_call(endpoint, sel4_message_info(77, 0, 2), words);
    __asm__ volatile("sd zero, 8(zero)" ::: "memory");
    uint64_t more[4] = {answer, words[0], 5, 6};
    sel4_call(endpoint, sel4_message_info(78, 0, 6), more);
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
    register int64_t a7 __asm__("a7") = SEL4_SYS_RECV;
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

static void answer_child(uint64_t label, uint64_t length, uint64_t first) {
    register uint64_t a0 __asm__("a0") = 0;
    register uint64_t a1 __asm__("a1") = sel4_message_info(label, 0, length);
    register uint64_t a2 __asm__("a2") = first;
    register int64_t a7 __asm__("a7") = SEL4_SYS_REPLY;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2) : "r"(a7) : "memory", "a3", "a4", "a5");
}

/* Lets the child go on behind the instruction that it faulted at. */
static void skip(void) {
    struct call registers = CALL(0, {0}, 3, {1, 1, answered[0] + 4});
    try("TCB_WriteRegisters of one", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, registers);
}

void try_threads(void) {
    sel4_slot frame = free_slot + 2;
    struct call configure = CALL(3, {SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, frame}, 4, {0, 64 - SEL4_CNODE_BITS, 0, (uint64_t)root_write});
    endpoint = free_slot;
    thread = free_slot + 1;
    try("data that is not executed", frame_at(root_write), SEL4_LABEL_PAGE_MAP, map((uint64_t)root_write, 3, SEL4_EXECUTE_NEVER));
    try("a thread", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_TCB, 0, thread, 1));
    try("an endpoint", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_ENDPOINT, 0, free_slot + 3, 1));
    try("CNode_Mint of a badge", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT, CALL(1, {SEL4_SLOT_CNODE}, 6, {endpoint, 64, free_slot + 3, 64, 15, 9}));
    try("CNode_Mint of another", SEL4_SLOT_CNODE, SEL4_LABEL_CNODE_MINT, CALL(1, {SEL4_SLOT_CNODE}, 6, {free_slot + 4, 64, endpoint, 64, 15, 8}));
    try("a buffer", untyped_of(16, false), SEL4_LABEL_UNTYPED_RETYPE, retype(SEL4_OBJECT_4K, 0, frame, 1));
    configure.words[0] = endpoint;
    configure.words[3] = 0x1000;
    try("a thread with Page_Map's label", thread, SEL4_LABEL_PAGE_MAP, configure);
    try("TCB_Configure, short", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(2, {SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE}, 4, {0}));
    try("TCB_Configure without a CNode", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(3, {frame, SEL4_SLOT_VSPACE, frame}, 4, {0, 0, 0, 0x1000}));
    try("TCB_Configure without a VSpace", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(3, {SEL4_SLOT_CNODE, frame, frame}, 4, {0, 0, 0, 0x1000}));
    try("TCB_Configure with an odd buffer", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(3, {SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, frame}, 4, {0, 0, 0, 0x1008}));
    try("TCB_Configure with no frame", thread, SEL4_LABEL_TCB_CONFIGURE, CALL(3, {SEL4_SLOT_CNODE, SEL4_SLOT_VSPACE, thread}, 4, {0, 0, 0, 0x1000}));
    try("TCB_Configure", thread, SEL4_LABEL_TCB_CONFIGURE, configure);
    try("TCB_SetSpace, short", thread, SEL4_LABEL_TCB_SET_SPACE, CALL(1, {SEL4_SLOT_CNODE}, 3, {0}));
    try("TCB_SetSpace without a VSpace", thread, SEL4_LABEL_TCB_SET_SPACE, CALL(2, {SEL4_SLOT_CNODE, frame}, 3, {0}));
    try("TCB_SetPriority, too high", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {SEL4_SLOT_TCB}, 1, {256}));
    try("TCB_SetPriority of no thread", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {frame}, 1, {255}));
    try("TCB_SetPriority", thread, SEL4_LABEL_TCB_SET_PRIORITY, CALL(1, {SEL4_SLOT_TCB}, 1, {254}));
    try("TCB_WriteRegisters, short", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, CALL(0, {0}, 3, {1, 2, 0}));
    try("TCB_WriteRegisters of our own", SEL4_SLOT_TCB, SEL4_LABEL_TCB_WRITE_REGISTERS, CALL(0, {0}, 3, {0, 1, 0}));
    struct call registers = CALL(0, {0}, 5, {1, 3, (uint64_t)child_start, 0, (uint64_t)child_stack + sizeof child_stack});
    try("TCB_WriteRegisters", thread, SEL4_LABEL_TCB_WRITE_REGISTERS, registers);
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
