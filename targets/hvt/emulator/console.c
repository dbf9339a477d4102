/*
 * Console output in whole buffers, straight from guest memory. A virtio-serial port, unlike a virtio console, keeps a
 * buffer until its reader has taken all of it, so a slow reader slows the guest down and nothing is lost. Port 1's
 * queues are 4 and 5 (Virtio 1.1, section 5.3.2); control messages need no answers for output.
 */
#include "console.h"

#include "memory.h"
#include "virtio.h"

enum { FEATURE_MULTIPORT = 1 << 1, TRANSMIT_QUEUE_OF_PORT_1 = 5 };
/* Per request: the host shows what it has got when a request is through. */
#define LARGEST_WRITE (64 * KIB)

static struct queue transmit;

void console_attach(u32 transport) {
    struct virtio_device device = virtio_find(transport, VIRTIO_CONSOLE, FEATURE_MULTIPORT);
    virtio_add_queue(&device, &transmit, TRANSMIT_QUEUE_OF_PORT_1);
    virtio_start(&device);
}

void console_write(u64 address, u64 size) {
    while (size > 0) {
        u64 span = minimum(size, LARGEST_WRITE);
        struct piece piece = {guest_span(address, &span), (u32)span, false};
        queue_execute(&transmit, &piece, 1);
        address += span, size -= span;
    }
}
