/* What test guests share: hypercalls by hand (the platform layer is not under test here), printing, exceptions. */
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t u64;
typedef uint32_t u32;
typedef uint8_t u8;

enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE, BLOCK_READ, NET_WRITE, NET_READ, HALT };

struct boot_info {
    u64 mem_size, kernel_end, cpu_cycle_freq, cmdline, manifest;
    u32 host_features, guest_features;
    u64 net_ring;
};

struct entry {
    char name[68];
    u32 type;
    union {
        struct {
            u64 capacity;
            uint16_t block_size;
        } block;
        struct {
            u8 mac[6];
            uint16_t mtu;
        } net;
    };
    u64 backing;
    u8 attached;
};

struct manifest {
    u32 version, entries;
    struct entry entry[];
};

struct block_call {
    u64 handle, offset, data, len;
    int32_t ret;
};

struct net_call {
    u64 handle, data, len;
    int32_t ret;
};

struct poll_call {
    u64 timeout, ready_set;
    int32_t ret;
};

extern u64 entry_registers[17];

static inline void hypercall_at(u32 number, u32 address) {
    __asm__ volatile("outl %0, %1" : : "a"(address), "d"((uint16_t)(0x500 + number)) : "memory");
}

static inline void hypercall(u32 number, volatile void *request) { hypercall_at(number, (u32)(uintptr_t)request); }

static inline void write_bytes(const void *data, u64 size) {
    volatile struct {
        u64 data, size;
    } request = {(u64)data, size};
    hypercall(PUTS, &request);
}

static inline u64 length_of(const char *text) {
    u64 length = 0;
    while (text[length] != '\0') length++;
    return length;
}

static inline void print(const char *text) { write_bytes(text, length_of(text)); }

static inline void print_hex(const char *name, u64 value) {
    char text[20] = "=0x";
    int at = 3, shift = 60;
    while (shift > 0 && !(value >> shift & 15)) shift -= 4;
    for (; shift >= 0; shift -= 4) text[at++] = "0123456789abcdef"[value >> shift & 15];
    text[at++] = '\n';
    print(name);
    write_bytes(text, (u64)at);
}

static inline _Noreturn void halt(int32_t status) {
    volatile struct {
        u64 cookie;
        int32_t status;
    } request = {0, status};
    hypercall(HALT, &request);
    for (;;) {
    }
}

static inline bool equal(const char *a, const char *b) {
    while (*a != '\0' && *a == *b) a++, b++;
    return *a == *b;
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
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

#endif
