/*
 * A random number from RDSEED or RDRAND, when the CPU has them and their carry flag says that they delivered. Compiled
 * without stack protection, because the canary is made of it.
 */
#ifndef HARDWARE_RANDOM_H
#define HARDWARE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#define WITHOUT_CANARY __attribute__((no_stack_protector))

static inline WITHOUT_CANARY void cpuid(uint32_t leaf, uint32_t registers[4]) {
    __asm__("cpuid"
            : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
            : "0"(leaf), "2"(0));
}

/* Twice all zeros or all ones is what broken hardware answers with the carry flag set. */
static inline WITHOUT_CANARY bool is_plausible(uint64_t value) { return value != 0 && value != UINT64_MAX; }

/* A random number from the CPU, or 0 when it has none to give. */
static inline WITHOUT_CANARY uint64_t hardware_random(void) {
    uint32_t registers[4];
    uint64_t value;
    unsigned char carry;

    cpuid(0, registers);
    uint32_t highest = registers[0];
    if (highest >= 7) {
        cpuid(7, registers);
        if (registers[1] & 1u << 18) {
            for (int i = 0; i < 100; i++) {
                __asm__ volatile("rdseed %0; setc %1" : "=r"(value), "=qm"(carry) : : "cc");
                if (carry && is_plausible(value)) return value;
                __asm__ volatile("pause");
            }
        }
    }
    cpuid(1, registers);
    if (registers[2] & 1u << 30) {
        for (int i = 0; i < 10; i++) {
            __asm__ volatile("rdrand %0; setc %1" : "=r"(value), "=qm"(carry) : : "cc");
            if (carry && is_plausible(value)) return value;
        }
    }
    return 0;
}

#endif
