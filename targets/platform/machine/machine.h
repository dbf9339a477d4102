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

struct machine_device {
    struct fdt_range registers;
    struct fdt_value interrupts; /* as its controller counts them */
};

/* Devices of which one is enough: the first of its kind in the tree. */
enum machine_place {
    MACHINE_GOLDFISH_RTC,
    MACHINE_PL031,
    MACHINE_NS16550A,
    MACHINE_SIFIVE_UART,
    MACHINE_PL011,
    MACHINE_SIFIVE_TEST, /* which powers the machine off */
    MACHINE_PLACES,
};

/* An IMSIC of some privilege level: AIA's controller of messages. */
struct machine_imsic {
    uint32_t phandle;
    struct fdt_value harts; /* pairs of phandle and interrupt number */
};

/* An APLIC domain of some privilege level: AIA's controller of wires. */
struct machine_aplic {
    struct fdt_range registers;
    uint32_t msi_parent; /* phandle of its IMSIC; 0: none */
};

/* What is not there has size or number 0. Addresses are physical. */
struct machine {
    uint64_t hart;
    uint64_t timebase_frequency;
    uint32_t memory_count, reserved_count, virtio_count;
    uint32_t imsic_count, aplic_count;
    uint32_t hart_phandle; /* of our hart's own interrupt controller */
    bool overflow;         /* more memory or reservations than there is room for */
    struct fdt_value bootargs;
    struct fdt_value rng_seed;
    struct machine_device places[MACHINE_PLACES];
    struct fdt_range plic;
    struct fdt_value plic_contexts; /* pairs of phandle and interrupt number */
    struct fdt_range memory[MACHINE_MEMORY];
    struct fdt_range reserved[MACHINE_RESERVED + 1]; /* room for one that a plain image adds: the tree itself */
    struct machine_imsic imsics[MACHINE_AIA];
    struct machine_aplic aplics[MACHINE_AIA];
    struct machine_device virtio[MACHINE_VIRTIO]; /* in ascending order of address */
};

/* Reads the tree of at most `size` readable bytes for `hart`. NULL when all is well, else what is wrong with it. */
const char *layer_machine_read(struct machine *machine, const void *fdt, uint32_t size, uint64_t hart);

#endif
