/*
 * The module casemate/platform over Solo5's public API, which every target implements.
 *
 * Verified code believes the contracts in analyzers/library/platform.ts, so they are kept here whatever the platform
 * below says: results that would break one are given as undefined, 0 or false. All memory that is passed is the
 * program's own, and only what was copied into it is ever looked at.
 */
#include "platform.h"

enum { NAME_SIZE = 68, HANDLES = 64, MTU_MAX = 65535 };

static const char *command_line = "";

void casemate_platform_start(const struct solo5_start_info *info) { command_line = info->cmdline; }

/* The name as C has it; false if it is none that a device can have. */
static bool name_of(cm_const_u8s name, char text[NAME_SIZE]) {
    if (name.length >= NAME_SIZE) return false;
    for (size_t i = 0; i < name.length; i++) {
        if (name.data[i] == 0) return false;
        text[i] = (char)name.data[i];
    }
    text[name.length] = '\0';
    return true;
}

void casemate_consoleWrite(cm_const_u8s text, uint32_t length) {
    solo5_console_write((const char *)text.data, length);
}

casemate_length casemate_bootArguments(cm_u8s into) {
    size_t length = 0;
    while (command_line[length] != '\0') {
        if (length == into.length) return (casemate_length){ .present = false };
        length++;
    }
    for (size_t i = 0; i < length; i++) into.data[i] = (uint8_t)command_line[i];
    return (casemate_length){ .present = true, .value = (uint32_t)length };
}

uint64_t casemate_clockMonotonic(void) { return solo5_clock_monotonic(); }

uint64_t casemate_clockWall(void) { return solo5_clock_wall(); }

uint64_t casemate_yieldUntil(uint64_t deadline) {
    solo5_handle_set_t ready = 0;
    solo5_yield(deadline, &ready);
    return ready;
}

void casemate_exit(uint8_t status) { solo5_exit(status); }

casemate_maybe_net casemate_netAcquire(cm_const_u8s name, cm_u8s mac) {
    const casemate_maybe_net none = { .present = false };
    char text[NAME_SIZE];
    solo5_handle_t handle;
    struct solo5_net_info info;
    if (!name_of(name, text) || solo5_net_acquire(text, &handle, &info) != SOLO5_R_OK) return none;
    if (handle >= HANDLES || info.mtu > MTU_MAX) return none;
    for (size_t i = 0; i < SOLO5_NET_ALEN; i++) mac.data[i] = info.mac_address[i];
    return (casemate_maybe_net){ .present = true,
                                 .value = { .handle = (uint8_t)handle, .mtu = (uint32_t)info.mtu } };
}

uint32_t casemate_netRead(uint8_t handle, cm_u8s frame) {
    size_t size = 0;
    if (solo5_net_read(handle, frame.data, frame.length, &size) != SOLO5_R_OK || size > frame.length) return 0;
    return (uint32_t)size;
}

bool casemate_netWrite(uint8_t handle, cm_const_u8s frame, uint32_t length) {
    return solo5_net_write(handle, frame.data, length) == SOLO5_R_OK;
}

casemate_maybe_block casemate_blockAcquire(cm_const_u8s name) {
    const casemate_maybe_block none = { .present = false };
    char text[NAME_SIZE];
    solo5_handle_t handle;
    struct solo5_block_info info;
    if (!name_of(name, text) || solo5_block_acquire(text, &handle, &info) != SOLO5_R_OK) return none;
    if (handle >= HANDLES || info.block_size == 0 || info.block_size > UINT32_MAX) return none;
    return (casemate_maybe_block){
        .present = true,
        .value = { .handle = (uint8_t)handle, .capacity = info.capacity, .blockSize = (uint32_t)info.block_size },
    };
}

bool casemate_blockRead(uint8_t handle, uint64_t offset, cm_u8s bytes, uint32_t length) {
    return solo5_block_read(handle, offset, bytes.data, length) == SOLO5_R_OK;
}

bool casemate_blockWrite(uint8_t handle, uint64_t offset, cm_const_u8s bytes, uint32_t length) {
    return solo5_block_write(handle, offset, bytes.data, length) == SOLO5_R_OK;
}
