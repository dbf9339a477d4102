/*
 * Block devices over virtio: one request at a time, waited for.
 *
 * Data is copied to and from memory that was taken for devices, 64 KiB at a time, and cleared there once the request is
 * done: it may be a key, and whoever reads one can clear the memory that it asked for and no other. (Of what a device has
 * copied itself, and of memory that a device which does not answer still writes to, nothing is said.) Where a device has
 * a cache that survives no power failure (it offers FLUSH), every write is followed by a flush, so that what was written
 * stays written once the call has returned.
 */
#include "clock-scale.h"
#include "devices.h"

#define CHUNK 65536u
#define SECTOR 512u

/* How long a request may take before the device is given up, in nanoseconds. */
#define PATIENCE (30ull * NANOSECONDS)

enum { FEATURE_BLOCK_SIZE = 1u << 6, FEATURE_FLUSH = 1u << 9 };
enum { CONFIG_CAPACITY = 0, CONFIG_BLOCK_SIZE = 20 };
enum { REQUEST_READ = 0, REQUEST_WRITE = 1, REQUEST_FLUSH = 4 };
enum { DESCRIPTOR_HEADER, DESCRIPTOR_DATA, DESCRIPTOR_STATUS };

struct block_request {
    uint32_t type, reserved;
    uint64_t sector;
    volatile uint8_t status; /* the device's answer; 0: done */
};

#define HEADER_SIZE offsetof(struct block_request, status)

bool layer_block_open(struct block *block, volatile uint32_t *registers) {
    struct virtio *virtio = &block->virtio;
    if (!layer_virtio_open(virtio, registers, FEATURE_BLOCK_SIZE | FEATURE_FLUSH, 1)) return false;
    block->block_size =
        virtio->features & FEATURE_BLOCK_SIZE ? layer_virtio_config(virtio, CONFIG_BLOCK_SIZE, 4) : SECTOR;
    uint64_t sectors = layer_virtio_config(virtio, CONFIG_CAPACITY, 8);
    uint64_t size = block->block_size;
    if (size < SECTOR || size > CHUNK || (size & (size - 1)) != 0 || sectors > UINT64_MAX / SECTOR) return false;
    block->capacity = sectors * SECTOR & ~(size - 1);
    block->request = layer_take_memory(sizeof *block->request);
    block->data = layer_take_memory(CHUNK);
    layer_virtio_start(virtio);
    return true;
}

/* One request of at most CHUNK bytes, at block->data. */
static solo5_result_t request(struct block *block, uint32_t type, uint64_t sector, uint32_t size) {
    struct virtq *queue = &block->virtio.queues[0];
    struct block_request *header = block->request;
    if (block->broken) return SOLO5_R_EUNSPEC;
    header->type = type;
    header->sector = sector;
    header->status = 255;
    layer_virtio_describe(queue, DESCRIPTOR_HEADER, header, HEADER_SIZE, VIRTQ_NEXT,
                          size > 0 ? DESCRIPTOR_DATA : DESCRIPTOR_STATUS);
    layer_virtio_describe(queue, DESCRIPTOR_DATA, block->data, size,
                          VIRTQ_NEXT | (type == REQUEST_READ ? VIRTQ_WRITE : 0), DESCRIPTOR_STATUS);
    layer_virtio_describe(queue, DESCRIPTOR_STATUS, (const void *)&header->status, 1, VIRTQ_WRITE, 0);
    layer_virtio_offer(queue, DESCRIPTOR_HEADER);
    layer_virtio_publish(&block->virtio, 0);
    /* If not, it may still write to our memory: it gets no more requests. */
    block->broken = !layer_virtio_await(queue, PATIENCE);
    if (block->broken) return SOLO5_R_EUNSPEC;
    queue->taken = queue->announced;
    return header->status == 0 ? SOLO5_R_OK : SOLO5_R_EUNSPEC;
}

/* The device when the range is made of whole blocks inside it, else NULL. */
static struct block *device_for(solo5_handle_t handle, solo5_off_t offset, const void *data, size_t size) {
    struct block *block = layer_block(handle);
    if (block == NULL || data == NULL || size == 0 || size % block->block_size != 0 || offset % block->block_size != 0)
        return NULL;
    return offset <= block->capacity && size <= block->capacity - offset ? block : NULL;
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle, struct solo5_block_info *info) {
    if (handle == NULL || info == NULL) return SOLO5_R_EINVAL;
    uint64_t found = layer_acquire(name, MANIFEST_BLOCK);
    if (found == 0) return SOLO5_R_EINVAL;
    const struct block *block = layer_block(found);
    info->capacity = block->capacity;
    info->block_size = block->block_size;
    *handle = found;
    return SOLO5_R_OK;
}

/* A piece after another. Where it `writes`, `buf` is only read; where a read fails, what `buf` holds is not said. */
static solo5_result_t transfer(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size, bool writes) {
    struct block *block = device_for(handle, offset, buf, size);
    if (block == NULL) return SOLO5_R_EINVAL;
    while (size > 0) {
        uint32_t part = size < CHUNK ? (uint32_t)size : CHUNK;
        if (writes) memcpy(block->data, buf, part);
        solo5_result_t result = request(block, writes ? REQUEST_WRITE : REQUEST_READ, offset / SECTOR, part);
        if (!writes) memcpy(buf, block->data, part);
        memset(block->data, 0, part);
        if (result != SOLO5_R_OK) return result;
        buf += part;
        offset += part;
        size -= part;
    }
    return writes && block->virtio.features & FEATURE_FLUSH ? request(block, REQUEST_FLUSH, 0, 0) : SOLO5_R_OK;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf, size_t size) {
    return transfer(handle, offset, (uint8_t *)(uintptr_t)buf, size, true);
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size) {
    return transfer(handle, offset, buf, size, false);
}
