/*
 * The tender reads and writes a file at any byte; a virtio block device knows sectors of 512 bytes. Whole sectors go
 * straight between guest memory and the device. What is left at the ends goes through a sector of our own, read first
 * when it is to be written.
 */
#include "block.h"

#include "config.h"
#include "memory.h"
#include "report.h"
#include "virtio.h"

#define SECTOR 512ul
/* Well below what QEMU takes in one request. */
#define LARGEST_TRANSFER (16 * MIB)

enum { FEATURE_FLUSH = 1 << 9 }; /* without it QEMU writes every block through to the disk */
enum { REQUEST_READ = 0, REQUEST_WRITE = 1 };

struct block_device {
    struct queue queue;
};

static struct block_device devices[MANIFEST_ENTRIES];

u64 block_attach(u32 index, u32 transport) {
    struct virtio_device device = virtio_find(transport, VIRTIO_BLOCK, FEATURE_FLUSH);
    virtio_add_queue(&device, &devices[index].queue, 0);
    virtio_start(&device);
    u64 sectors = (u64)virtio_config32(&device, 4) << 32 | virtio_config32(&device, 0);
    if (sectors > UINT64_MAX / 2 / SECTOR) broken("a block device has %lu sectors", sectors);
    return sectors * SECTOR;
}

/* One request of whole sectors in one piece of machine memory. */
static bool execute(u32 index, bool writing, u64 sector, void *memory, u64 size) {
    struct {
        u32 type, reserved;
        u64 sector;
    } header = {writing ? REQUEST_WRITE : REQUEST_READ, 0, sector};
    volatile u8 status = 0xff;
    const struct piece pieces[] = {
        {&header, sizeof header, false},
        {memory, (u32)size, !writing},
        {(void *)&status, 1, true},
    };
    queue_execute(&devices[index].queue, pieces, COUNT_OF(pieces));
    return status == 0;
}

/* The part of one sector that begins at `within`. */
static bool transfer_part(u32 index, bool writing, u64 sector, u64 within, u64 address, u64 size) {
    static u8 buffer[SECTOR];
    if (!execute(index, false, sector, buffer, SECTOR)) return false;
    if (!writing) return guest_write(address, buffer + within, size), true;
    guest_read(address, buffer + within, size);
    return execute(index, true, sector, buffer, SECTOR);
}

bool block_transfer(u32 index, bool writing, u64 offset, u64 address, u64 size) {
    while (size > 0) {
        u64 sector = offset / SECTOR, within = offset % SECTOR;
        u64 span = round_down(minimum(size, LARGEST_TRANSFER), SECTOR);
        void *memory = guest_span(address, &span);
        span = round_down(span, SECTOR);
        bool done;
        if (within == 0 && span > 0) {
            done = execute(index, writing, sector, memory, span);
        } else {
            span = minimum(SECTOR - within, size);
            done = transfer_part(index, writing, sector, within, address, span);
        }
        if (!done) return false;
        offset += span, address += span, size -= span;
    }
    return true;
}
