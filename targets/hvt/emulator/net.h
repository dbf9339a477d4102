/* Network devices: virtio-net behind the tender's frame-at-a-time hypercalls. */
#ifndef NET_H
#define NET_H

#include "base.h"

/* The largest frame that can be sent at all, whatever the MTU. */
#define LARGEST_FRAME 65550ul
#define SMALLEST_FRAME 14ul

/* Makes the device behind `transport` that of manifest entry `index`. */
void net_attach(u32 index, u32 transport, u16 mtu);

/* Sends a frame from guest memory. */
void net_send(u32 index, u64 address, u64 size);

/* Moves the oldest frame received into guest memory, cut to `size` bytes; returns its length there, 0 for no frame. */
u64 net_receive(u32 index, u64 address, u64 size);

/* Bit N: the device of manifest entry N has a frame. */
u64 net_ready_set(void);

#endif
