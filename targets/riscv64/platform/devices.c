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

static struct candidate candidates[MACHINE_VIRTIO];
static void *devices[MANIFEST_MAX]; /* struct net or struct block */
static uint64_t acquired;           /* bit h: handle h */

_Static_assert(sizeof(struct net) <= PAGE_SIZE && sizeof(struct block) <= PAGE_SIZE, "a page holds a device's state");

static _Noreturn void missing(const struct manifest_device *device, const char *why) {
    rv_put("casemate: ABORT: the machine has no ");
    rv_put(device->type == MANIFEST_NET ? "network" : "block");
    rv_put(" device for \"");
    rv_put(device->name);
    rv_put("\" of the image's manifest: ");
    rv_put(why);
    rv_put("\n");
    rv_end(SOLO5_EXIT_ABORT);
}

/* Whether the i-th word on the command line that binds a device names this one; its address is then in `address`. */
static bool word_names(size_t i, const struct manifest_device *device, uint64_t *address) {
    const char *name;
    size_t size, at = 0;
    *address = rv_binding(i, &name, &size);
    while (at < size && device->name[at] == name[at] && name[at] != '\0') at++;
    return at == size && device->name[at] == '\0';
}

static void find_candidates(void) {
    for (uint32_t i = 0; i < rv_machine.virtio_count; i++) {
        volatile uint32_t *registers = rv_registers(rv_machine.virtio[i].address, rv_machine.virtio[i].size);
        if (registers == NULL) continue;
        candidates[i].type = rv_virtio_type(registers);
        candidates[i].registers = registers;
        /* A boot loader may have left it at work, on memory that is ours now. */
        if (candidates[i].type != 0) rv_virtio_stop(registers);
    }
}

/* The position among the machine's devices of the one that a word binds to `name`; MACHINE_VIRTIO when none does. */
static uint32_t bound_by_word(const struct manifest_device *device) {
    for (size_t i = 0; i < rv_bindings(); i++) {
        uint64_t address;
        if (!word_names(i, device, &address)) continue;
        for (uint32_t j = 0; j < rv_machine.virtio_count; j++) {
            if (rv_machine.virtio[j].address == address) return j;
        }
        missing(device, "nothing is where --casemate:device= says");
    }
    return MACHINE_VIRTIO;
}

static uint32_t virtio_type_of(const struct manifest_device *device) {
    return device->type == MANIFEST_NET ? VIRTIO_NET : VIRTIO_BLOCK;
}

static void open(uint32_t handle, uint32_t at) {
    const struct manifest_device *device = &MANIFEST->device[handle];
    volatile uint32_t *registers = at < rv_machine.virtio_count ? candidates[at].registers : NULL;
    if (registers == NULL || candidates[at].type != virtio_type_of(device))
        missing(device, "add one, or correct --casemate:device=");
    candidates[at].registers = NULL;
    devices[handle] = rv_take_memory(PAGE_SIZE);
    bool opened = device->type == MANIFEST_NET
                      ? rv_net_open(devices[handle], registers, rv_machine.virtio[at].interrupt)
                      : rv_block_open(devices[handle], registers);
    if (!opened) missing(device, "the one there is refuses to work with us");
}

/* A word for a device that the manifest does not have is a mistake that would go unnoticed. */
static void check_words(void) {
    for (size_t i = 0; i < rv_bindings(); i++) {
        uint64_t address;
        bool known = false;
        for (uint32_t h = 1; h < MANIFEST->entries && !known; h++)
            known = word_names(i, &MANIFEST->device[h], &address);
        if (!known) rv_abort("--casemate:device= names a device that is not in the image's manifest");
    }
}

void rv_devices_init(void) {
    if (MANIFEST->version != MANIFEST_VERSION || MANIFEST->entries > MANIFEST_MAX)
        rv_abort("the image's device manifest is not of version 1 or has more than 64 entries");
    find_candidates();
    check_words();
    for (uint32_t h = 1; h < MANIFEST->entries; h++) {
        uint32_t at = bound_by_word(&MANIFEST->device[h]);
        if (at < MACHINE_VIRTIO) open(h, at);
    }
    for (uint32_t h = 1; h < MANIFEST->entries; h++) {
        if (devices[h] != NULL) continue;
        uint32_t at = 0;
        while (at < rv_machine.virtio_count && (candidates[at].registers == NULL ||
                                                candidates[at].type != virtio_type_of(&MANIFEST->device[h])))
            at++;
        open(h, at);
    }
}

uint64_t rv_acquire(const char *name, uint32_t type) {
    if (name == NULL) return 0;
    for (uint32_t i = 1; i < MANIFEST->entries; i++) {
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

struct net *rv_net(uint64_t handle) { return device_of(handle, MANIFEST_NET); }

struct block *rv_block(uint64_t handle) { return device_of(handle, MANIFEST_BLOCK); }

volatile uint32_t *rv_rng(void) {
    for (uint32_t i = 0; i < rv_machine.virtio_count; i++) {
        if (candidates[i].registers != NULL && candidates[i].type == VIRTIO_RNG) return candidates[i].registers;
    }
    return NULL;
}
