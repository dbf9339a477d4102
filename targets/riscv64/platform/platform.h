/*
 * What the files of the platform layer share that are for bare RISC-V alone: S-mode, on firmware. Names begin with rv_.
 */
#ifndef PLATFORM_H
#define PLATFORM_H

#include "guest.h"

/* The linker script's (targets/riscv64/layout.ts): first byte of the image, linked at 0, and first after it. */
extern const char rv_image[], rv_image_end[];

/* traps.S */
extern char rv_trap_entry[];

/* interrupts.c: the position of our hart's external interrupt for S-mode in such a list, or NO_HART. */
#define NO_HART UINT32_MAX
uint32_t rv_find_hart(struct fdt_value pairs);

/* aia.c: as interrupts.c, for an AIA; false when there is none that we can use. */
bool rv_aia_init(void);
bool rv_aia_enable(uint32_t source);
void rv_aia_accept(void);

#endif
