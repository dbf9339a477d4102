/*
 * Memory: whose is what, and what the guest may do to its own.
 *
 * The machine's memory below LOW_MEMORY_END is the emulator's: its program, then pages to hand out (nested page tables,
 * device queues). QEMU puts the image just under the end of the first block of memory. What is left of that block and
 * the block above 4 GiB are the guest's, in two extents. The nested page tables show them to the guest as one range
 * from 0, with the protections that the tender's mprotect gives an image's segments.
 */
#ifndef MEMORY_H
#define MEMORY_H

#include "base.h"

#define LOW_MEMORY_END (32 * MIB)

/* Bytes of the image, as QEMU loaded it. */
struct image {
    const u8 *bytes;
    u64 size;
};

/* What QEMU's direct boot leaves in memory (struct hvm_start_info of the PVH boot protocol). */
struct start_info {
    u32 magic, version, flags, module_count;
    u64 modules, command_line, rsdp, memory_map;
    u32 memory_map_entries, reserved;
};

/* The image in a well-formed start_info. */
struct image find_image(const struct start_info *info);

/* Zeroed pages of the emulator's own, never given back. */
void *allocate_pages(u64 count);

/* Lays out `size` bytes of guest memory, a multiple of 2 MiB: all present, writable and executable. */
void guest_memory_init(const struct start_info *info, struct image image, u64 size);
u64 guest_memory_size(void);

/* Takes writing, or all access, from guest pages [start, end); both page aligned and inside. */
void guest_protect(u64 start, u64 end, bool readable, bool writable);

/* The tender's check of a range that a guest hands it: the end must lie strictly below the end of memory. */
bool guest_range_valid(u64 address, u64 size);
/* Whether every page of a valid range can be read, or written. */
bool guest_range_allows(u64 address, u64 size, bool writing);

/*
 * Where a guest address lies in the machine, and in *size at most how many of the wanted bytes follow it there.
 * The range must be inside guest memory.
 */
void *guest_span(u64 address, u64 *size);
void guest_write(u64 address, const void *from, u64 size);
void guest_read(u64 address, void *to, u64 size);

/* Physical address of the nested page tables, for the processor. */
u64 nested_tables(void);

#endif
