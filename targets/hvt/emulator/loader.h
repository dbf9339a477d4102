/*
 * The tender's loader: which ELF files it takes, and what it makes of them.
 */
#ifndef LOADER_H
#define LOADER_H

#include "memory.h"

/* Lowest address of an image. */
#define GUEST_BASE (1 * MIB)

struct loaded_image {
    u64 entry;
    u64 end; /* of the highest segment with file contents, rounded up to its alignment */
};

/* A Solo5 note's contents in the image, without their padding. */
struct note {
    const u8 *bytes;
    u64 size;
};

/* Refuses an image that has no ABI1 note for this tender. */
void check_abi(struct image image);

/* Contents of the MFT1 note; refuses an image that has none. */
struct note find_manifest(struct image image);

/* Copies the segments into guest memory and protects them; refuses what the tender refuses. */
struct loaded_image load_image(struct image image);

#endif
