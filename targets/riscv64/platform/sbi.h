/*
 * The supervisor binary interface, as much of it as we call. Source: RISC-V SBI specification 2.0.
 */
#ifndef SBI_H
#define SBI_H

#include <stdbool.h>
#include <stdint.h>

enum sbi_extension {
    SBI_LEGACY_SET_TIMER = 0,
    SBI_LEGACY_PUTCHAR = 1,
    SBI_LEGACY_SHUTDOWN = 8,
    SBI_BASE = 0x10,
    SBI_TIME = 0x54494d45,
    SBI_SRST = 0x53525354,
    SBI_DBCN = 0x4442434e,
};

struct sbi_result {
    int64_t error; /* 0: done; legacy calls have nothing else */
    uint64_t value;
};

static inline struct sbi_result sbi_call(uint64_t extension, uint64_t function, uint64_t first, uint64_t second,
                                         uint64_t third) {
    register uint64_t a0 __asm__("a0") = first;
    register uint64_t a1 __asm__("a1") = second;
    register uint64_t a2 __asm__("a2") = third;
    register uint64_t a6 __asm__("a6") = function;
    register uint64_t a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct sbi_result){(int64_t)a0, a1};
}

/* Whether the firmware has an extension; firmware older than SBI 0.2 has none but the legacy ones. */
static inline bool sbi_has(uint64_t extension) {
    struct sbi_result result = sbi_call(SBI_BASE, 3, extension, 0, 0);
    return result.error == 0 && result.value != 0;
}

#endif
