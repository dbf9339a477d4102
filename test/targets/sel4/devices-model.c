/*
 * devices.c of a root task's start-up code on this machine, over a model of what seL4 does with an untyped: reads cases from
 * standard input and prints, for each, every mapping, every range of the boot block, and how many objects were made.
 *
 * A case is a 32-bit number of devices in the image's manifest, a 32-bit length and a device tree, then a 32-bit count and so
 * many untypeds: address, bits, whether for devices.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "resources.h"

#define MOST_UNTYPEDS 256
#define FIRST_UNTYPED 100
#define FIRST_SLOT 1000
#define MOST_SLOTS 4096

const struct boot_block *layer_boot;
struct machine layer_machine;
const volatile struct sel4_settings sel4_settings = {.devices = 0x7000000000};

static union {
    struct sel4_bootinfo info;
    char room[sizeof(struct sel4_bootinfo) + MOST_UNTYPEDS * sizeof(struct sel4_untyped)];
} bootinfo;
struct sel4_bootinfo *sel4_info = &bootinfo.info;
struct sel4_ipc_buffer *sel4_buffer;

/* An image's note: header and name, padding, and the manifest, of which only the number of entries is looked at. */
_Alignas(8) uint8_t __solo5_mft1_note[24 + sizeof(struct manifest)];

static uint64_t next_free[MOST_UNTYPEDS]; /* the lowest address that an untyped has left */
static uint64_t frames[MOST_SLOTS];       /* physical address of the frame in a slot */
static sel4_slot used;
static struct sel4_extra *extra;

const struct sel4_extra *sel4_find_extra(uint64_t kind) { return kind == SEL4_EXTRA_FDT ? extra : NULL; }

/* As Untyped_Retype: an object begins at a multiple of its size, at or after all that was made before. */
sel4_slot sel4_make(sel4_slot untyped, uint64_t type, uint64_t bits, uint64_t count) {
    uint64_t i = untyped - FIRST_UNTYPED, size = 1ull << bits;
    if (count != 1 || i >= MOST_UNTYPEDS || !sel4_info->untypeds[i].is_device || used == MOST_SLOTS) abort();
    if (type != SEL4_OBJECT_UNTYPED && (type != SEL4_OBJECT_4K || bits != 12)) abort();
    uint64_t at = (next_free[i] + size - 1) & ~(size - 1);
    uint64_t end = sel4_info->untypeds[i].physical_address + (1ull << sel4_info->untypeds[i].bits);
    if (at + size > end) {
        printf("refused %" PRIx64 "\n", at);
        exit(1);
    }
    next_free[i] = at + size;
    frames[used] = type == SEL4_OBJECT_4K ? at : UINT64_MAX;
    return FIRST_SLOT + used++;
}

void sel4_map(sel4_slot frame, uint64_t address, uint64_t rights, uint64_t attributes) {
    if (frame < FIRST_SLOT || frame - FIRST_SLOT >= used) abort();
    printf("map %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIx64 "\n", address, frames[frame - FIRST_SLOT], rights, attributes);
}

static uint32_t read32(void) {
    uint32_t value = 0;
    if (fread(&value, sizeof value, 1, stdin) != 1) exit(0);
    return value;
}

static void read_case(void) {
    ((struct manifest *)(__solo5_mft1_note + 24))->entries = 1 + read32();
    uint32_t size = read32();
    /* Exactly as large as it says, so that a sanitizer sees every byte that is read beyond it. */
    extra = malloc(sizeof *extra + size);
    *extra = (struct sel4_extra){.kind = SEL4_EXTRA_FDT, .size = sizeof *extra + size};
    if (fread(extra->data, 1, size, stdin) != size) abort();
    uint32_t count = read32();
    if (count > MOST_UNTYPEDS) abort();
    sel4_info->untyped = (struct sel4_slots){FIRST_UNTYPED, FIRST_UNTYPED + count};
    for (uint32_t i = 0; i < count; i++) {
        uint64_t words[3];
        if (fread(words, sizeof words, 1, stdin) != 1) abort();
        sel4_info->untypeds[i] =
            (struct sel4_untyped){.physical_address = words[0], .bits = (uint8_t)words[1], .is_device = (uint8_t)words[2]};
        next_free[i] = words[0];
    }
}

int main(void) {
    read_case();
    struct boot_block block = {0};
    sel4_take_devices(&block);
    for (uint64_t i = 0; i < block.range_count; i++)
        printf("range %" PRIx64 " %" PRIx64 " %" PRIx64 " %" PRIu64 "\n", block.ranges[i].virtual_address,
               block.ranges[i].physical_address, block.ranges[i].size, block.ranges[i].kind);
    uint64_t address = 0;
    size_t kept = 0;
    while (sel4_register_frame(kept, &address) != 0) kept++;
    printf("objects %" PRIu64 " kept %zu\n", used, kept);
    free(extra);
    return 0;
}
