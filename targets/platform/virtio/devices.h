/*
 * The manifest's devices, each bound to a virtio device of the machine.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include "virtio.h"

struct net {
    struct virtio virtio;
    bool interrupts; /* they end a wait */
    size_t header_size;
    size_t largest; /* frame */
    size_t stride; /* from one buffer to the next */
    uint8_t *receive, *send; /* the frames in VIRTIO_QUEUE buffers each */
    uint64_t busy; /* bit i: the device has send buffer i, as far as we know */
    size_t next;   /* the send buffer whose turn it is */
};

struct block {
    struct virtio virtio;
    bool broken; /* it did not answer */
    uint8_t *data; /* block.c: CHUNK bytes */
    struct block_request *request;
    uint64_t capacity, block_size; /* bytes */
};

/* The device of a handle, when it has this type and was acquired; else NULL. Types are the manifest's. */
struct net *layer_net(uint64_t handle);
struct block *layer_block(uint64_t handle);

/* The handle of a device that is then acquired; 0 when there is none to have. */
uint64_t layer_acquire(const char *name, uint32_t type);

/* The registers of a source of random numbers; NULL when the machine has none. */
volatile uint32_t *layer_rng(void);

/* net.c, block.c: false when the device refuses. `interrupt` is its source; 0: none. */
bool layer_net_open(struct net *net, volatile uint32_t *registers, uint32_t interrupt);
bool layer_block_open(struct block *block, volatile uint32_t *registers);

#endif
