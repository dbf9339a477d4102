/*
 * What every file of the emulator stands on: fixed-width types, port input and output, model-specific registers, the
 * time-stamp counter, and memory functions. There is no C library and no floating point: the guest's floating-point
 * and vector registers stay in the processor while the emulator runs, so it must never touch them.
 */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* As the compiler's own 64-bit types, so that %lx and %lu fit them. */
typedef uint64_t u64;
typedef uint32_t u32;
typedef uint16_t u16;
typedef uint8_t u8;
typedef int32_t i32;

#define KIB 1024ul
#define MIB (1024 * KIB)
#define GIB (1024 * MIB)
#define PAGE 4096ul
#define LARGE_PAGE (2 * MIB)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline u64 minimum(u64 a, u64 b) { return a < b ? a : b; }
/* `alignment` is a power of two. */
static inline u64 round_down(u64 value, u64 alignment) { return value & -alignment; }
static inline u64 round_up(u64 value, u64 alignment) { return (value + alignment - 1) & -alignment; }
/* True on overflow. */
static inline bool add_overflows(u64 a, u64 b, u64 *sum) { return __builtin_add_overflow(a, b, sum); }

static inline void out8(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static inline u8 in8(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static inline u64 read_msr(u32 number) {
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(number));
    return (u64)high << 32 | low;
}
static inline void write_msr(u32 number, u64 value) {
    __asm__ volatile("wrmsr" : : "c"(number), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline u64 read_tsc(void) {
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return (u64)high << 32 | low;
}

/* Orders this program's memory accesses against a device's. */
static inline void memory_barrier(void) { __asm__ volatile("mfence" : : : "memory"); }

/* a * b / c without loss in between; the largest number when the result does not fit, or c is 0. */
static inline u64 multiply_divide(u64 a, u64 b, u64 c) {
    u64 low, high, quotient, rest;
    __asm__("mulq %3" : "=a"(low), "=d"(high) : "0"(a), "rm"(b) : "cc");
    if (high >= c) return UINT64_MAX;
    __asm__("divq %4" : "=a"(quotient), "=d"(rest) : "0"(low), "1"(high), "rm"(c) : "cc");
    return quotient;
}

void *memcpy(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);

#endif
