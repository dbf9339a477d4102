/*
 * virtio over memory-mapped registers, version 1 (legacy) and 2. Source: Virtual I/O Device specification 1.2, sections
 * 2.6, 2.7, 4.2 and 6.
 */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "guest.h"

enum { VIRTIO_NET = 1, VIRTIO_BLOCK = 2, VIRTIO_RNG = 4 };

/* Entries of a queue: a power of two, at most 128, so that both rings fit in a page each. */
#define VIRTIO_QUEUE 64u
#define VIRTIO_QUEUES 2u

enum { VIRTQ_NEXT = 1, VIRTQ_WRITE = 2 }; /* flags of a descriptor: another follows; the device writes */

struct virtq_descriptor {
    uint64_t address; /* physical */
    uint32_t size;
    uint16_t flags, next;
};

struct virtq_available {
    uint16_t flags; /* 1: send no interrupts */
    uint16_t index;
    uint16_t ring[VIRTIO_QUEUE];
    uint16_t used_event;
};

struct virtq_used {
    uint16_t flags; /* 1: needs no notification */
    uint16_t index;
    struct {
        uint32_t id, size;
    } ring[VIRTIO_QUEUE];
    uint16_t available_event;
};

/* How a queue lies in memory: as version 1 demands, the used ring on a page of its own. */
struct virtq_memory {
    struct virtq_descriptor descriptors[VIRTIO_QUEUE];
    struct virtq_available available;
    struct virtq_used used __attribute__((aligned(PAGE_SIZE)));
};

struct virtq {
    volatile struct virtq_memory *memory;
    volatile struct virtq_used *used; /* the memory's */
    uint16_t offered;   /* chains put on the available ring so far */
    uint16_t taken;     /* used entries that we have looked at */
    uint16_t announced; /* used.index as it was read last */
};

struct virtio {
    volatile uint32_t *registers;
    bool modern; /* version 2 */
    uint32_t features; /* that were agreed on: the low 32 bits */
    struct virtq queues[VIRTIO_QUEUES];
};

/* The device type behind registers; 0 when there is none, or none that we can talk to. */
uint32_t layer_virtio_type(volatile uint32_t *registers);

/* Makes the device behind registers forget all it was told. */
void layer_virtio_stop(volatile uint32_t *registers);

/*
 * Resets the device at `registers` and agrees on the `wanted` features that it has, with `queues` queues. False when it
 * refuses. It works once layer_virtio_start is called.
 */
bool layer_virtio_open(struct virtio *device, volatile uint32_t *registers, uint32_t wanted, unsigned queues);
void layer_virtio_start(struct virtio *device);

/* Reads a byte and a little-endian number of the device's own registers. */
uint8_t layer_virtio_config8(const struct virtio *device, unsigned offset);
uint64_t layer_virtio_config(const struct virtio *device, unsigned offset, unsigned size);

/* Describes memory of layer_take_memory. */
void layer_virtio_describe(struct virtq *queue, uint16_t index, const void *data, uint32_t size, uint16_t flags,
                        uint16_t next);

/* Whether the device may interrupt when it gives chains of a queue back. */
void layer_virtio_allow_interrupts(struct virtq *queue, bool allow);
/* Ends the device's interrupt request. */
void layer_virtio_acknowledge(struct virtio *device);

/* The rest is inlined: a call costs an emulator more than what is called. */

#define INLINED static inline __attribute__((always_inline))
#define VIRTIO_NOTIFY 0x50 /* byte offset of the register */

/* Puts the chain that begins with descriptor `head` on the list of what the device gets by layer_virtio_publish. */
INLINED void layer_virtio_offer(struct virtq *queue, uint16_t head) {
    queue->memory->available.ring[queue->offered++ % VIRTIO_QUEUE] = head;
}

/* Gives the device all chains that were put on the list, and tells it, if it wants to be told. */
void layer_virtio_publish(struct virtio *device, unsigned index);

/* The same, for where it is done for every frame. */
INLINED void layer_virtio_publish_fast(struct virtio *device, unsigned index) {
    struct virtq *queue = &device->queues[index];
    arch_barrier();
    queue->memory->available.index = queue->offered;
    arch_barrier();
    if (!(queue->used->flags & 1)) device->registers[VIRTIO_NOTIFY / 4] = index;
}

/* Whether the device has given a chain back. */
INLINED bool layer_virtio_has_used(const struct virtq *queue) { return queue->used->index != queue->taken; }

/* What layer_virtio_take does when all that was announced is taken: looks for more. */
INLINED bool layer_virtio_look(struct virtq *queue) {
    queue->announced = queue->used->index;
    arch_barrier();
    return queue->announced != queue->taken;
}

/* Looks for so many nanoseconds; false when the device has given nothing back. */
bool layer_virtio_await(struct virtq *queue, uint64_t patience);

/*
 * Takes one chain back: its head and how many bytes the device wrote, both still to be checked. The device's index is
 * read only when all of what it announced last is taken: a barrier costs as much as a dozen instructions.
 */
INLINED bool layer_virtio_take(struct virtq *queue, size_t *head, size_t *size) {
    if (queue->taken == queue->announced && !layer_virtio_look(queue)) return false;
    size_t at = queue->taken++ % VIRTIO_QUEUE;
    *head = queue->used->ring[at].id;
    *size = queue->used->ring[at].size;
    return true;
}

#endif
