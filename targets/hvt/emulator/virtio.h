/*
 * Virtio devices behind virtio-mmio transports, version 2 (Virtio 1.1, sections 2.6 and 4.2): as much as a program
 * needs that starts a request and waits for its end.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "base.h"

#define QUEUE_SIZE 64

struct queue_descriptor {
    u64 address;
    u32 size;
    u16 flags, next;
};

struct queue {
    struct queue_descriptor *descriptors;
    struct {
        u16 flags, index, ring[QUEUE_SIZE];
    } *available;
    volatile struct {
        u16 flags, index;
        struct {
            u32 id, length;
        } ring[QUEUE_SIZE];
    } *used;
    volatile u32 *notify;
    u32 number;
    u16 seen; /* of used->index */
};

struct virtio_device {
    volatile u32 *registers;
    u32 transport;
};

/* One piece of a request: machine memory that the device reads, or writes. */
struct piece {
    void *address;
    u32 size;
    bool device_writes;
};

enum { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_CONSOLE = 3 };

/*
 * Finds the device of a kind behind a transport and agrees on the wanted features (bit numbers 0 to 31; VERSION_1 is
 * always wanted). What it misses ends the run: the host chose the device.
 */
struct virtio_device virtio_find(u32 transport, u32 kind, u32 features);
void virtio_add_queue(const struct virtio_device *device, struct queue *queue, u32 number);
void virtio_start(const struct virtio_device *device);

/* Little-endian fields of the device's configuration, by their offset. */
u32 virtio_config32(const struct virtio_device *device, u32 offset);

/* Gives the device a request of up to `count` pieces, in descriptors from `first` on. */
void queue_submit(struct queue *queue, u16 first, const struct piece *pieces, u16 count);
bool queue_has_result(const void *queue);
/* Takes the oldest result; *length is what the device wrote. Returns the first descriptor's number. */
u16 queue_take_result(struct queue *queue, u32 *length);
/* Submits one request to a queue with no other, and waits for its end. */
u32 queue_execute(struct queue *queue, const struct piece *pieces, u16 count);

/* From the interrupt handler: quiets every started device. */
void virtio_acknowledge_interrupts(void);

#endif
