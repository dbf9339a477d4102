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
#include "hardware-random.h"
#include "platform.h"

uintptr_t __stack_chk_guard __attribute__((section(".data.__stack_chk_guard")));

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void) {
    hvt_abort("a stack buffer was overrun (the canary is damaged)");
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
