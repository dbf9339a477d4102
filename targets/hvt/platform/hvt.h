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

/* Images lie at and above this address; below are the tender's own tables. */
#define HVT_GUEST_BASE 0x100000u

struct hvt_boot_info {
    uint64_t mem_size;       /* bytes of guest memory */
    uint64_t kernel_end;     /* first address after the loaded segments */
    uint64_t cpu_cycle_freq; /* cycles of the time-stamp counter per second */
    const char *cmdline;     /* NUL-terminated, at most HVT_CMDLINE_SIZE bytes */
    const struct hvt_manifest *manifest;
    uint32_t host_features; /* HVT_FEATURE_*: what the tender offers beyond version 2's beginnings */
    uint32_t guest_features;
    uint64_t net_ring;
};

#define HVT_CMDLINE_SIZE 8192

/* ---- Devices --------------------------------------------------------------------------------------------------- */

enum { HVT_DEVICE_BLOCK = 1, HVT_DEVICE_NET = 2 };

#define HVT_MANIFEST_VERSION 1
#define HVT_MANIFEST_MAX 64 /* entries, the reserved entry 0 included */
#define HVT_NAME_SIZE 68    /* bytes of a name, NUL included */

struct hvt_device {
    char name[HVT_NAME_SIZE];
    uint32_t type;
    union {
        struct {
            uint64_t capacity; /* bytes */
            uint16_t block_size;
        } block;
        struct {
            uint8_t mac[6];
            uint16_t mtu;
        } net;
    };
    uint64_t backing; /* the tender's own */
    uint8_t attached; /* 1: the tender has given it a host device */
};

/* A device's handle is its index. Entry 0 is reserved. */
struct hvt_manifest {
    uint32_t version;
    uint32_t entries;
    struct hvt_device device[];
};

_Static_assert(sizeof(struct hvt_device) == 104, "a manifest entry has 104 bytes");
_Static_assert(offsetof(struct hvt_device, type) == 68, "a manifest entry's type is at 68");
_Static_assert(offsetof(struct hvt_device, block) == 72, "a manifest entry's properties are at 72");
_Static_assert(offsetof(struct hvt_device, attached) == 96, "a manifest entry's attached flag is at 96");
_Static_assert(offsetof(struct hvt_manifest, device) == 8, "a manifest's entries begin at 8");
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
