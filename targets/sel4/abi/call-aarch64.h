/* System calls on AArch64: number in x7, capability in x0, message info in x1, the first words in x2 to x5. */
#ifndef SEL4_CALL_H
#define SEL4_CALL_H

static inline uint64_t sel4_call(sel4_slot slot, uint64_t info, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t x0 __asm__("x0") = slot;
    register uint64_t x1 __asm__("x1") = info;
    register uint64_t x2 __asm__("x2") = words[0];
    register uint64_t x3 __asm__("x3") = words[1];
    register uint64_t x4 __asm__("x4") = words[2];
    register uint64_t x5 __asm__("x5") = words[3];
    register int64_t x7 __asm__("x7") = SEL4_SYS_CALL;
    __asm__ volatile("svc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3), "+r"(x4), "+r"(x5) : "r"(x7) : "memory");
    words[0] = x2;
    words[1] = x3;
    words[2] = x4;
    words[3] = x5;
    return x1;
}

static inline void sel4_send_number(int64_t number, uint64_t first) {
    register uint64_t x0 __asm__("x0") = first;
    register uint64_t x1 __asm__("x1") = 0;
    register int64_t x7 __asm__("x7") = number;
    __asm__ volatile("svc #0" : "+r"(x0), "+r"(x1) : "r"(x7) : "x2", "x3", "x4", "x5", "memory");
}

/* Waits for a message at an endpoint, which is not answered: takes its first words, returns its info. */
static inline uint64_t sel4_wait(sel4_slot endpoint, uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    register uint64_t x0 __asm__("x0") = endpoint;
    register uint64_t x1 __asm__("x1");
    register uint64_t x2 __asm__("x2");
    register uint64_t x3 __asm__("x3");
    register uint64_t x4 __asm__("x4");
    register uint64_t x5 __asm__("x5");
    register int64_t x7 __asm__("x7") = SEL4_SYS_WAIT_MESSAGE;
    __asm__ volatile("svc #0" : "+r"(x0), "=r"(x1), "=r"(x2), "=r"(x3), "=r"(x4), "=r"(x5) : "r"(x7) : "memory");
    words[0] = x2;
    words[1] = x3;
    words[2] = x4;
    words[3] = x5;
    return x1;
}

#endif
