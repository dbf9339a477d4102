/*
 * The stack protector's canary.
 *
 * Our own code and that of every program we compile reads it from the global __stack_chk_guard
 * (-mstack-protector-guard=global); objects compiled elsewhere read it from %fs:0x28, where tls.c puts a copy. It is
 * made from RDSEED or RDRAND when the CPU has them and their carry flag says that they delivered, and from the
 * time-stamp counter in any case. What a stage before us may have left in the variable is mixed in, never overwritten.
 * Its lowest byte is 0, so that a string that runs over the end of its buffer neither reads nor forges it.
 *
 * Without RDSEED and RDRAND the canary is only as unpredictable as the counter at start-up: some 20 bits.
 */
#include "platform.h"

uintptr_t __stack_chk_guard __attribute__((section(".data.__stack_chk_guard")));

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void) {
    hvt_abort("a stack buffer was overrun (the canary is damaged)");
}

#define WITHOUT_CANARY __attribute__((no_stack_protector))

static WITHOUT_CANARY void cpuid(uint32_t leaf, uint32_t registers[4]) {
    __asm__("cpuid"
            : "=a"(registers[0]), "=b"(registers[1]), "=c"(registers[2]), "=d"(registers[3])
            : "0"(leaf), "2"(0));
}

/* Twice all zeros or all ones is what broken hardware answers with the carry flag set. */
static WITHOUT_CANARY bool is_plausible(uint64_t value) { return value != 0 && value != UINT64_MAX; }

/* A random number from the CPU, or 0 when it has none to give. */
static WITHOUT_CANARY uint64_t hardware_random(void) {
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

/* Spreads every bit of its input over the whole word (the finaliser of SplitMix64); a bijection, so it loses nothing. */
static WITHOUT_CANARY uint64_t mixed(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

WITHOUT_CANARY void hvt_canary_init(void) {
    uint32_t low, high;
    uint64_t seed = hardware_random();
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    __stack_chk_guard = (__stack_chk_guard ^ seed ^ mixed((uint64_t)high << 32 | low)) & ~(uintptr_t)0xff;
}
