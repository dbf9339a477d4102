/*
 * The device manifest, version 1: the list of devices that an image wants, which its MFT1 note carries. An hvt tender
 * copies it into guest memory and fills it in; other targets read the image's own copy.
 */
#ifndef MANIFEST_H
#define MANIFEST_H

#include <stddef.h>
#include <stdint.h>

enum { MANIFEST_BLOCK = 1, MANIFEST_NET = 2 };

#define MANIFEST_VERSION 1
#define MANIFEST_MAX 64       /* entries, the reserved entry 0 included */
#define MANIFEST_NAME_SIZE 68 /* bytes of a name, NUL included */

struct manifest_device {
    char name[MANIFEST_NAME_SIZE];
    uint32_t type;
    union {
        struct {
            uint64_t capacity; /* bytes */
            uint16_t block_size;
        } block;
        struct {
            uint8_t mac[6];
            uint16_t mtu;
        } net;
    };
    uint64_t backing; /* the tender's own */
    uint8_t attached; /* 1: the tender has given it a host device */
};

/* A device's handle is its index. Entry 0 is reserved. */
struct manifest {
    uint32_t version;
    uint32_t entries;
    struct manifest_device device[];
};

_Static_assert(sizeof(struct manifest_device) == 104, "a manifest entry has 104 bytes");
_Static_assert(offsetof(struct manifest_device, type) == 68, "a manifest entry's type is at 68");
_Static_assert(offsetof(struct manifest_device, block) == 72, "a manifest entry's properties are at 72");
_Static_assert(offsetof(struct manifest_device, attached) == 96, "a manifest entry's attached flag is at 96");
_Static_assert(offsetof(struct manifest, device) == 8, "a manifest's entries begin at 8");

/* Whether two NUL-terminated names are the same; `name` is a manifest's. */
static inline int manifest_names(const char name[MANIFEST_NAME_SIZE], const char *wanted) {
    for (size_t i = 0; i < MANIFEST_NAME_SIZE; i++) {
        if (wanted[i] != name[i]) return 0;
        if (name[i] == '\0') return 1;
    }
    return 0;
}

#endif
