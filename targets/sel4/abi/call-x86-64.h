/*
 * System calls on x86-64: number in rdx, capability in rdi, message info in rsi, the first words in r10, r8, r9 and r15.
 * The kernel leaves rsp, rcx and r11 changed; it wants the stack pointer kept in rbx.
 */
#ifndef SEL4_CALL_H
#define SEL4_CALL_H

static inline uint64_t sel4_call(sel4_slot slot, uint64_t info, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t r10 __asm__("r10") = words[0];
    register uint64_t r8 __asm__("r8") = words[1];
    register uint64_t r9 __asm__("r9") = words[2];
    register uint64_t r15 __asm__("r15") = words[3];
    uint64_t number = (uint64_t)SEL4_SYS_CALL;
    __asm__ volatile("movq %%rsp, %%rbx\n\tsyscall\n\tmovq %%rbx, %%rsp"
                     : "+S"(info), "+D"(slot), "+d"(number), "+r"(r10), "+r"(r8), "+r"(r9), "+r"(r15)
                     :
                     : "rbx", "rcx", "r11", "memory");
    words[0] = r10;
    words[1] = r8;
    words[2] = r9;
    words[3] = r15;
    return info;
}

static inline void sel4_send_number(int64_t number, uint64_t first) {
    uint64_t info = 0;
    __asm__ volatile("movq %%rsp, %%rbx\n\tsyscall\n\tmovq %%rbx, %%rsp"
                     : "+S"(info), "+D"(first), "+d"(number)
                     :
                     : "rbx", "rcx", "r8", "r9", "r10", "r11", "r15", "memory");
}

/* Waits for a message at an endpoint, which is not answered: takes its first words, returns its info. */
static inline uint64_t sel4_wait(sel4_slot endpoint, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t r10 __asm__("r10");
    register uint64_t r8 __asm__("r8");
    register uint64_t r9 __asm__("r9");
    register uint64_t r15 __asm__("r15");
    uint64_t number = (uint64_t)SEL4_SYS_WAIT_MESSAGE, info;
    __asm__ volatile("movq %%rsp, %%rbx\n\tsyscall\n\tmovq %%rbx, %%rsp"
                     : "=S"(info), "+D"(endpoint), "+d"(number), "=r"(r10), "=r"(r8), "=r"(r9), "=r"(r15)
                     :
                     : "rbx", "rcx", "r11", "memory");
    words[0] = r10;
    words[1] = r8;
    words[2] = r9;
    words[3] = r15;
    return info;
}

/* Waits for a notification. */
static inline void sel4_receive(sel4_slot notification) {
    int64_t number = SEL4_SYS_RECV;
    uint64_t answers = 0; /* where they could be sent to, with a scheduling context */
    register uint64_t r12 __asm__("r12") = answers;
    __asm__ volatile("movq %%rsp, %%rbx\n\tsyscall\n\tmovq %%rbx, %%rsp"
                     : "+D"(notification), "+d"(number), "+r"(r12)
                     :
                     : "rbx", "rcx", "rsi", "r8", "r9", "r10", "r11", "r15", "memory");
}

#endif
