/* Block devices: virtio-blk behind the tender's byte-addressed hypercalls. */
#ifndef BLOCK_H
#define BLOCK_H

#include "base.h"

/* Makes the device behind `transport` that of manifest entry `index`. Returns its capacity in bytes. */
u64 block_attach(u32 index, u32 transport);

/* Moves bytes between the device and guest memory; the range lies in the device. False: the host's storage failed. */
bool block_transfer(u32 index, bool writing, u64 offset, u64 address, u64 size);

#endif
