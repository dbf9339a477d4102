/*
 * The hvt binary interface, version 2, as a guest sees it on x86-64.
 *
 * The tender puts an image into memory, describes the machine in a boot_info at address 0x10000, and serves hypercalls:
 * a 32-bit `out` of the address of a request to port 0x500 + number. Requests and what they point to must lie below
 * 4 GiB and below mem_size; the tender kills a guest that says otherwise.
 */
#ifndef HVT_H
#define HVT_H

#include <stddef.h>
#include <stdint.h>

#include "manifest.h"

/* Images lie at and above this address; below are the tender's own tables. */
#define HVT_GUEST_BASE 0x100000u

struct hvt_boot_info {
    uint64_t mem_size;       /* bytes of guest memory */
    uint64_t kernel_end;     /* first address after the loaded segments */
    uint64_t cpu_cycle_freq; /* cycles of the time-stamp counter per second */
    const char *cmdline;     /* NUL-terminated, at most HVT_CMDLINE_SIZE bytes */
    const struct manifest *manifest;
    uint32_t host_features; /* HVT_FEATURE_*: what the tender offers beyond version 2's beginnings */
    uint32_t guest_features;
    uint64_t net_ring;
};

#define HVT_CMDLINE_SIZE 8192

_Static_assert(sizeof(struct hvt_boot_info) == 56, "boot_info has 56 bytes");

/* ---- Hypercalls ------------------------------------------------------------------------------------------------ */

enum {
    HVT_WALLTIME = 1,
    HVT_PUTS,
    HVT_POLL,
    HVT_BLOCK_WRITE,
    HVT_BLOCK_READ,
    HVT_NET_WRITE,
    HVT_NET_READ,
    HVT_HALT,
};

struct hvt_walltime {
    uint64_t nanoseconds; /* out */
};

struct hvt_puts {
    const char *data;
    uint64_t size;
};

struct hvt_poll {
    uint64_t timeout;   /* nanoseconds from now */
    uint64_t ready_set; /* out */
    int32_t result;     /* out: how many devices are ready, or negative */
};

struct hvt_block {
    uint64_t handle;
    uint64_t offset;
    const void *data;
    uint64_t size;
    int32_t result; /* out: SOLO5_R_* */
};

struct hvt_net {
    uint64_t handle;
    const void *data;
    uint64_t size;  /* NET_READ: out, the frame's length */
    int32_t result; /* out: SOLO5_R_* */
};

/* Bytes that the tender may read at hvt_halt.cookie. */
#define HVT_COOKIE_SIZE 512

struct hvt_halt {
    void *cookie; /* what a core dump shows of a trap (struct trap_cookie), or NULL */
    int32_t status;
};

/* `request` is one of the structures above; the tender has answered when this returns. */
static inline void hvt_hypercall(unsigned number, volatile void *request) {
    __asm__ volatile("outl %0, %1"
                     :
                     : "a"((uint32_t)(uintptr_t)request), "d"((uint16_t)(0x500 + number))
                     : "memory");
}

#endif
