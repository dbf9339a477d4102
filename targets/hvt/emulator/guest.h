/*
 * What a guest finds at its first instruction: descriptors, page tables, boot_info, its manifest and command line.
 */
#ifndef GUEST_H
#define GUEST_H

#include "devices.h"
#include "loader.h"

#define GUEST_GDT 0x1000ul
#define GUEST_GDT_LIMIT 23
#define GUEST_PAGE_TABLES 0x2000ul
#define GUEST_BOOT_INFO 0x10000ul

/* Writes all of it into guest memory. */
void prepare_guest(struct loaded_image loaded, const struct manifest *manifest, const char *command_line,
                   u64 cycles_per_second);

#endif
