/*
 * Frames are sent from guest memory in one request each, and received into buffers that the device always has a full
 * queue of. Each frame in a buffer follows a 12-byte header (Virtio 1.1, section 5.1.6), which stays zero: no offload
 * is agreed on.
 */
#include "net.h"

#include "config.h"
#include "memory.h"
#include "report.h"
#include "virtio.h"

enum { RECEIVE_QUEUE = 0, TRANSMIT_QUEUE = 1 };
#define HEADER 12ul
/* Of a frame besides its payload: addresses, type and a VLAN tag. */
#define FRAME_OVERHEAD 18ul

struct net_device {
    struct queue receive, transmit;
    u8 *buffers;
    u64 buffer_size;
    bool attached;
};

static struct net_device devices[MANIFEST_ENTRIES];

static void offer_buffer(struct net_device *device, u16 buffer) {
    struct piece piece = {device->buffers + buffer * device->buffer_size, (u32)device->buffer_size, true};
    queue_submit(&device->receive, buffer, &piece, 1);
}

void net_attach(u32 index, u32 transport, u16 mtu) {
    struct net_device *self = &devices[index];
    struct virtio_device device = virtio_find(transport, VIRTIO_NET, 0);
    virtio_add_queue(&device, &self->receive, RECEIVE_QUEUE);
    virtio_add_queue(&device, &self->transmit, TRANSMIT_QUEUE);
    self->buffer_size = round_up(HEADER + FRAME_OVERHEAD + mtu, 64);
    self->buffers = allocate_pages(round_up(self->buffer_size * QUEUE_SIZE, PAGE) / PAGE);
    self->attached = true;
    virtio_start(&device);
    for (u16 i = 0; i < QUEUE_SIZE; i++) offer_buffer(self, i);
}

void net_send(u32 index, u64 address, u64 size) {
    static u8 header[HEADER];
    struct piece pieces[3] = {{header, sizeof header, false}};
    u16 count = 1;
    while (size > 0) {
        u64 span = size;
        void *memory = guest_span(address, &span);
        pieces[count++] = (struct piece){memory, (u32)span, false};
        address += span, size -= span;
    }
    queue_execute(&devices[index].transmit, pieces, count);
}

u64 net_receive(u32 index, u64 address, u64 size) {
    struct net_device *device = &devices[index];
    if (!queue_has_result(&device->receive)) return 0;
    u32 length;
    u16 buffer = queue_take_result(&device->receive, &length);
    if (buffer >= QUEUE_SIZE || length < HEADER || length > device->buffer_size)
        broken("network device %u: buffer %u holds %u bytes", index, (u32)buffer, length);
    u64 moved = minimum(length - HEADER, size);
    guest_write(address, device->buffers + buffer * device->buffer_size + HEADER, moved);
    offer_buffer(device, buffer);
    return moved;
}

u64 net_ready_set(void) {
    u64 ready = 0;
    for (u32 i = 0; i < MANIFEST_ENTRIES; i++) {
        if (devices[i].attached && queue_has_result(&devices[i].receive)) ready |= 1ul << i;
    }
    return ready;
}
