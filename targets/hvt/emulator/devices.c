/* Manifest checks and the binding of host devices to entries: see devices.h. */
#include "devices.h"

#include "block.h"
#include "net.h"
#include "report.h"

static struct manifest manifest;

static const char *type_name(u32 type) {
    return type == DEVICE_BLOCK ? "block" : type == DEVICE_NET ? "net" : "unknown";
}

static void check_entries(void) {
    if (manifest.entry[0].type != RESERVED_TYPE || manifest.entry[0].name[0] != '\0')
        refuse("manifest: entry 0 has type %x; must be the reserved one, %x, without a name", manifest.entry[0].type,
               RESERVED_TYPE);
    for (u32 i = 0; i < manifest.entries; i++) {
        if (manifest.entry[i].name[NAME_SIZE - 1] != '\0') refuse("manifest: the name of entry %u has no end", i);
        if (manifest.entry[i].attached) refuse("manifest: entry %u is marked as attached", i);
    }
}

static void read_manifest(struct note note) {
    u64 header = offsetof(struct manifest, entry);
    if (note.size < header) refuse("manifest: %lu bytes; it begins with %lu", note.size, header);
    memcpy(&manifest, note.bytes, header);
    if (manifest.version != MANIFEST_VERSION)
        refuse("manifest: version %u; must be %u", manifest.version, (u32)MANIFEST_VERSION);
    if (manifest.entries < 1 || manifest.entries > MANIFEST_ENTRIES)
        refuse("manifest: %u entries; must be 1 to %u", manifest.entries, (u32)MANIFEST_ENTRIES);
    if (note.size != manifest_bytes(&manifest))
        refuse("manifest: %lu bytes; %u entries need %lu", note.size, manifest.entries, manifest_bytes(&manifest));
    memcpy(&manifest, note.bytes, note.size);
    check_entries();
}

static void attach(const struct device_config *device) {
    struct manifest_entry *entry = &manifest.entry[device->index];
    if (device->index == 0 || device->index >= manifest.entries || entry->type != device->type || entry->attached)
        broken("no manifest entry %u that wants a %s device", device->index, type_name(device->type));
    if (device->type == DEVICE_BLOCK) {
        entry->block.block_size = device->block_size;
        entry->block.capacity = block_attach(device->index, device->transport);
        if (entry->block.capacity < device->block_size || entry->block.capacity % device->block_size != 0)
            refuse("device '%s': the storage has %lu bytes; must be a multiple of the block size %u, at least one",
                   entry->name, entry->block.capacity, (u32)device->block_size);
    } else {
        memcpy(entry->net.mac, device->mac, sizeof device->mac);
        entry->net.mtu = device->mtu;
        net_attach(device->index, device->transport, device->mtu);
    }
    entry->attached = 1;
}

const struct manifest *attach_devices(struct note note, const struct config *config) {
    read_manifest(note);
    for (u32 i = 0; i < config->device_count; i++) attach(&config->device[i]);
    for (u32 i = 0; i < manifest.entries; i++) {
        const struct manifest_entry *entry = &manifest.entry[i];
        if (entry->type < RESERVED_TYPE && !entry->attached)
            refuse("device '%s' of type %s is in the manifest but not attached", entry->name, type_name(entry->type));
    }
    return &manifest;
}

const struct manifest_entry *device_of_handle(u64 handle, u32 type) {
    u32 index = (u32)handle;
    if (index >= manifest.entries || manifest.entry[index].type != type) return NULL;
    return &manifest.entry[index];
}

bool have_devices(u32 type) {
    for (u32 i = 0; i < manifest.entries; i++) {
        if (manifest.entry[i].type == type && manifest.entry[i].attached) return true;
    }
    return false;
}
