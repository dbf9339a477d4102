/*
 * The boot block: what the code that ran before us says of the machine's memory. On bare RISC-V a protected image's
 * start-up stub makes one, in a page that is read-only from then on (its TypeScript side:
 * targets/riscv64/stage0/boot-block.ts); a plain image makes one for itself (targets/riscv64/platform/plain.c), in which
 * virtual addresses are physical ones.
 */
#ifndef BOOT_H
#define BOOT_H

#include <stddef.h>
#include <stdint.h>

#define BOOT_MAGIC 0x3130544f4f424d43u /* "CMBOOT01" */
#define BOOT_MOST_RANGES 48
#define BOOT_MOST_INTERRUPTS 8

enum boot_kind {
    BOOT_IMAGE,
    BOOT_STACK,
    BOOT_TRAP_STACK,
    BOOT_HEAP,
    BOOT_FDT,
    BOOT_REGISTERS, /* of a device */
};

/* Memory that is contiguous both ways. */
struct boot_range {
    uint64_t virtual_address;
    uint64_t physical_address;
    uint64_t size;
    uint64_t kind;
};

/*
 * What a guest on seL4 keeps capabilities for, each by its slot; 0: it has none. None of them can change what is mapped.
 */
struct boot_capabilities {
    uint64_t console_ports; /* of a serial port at 0x3f8 */
    uint64_t clock_ports;   /* of the clock at 0x70 */
    uint64_t parent;        /* an endpoint, of the first stage that started the program */
    uint64_t notification;  /* that every interrupt below signals */
    uint64_t interrupt_count;
    struct {
        uint64_t source, slot;
    } interrupts[BOOT_MOST_INTERRUPTS];
};

struct boot_block {
    uint64_t magic;
    uint64_t hart;
    uint64_t fdt; /* virtual; mapped for reading */
    uint64_t fdt_size;
    uint64_t stack_low; /* lowest usable address, and the first above */
    uint64_t stack_top;
    uint64_t trap_stack_low;
    uint64_t trap_stack_top;
    uint64_t heap;
    uint64_t heap_size;
    uint64_t seed[4]; /* zero when there was no entropy */
    uint64_t has_entropy;
    uint64_t mode; /* of satp: 0 bare, 8 Sv39, 9 Sv48, 10 Sv57 */
    uint64_t canary;
    uint64_t range_count;
    struct boot_range ranges[BOOT_MOST_RANGES];
    /* What follows is 0 on bare RISC-V, whose stub knows nothing of it. */
    uint64_t frequency; /* of the processor's counter, where no device tree says it */
    uint64_t command_line; /* virtual; text with an end, where no device tree has it */
    struct boot_capabilities capabilities;
};

_Static_assert(offsetof(struct boot_block, stack_top) == 40, "start.S loads the stack from 40");
_Static_assert(offsetof(struct boot_block, trap_stack_top) == 56, "start.S loads the trap stack from 56");
_Static_assert(offsetof(struct boot_block, seed) == 80, "the seed is at 80");
_Static_assert(offsetof(struct boot_block, mode) == 120, "the mode is at 120");
_Static_assert(offsetof(struct boot_block, canary) == 128, "the canary is at 128");
_Static_assert(offsetof(struct boot_block, ranges) == 144, "the ranges begin at 144");

#endif
