/*
 * Block devices: one hypercall per transfer, which the tender does whole or not at all.
 */
#include "platform.h"

/* The device when the range is made of whole blocks inside it, else NULL. */
static const struct manifest_device *device_for(solo5_handle_t handle, solo5_off_t offset, size_t size) {
    const struct manifest_device *device = hvt_device_of_handle(handle, MANIFEST_BLOCK);
    if (device == NULL || device->block.block_size == 0) return NULL;
    uint64_t capacity = device->block.capacity;
    if (size == 0 || size % device->block.block_size != 0 || offset % device->block.block_size != 0) return NULL;
    return offset <= capacity && size <= capacity - offset ? device : NULL;
}

static solo5_result_t transfer(unsigned number, solo5_handle_t handle, solo5_off_t offset, const void *data,
                               size_t size) {
    volatile struct hvt_block request = {
        .handle = handle, .offset = offset, .data = data, .size = size, .result = SOLO5_R_EUNSPEC};
    hvt_hypercall(number, &request);
    return result_of_host(request.result);
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle, struct solo5_block_info *info) {
    if (handle == NULL || info == NULL) return SOLO5_R_EINVAL;
    uint64_t found = hvt_device_acquire(name, MANIFEST_BLOCK);
    if (found == 0) return SOLO5_R_EINVAL;
    const struct manifest_device *device = &hvt_state.manifest->device[found];
    info->capacity = device->block.capacity;
    info->block_size = device->block.block_size;
    *handle = found;
    return SOLO5_R_OK;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf, size_t size) {
    if (device_for(handle, offset, size) == NULL || !hvt_host_can_read(buf, size)) return SOLO5_R_EINVAL;
    return transfer(HVT_BLOCK_WRITE, handle, offset, buf, size);
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size) {
    if (device_for(handle, offset, size) == NULL || !hvt_host_can_write(buf, size)) return SOLO5_R_EINVAL;
    return transfer(HVT_BLOCK_READ, handle, offset, buf, size);
}
