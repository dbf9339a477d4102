/*
 * The manifest, and the devices that stand behind its entries.
 */
#ifndef DEVICES_H
#define DEVICES_H

#include "config.h"
#include "loader.h"

#define MANIFEST_VERSION 1
#define NAME_SIZE 68
#define RESERVED_TYPE (1u << 30)

struct manifest_entry {
    char name[NAME_SIZE];
    u32 type;
    union {
        struct {
            u64 capacity;
            u16 block_size;
        } block;
        struct {
            u8 mac[6];
            u16 mtu;
        } net;
    };
    u64 backing;
    u8 attached;
};

struct manifest {
    u32 version, entries;
    struct manifest_entry entry[MANIFEST_ENTRIES];
};

_Static_assert(sizeof(struct manifest_entry) == 104, "a manifest entry has 104 bytes");
_Static_assert(offsetof(struct manifest_entry, block) == 72, "a manifest entry's properties are at 72");
_Static_assert(offsetof(struct manifest_entry, attached) == 96, "a manifest entry's attached flag is at 96");

static inline u64 manifest_bytes(const struct manifest *manifest) {
    return offsetof(struct manifest, entry) + manifest->entries * sizeof(struct manifest_entry);
}

/*
 * Checks the image's manifest as the tender does, attaches the configured devices to its entries, and refuses an image
 * whose manifest keeps an entry without a device. The result is filled in as guests expect.
 */
const struct manifest *attach_devices(struct note note, const struct config *config);

/* The manifest's entry that a hypercall means, or NULL: as in the tender, the low 32 bits of a handle count. */
const struct manifest_entry *device_of_handle(u64 handle, u32 type);

/* Whether any device of the type is attached: without one the tender does not know the type's hypercalls. */
bool have_devices(u32 type);

#endif
