/*
 * Which of the machine's virtio devices stands behind which device of the manifest.
 *
 * A virtio device has no name that a network device could be told by, so binding goes by address: a word on the command
 * line (options.c, which `casemate boot` writes) names the registers of a device; devices that no word names are bound
 * in the manifest's order to the machine's devices of their type, in ascending order of address. Every device of the
 * manifest must be there, or the guest ends before the program starts. A handle is an index into the manifest.
 */
#include "devices.h"

/* The image's MFT1 note: header and name, then padding, then the manifest. */
extern const uint8_t __solo5_mft1_note[];
#define MANIFEST ((const struct manifest *)(__solo5_mft1_note + 24))

struct candidate {
    volatile uint32_t *registers; /* NULL: not usable, or taken */
    uint32_t type;                /* virtio's */
};

static struct candidate candidates[MACHINE_VIRTIO + 1]; /* one more, so that none can be looked at */
static void *devices[MANIFEST_MAX]; /* struct net or struct block */
static uint64_t acquired;           /* bit h: handle h */

_Static_assert(sizeof(struct net) <= PAGE_SIZE && sizeof(struct block) <= PAGE_SIZE, "a page holds a device's state");

static _Noreturn void missing(const struct manifest_device *device, const char *why) {
    layer_put(device->type == MANIFEST_NET ? "casemate: ABORT: the machine has no network device for \""
                                        : "casemate: ABORT: the machine has no block device for \"");
    layer_put(device->name);
    layer_put("\" of the image's manifest: ");
    layer_put(why);
    layer_put("\n");
    layer_end(SOLO5_EXIT_ABORT);
}

static void find_candidates(void) {
    for (size_t i = 0; i < layer_machine.virtio_count; i++) {
        volatile uint32_t *registers =
            layer_registers(layer_machine.virtio[i].registers.address, layer_machine.virtio[i].registers.size);
        if (registers == NULL) continue;
        candidates[i].type = layer_virtio_type(registers);
        candidates[i].registers = registers;
        /* A boot loader may have left it at work, on memory that is ours now. */
        if (candidates[i].type != 0) layer_virtio_stop(registers);
    }
}

/* Whether a device of the machine can be a device of the manifest. */
static bool fits(const struct candidate *candidate, const struct manifest_device *device) {
    return candidate->registers != NULL && candidate->type == (device->type == MANIFEST_NET ? VIRTIO_NET : VIRTIO_BLOCK);
}

static void open(size_t handle, size_t at) {
    const struct manifest_device *device = &MANIFEST->device[handle];
    struct candidate *candidate = &candidates[at];
    volatile uint32_t *registers = candidate->registers;
    if (at == layer_machine.virtio_count || !fits(candidate, device))
        missing(device, "add one, or correct --casemate:device=");
    candidate->registers = NULL;
    devices[handle] = layer_take_memory(PAGE_SIZE);
    bool opened = device->type == MANIFEST_NET
                      ? layer_net_open(devices[handle], registers, arch_interrupt(layer_machine.virtio[at].interrupts))
                      : layer_block_open(devices[handle], registers);
    if (!opened) missing(device, "the one there is refuses to work with us");
}

/* Whether a device is the one that a word on the command line names. */
static bool is_named(const struct manifest_device *device, const struct binding *binding) {
    size_t at = 0;
    while (at < binding->name_size && device->name[at] == binding->name[at] && device->name[at] != '\0') at++;
    return at == binding->name_size && device->name[at] == '\0';
}

/* Opens what a word binds. Of two words for one device, the first counts. */
static void open_bound(const struct binding *binding) {
    size_t h = 1, at = 0;
    for (; h < MANIFEST->entries; h++) {
        if (is_named(&MANIFEST->device[h], binding)) break;
    }
    /* Such a word is a mistake that would go unnoticed. */
    if (h >= MANIFEST->entries) layer_abort("--casemate:device= names a device that is not in the image's manifest");
    if (devices[h] != NULL) return;
    while (at < layer_machine.virtio_count && layer_machine.virtio[at].registers.address != binding->address) at++;
    if (at == layer_machine.virtio_count) missing(&MANIFEST->device[h], "nothing is where --casemate:device= says");
    open(h, at);
}

void layer_devices_init(void) {
    if (MANIFEST->version != MANIFEST_VERSION || MANIFEST->entries > MANIFEST_MAX)
        layer_abort("the image's device manifest is not of version 1 or has more than 64 entries");
    find_candidates();
    const struct binding *binding;
    for (size_t i = 0; (binding = layer_binding(i)) != NULL; i++) open_bound(binding);
    for (size_t h = 1; h < MANIFEST->entries; h++) {
        if (devices[h] != NULL) continue;
        size_t at = 0;
        while (at < layer_machine.virtio_count && !fits(&candidates[at], &MANIFEST->device[h])) at++;
        open(h, at);
    }
}

uint64_t layer_acquire(const char *name, uint32_t type) {
    if (name == NULL) return 0;
    for (size_t i = 1; i < MANIFEST->entries; i++) {
        const struct manifest_device *device = &MANIFEST->device[i];
        if (device->type != type || !manifest_names(device->name, name)) continue;
        if (acquired >> i & 1) return 0;
        acquired |= 1ull << i;
        return i;
    }
    return 0;
}

static void *device_of(uint64_t handle, uint32_t type) {
    if (handle == 0 || handle >= MANIFEST->entries || !(acquired >> handle & 1)) return NULL;
    return MANIFEST->device[handle].type == type ? devices[handle] : NULL;
}

struct net *layer_net(uint64_t handle) { return device_of(handle, MANIFEST_NET); }

struct block *layer_block(uint64_t handle) { return device_of(handle, MANIFEST_BLOCK); }

volatile uint32_t *layer_rng(void) {
    for (size_t i = 0; i < layer_machine.virtio_count; i++) {
        if (candidates[i].registers != NULL && candidates[i].type == VIRTIO_RNG) return candidates[i].registers;
    }
    return NULL;
}
