/*
 * The device manifest: the image's own list of devices, filled in by the tender. A handle is an index into it.
 */
#include "platform.h"

/* Bit h: handle h was acquired. */
static uint64_t acquired;

uint64_t hvt_device_acquire(const char *name, uint32_t type) {
    if (name == NULL) return 0;
    for (uint32_t i = 1; i < hvt_state.manifest->entries; i++) {
        const struct manifest_device *device = &hvt_state.manifest->device[i];
        if (device->type != type || !manifest_names(device->name, name)) continue;
        if (!device->attached || acquired >> i & 1) return 0;
        acquired |= 1ull << i;
        return i;
    }
    return 0;
}

const struct manifest_device *hvt_device_of_handle(uint64_t handle, uint32_t type) {
    if (handle == 0 || handle >= hvt_state.manifest->entries || !(acquired >> handle & 1)) return NULL;
    const struct manifest_device *device = &hvt_state.manifest->device[handle];
    return device->type == type ? device : NULL;
}
