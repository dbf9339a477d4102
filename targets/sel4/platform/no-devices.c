/*
 * Devices where there are none that we can reach: x86-64's are behind PCI. A build refuses an image that wants one; a name
 * that is asked for nevertheless is of nothing.
 */
#include "guest.h"

/* The image's MFT1 note: header and name, then padding, then the manifest. */
extern const uint8_t __solo5_mft1_note[];

void layer_devices_init(void) {
    const struct manifest *manifest = (const struct manifest *)(__solo5_mft1_note + 24);
    /* Entry 0 is reserved. */
    if (manifest->entries > 1) layer_abort("the image's manifest wants devices, and seL4 on x86-64 gives us none");
}

uint64_t layer_random_word(void) { return 0; }

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info) {
    (void)name, (void)handle, (void)info;
    return SOLO5_R_EINVAL;
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    (void)handle, (void)buf, (void)size;
    return SOLO5_R_EINVAL;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size) {
    (void)handle, (void)buf, (void)size, (void)read_size;
    return SOLO5_R_EINVAL;
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle, struct solo5_block_info *info) {
    (void)name, (void)handle, (void)info;
    return SOLO5_R_EINVAL;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf, size_t size) {
    (void)handle, (void)offset, (void)buf, (void)size;
    return SOLO5_R_EINVAL;
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size) {
    (void)handle, (void)offset, (void)buf, (void)size;
    return SOLO5_R_EINVAL;
}

/* Nothing can become ready. */
void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set) {
    for (solo5_time_t now; (now = solo5_clock_monotonic()) < deadline;) layer_wait(0, deadline - now);
    if (ready_set != NULL) *ready_set = 0;
}
