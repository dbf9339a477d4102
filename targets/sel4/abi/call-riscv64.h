/* System calls on RISC-V: number in a7, capability in a0, message info in a1, the first words in a2 to a5. */
#ifndef SEL4_CALL_H
#define SEL4_CALL_H

static inline uint64_t sel4_call(sel4_slot slot, uint64_t info, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t a0 __asm__("a0") = slot;
    register uint64_t a1 __asm__("a1") = info;
    register uint64_t a2 __asm__("a2") = words[0];
    register uint64_t a3 __asm__("a3") = words[1];
    register uint64_t a4 __asm__("a4") = words[2];
    register uint64_t a5 __asm__("a5") = words[3];
    register int64_t a7 __asm__("a7") = SEL4_SYS_CALL;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1), "+r"(a2), "+r"(a3), "+r"(a4), "+r"(a5) : "r"(a7) : "memory");
    words[0] = a2;
    words[1] = a3;
    words[2] = a4;
    words[3] = a5;
    return a1;
}

static inline void sel4_send_number(int64_t number, uint64_t first) {
    register uint64_t a0 __asm__("a0") = first;
    register uint64_t a1 __asm__("a1") = 0;
    register int64_t a7 __asm__("a7") = number;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a7) : "memory");
}

/* Waits for a notification. */
static inline void sel4_receive(sel4_slot notification) {
    register uint64_t a0 __asm__("a0") = notification;
    register uint64_t a6 __asm__("a6") = 0; /* where answers could be sent to, with a scheduling context */
    register int64_t a7 __asm__("a7") = SEL4_SYS_RECV;
    __asm__ volatile("ecall" : "+r"(a0) : "r"(a6), "r"(a7) : "a1", "a2", "a3", "a4", "a5", "memory");
}

/* Waits for a message at an endpoint, which is not answered: takes its first words, returns its info. */
static inline uint64_t sel4_wait(sel4_slot endpoint, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t a0 __asm__("a0") = endpoint;
    register uint64_t a1 __asm__("a1");
    register uint64_t a2 __asm__("a2");
    register uint64_t a3 __asm__("a3");
    register uint64_t a4 __asm__("a4");
    register uint64_t a5 __asm__("a5");
    register int64_t a7 __asm__("a7") = SEL4_SYS_WAIT_MESSAGE;
    __asm__ volatile("ecall" : "+r"(a0), "=r"(a1), "=r"(a2), "=r"(a3), "=r"(a4), "=r"(a5) : "r"(a7) : "memory");
    words[0] = a2;
    words[1] = a3;
    words[2] = a4;
    words[3] = a5;
    return a1;
}

#endif
