/*
 * What we know of the machine, from its device tree.
 */
#ifndef MACHINE_H
#define MACHINE_H

#include "fdt.h"

#define MACHINE_MEMORY 8
#define MACHINE_RESERVED 24
#define MACHINE_VIRTIO 32
#define MACHINE_AIA 4

struct machine_range {
    uint64_t address, size;
};

struct machine_virtio {
    uint64_t address, size;
    uint32_t interrupt; /* source at the interrupt controller; 0: none */
};

/* An IMSIC of some privilege level: AIA's controller of messages. */
struct machine_imsic {
    uint32_t phandle;
    struct fdt_value harts; /* pairs of phandle and interrupt number */
};

/* An APLIC domain of some privilege level: AIA's controller of wires. */
struct machine_aplic {
    struct machine_range registers;
    uint32_t msi_parent; /* phandle of its IMSIC; 0: none */
};

/* What is not there is 0. Addresses are physical. */
struct machine {
    uint64_t hart;
    uint64_t timebase_frequency;
    uint32_t memory_count, reserved_count, virtio_count;
    struct machine_range memory[MACHINE_MEMORY];
    struct machine_range reserved[MACHINE_RESERVED];
    struct machine_virtio virtio[MACHINE_VIRTIO]; /* in ascending order of address */
    struct machine_range rtc;
    struct machine_range plic;
    struct fdt_value plic_contexts; /* pairs of phandle and interrupt number */
    uint32_t imsic_count, aplic_count;
    struct machine_imsic imsics[MACHINE_AIA];
    struct machine_aplic aplics[MACHINE_AIA];
    uint32_t hart_phandle;          /* of our hart's own interrupt controller */
    bool overflow;                  /* more memory or reservations than there is room for */
    struct fdt_value bootargs;
    struct fdt_value rng_seed;
};

/* Reads the tree of at most `size` readable bytes for `hart`. NULL when all is well, else what is wrong with it. */
const char *rv_machine_read(struct machine *machine, const void *fdt, uint32_t size, uint64_t hart);

#endif
