/*
 * Network devices: one hypercall per frame. The tender's shared ring, which newer tenders offer beside the hypercalls,
 * is not used: a guest is free to ignore it.
 */
#include "platform.h"

static size_t largest_frame(const struct manifest_device *device) { return (size_t)device->net.mtu + SOLO5_NET_HLEN; }

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info) {
    if (handle == NULL || info == NULL) return SOLO5_R_EINVAL;
    uint64_t found = hvt_device_acquire(name, MANIFEST_NET);
    if (found == 0) return SOLO5_R_EINVAL;
    const struct manifest_device *device = &hvt_state.manifest->device[found];
    memcpy(info->mac_address, device->net.mac, SOLO5_NET_ALEN);
    info->mtu = device->net.mtu;
    *handle = found;
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    const struct manifest_device *device = hvt_device_of_handle(handle, MANIFEST_NET);
    if (device == NULL || size < SOLO5_NET_HLEN || size > largest_frame(device) || !hvt_host_can_read(buf, size))
        return SOLO5_R_EINVAL;
    volatile struct hvt_net request = {.handle = handle, .data = buf, .size = size, .result = SOLO5_R_EUNSPEC};
    hvt_hypercall(HVT_NET_WRITE, &request);
    return result_of_host(request.result);
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size) {
    const struct manifest_device *device = hvt_device_of_handle(handle, MANIFEST_NET);
    if (device == NULL || read_size == NULL || size < largest_frame(device) || !hvt_host_can_write(buf, size))
        return SOLO5_R_EINVAL;
    volatile struct hvt_net request = {.handle = handle, .data = buf, .size = size, .result = SOLO5_R_EUNSPEC};
    hvt_hypercall(HVT_NET_READ, &request);
    solo5_result_t result = result_of_host(request.result);
    if (result != SOLO5_R_OK) return result;
    /* The caller will trust this length as a bound of its buffer. */
    if (request.size > size) return SOLO5_R_EUNSPEC;
    *read_size = request.size;
    return SOLO5_R_OK;
}
