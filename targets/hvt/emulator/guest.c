/*
 * The guest's low memory, as the tender leaves it:
 *
 *   0x1000   GDT: null, 64-bit code, data
 *   0x2000   PML4, 0x3000 PDPT, 0x4000-0x7fff four page directories, 0x8000 the first page table
 *   0x10000  boot_info, the manifest, the command line (8192 bytes)
 *
 * The guest's mappings are the identity: nothing below 0x10000, read-only up to 1 MiB, writable from there in 4 KiB
 * pages up to 2 MiB and in 2 MiB pages above. Nothing is no-execute: EFER.NXE is off, and that is the stock weakness
 * that guests are hardened against.
 */
#include "guest.h"

struct boot_info {
    u64 memory_size, kernel_end, cycles_per_second, command_line, manifest;
    u32 host_features, guest_features;
    u64 net_ring;
};

_Static_assert(sizeof(struct boot_info) == 56, "boot_info has 56 bytes");

enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80 };

static void put(u64 address, u64 value) { guest_write(address, &value, sizeof value); }

static void write_descriptors(void) {
    put(GUEST_GDT, 0);
    put(GUEST_GDT + 8, 0x00af99000000fffful);
    put(GUEST_GDT + 16, 0x00cf93000000fffful);
}

static void write_page_tables(void) {
    enum { PDPT = 0x3000, DIRECTORIES = 0x4000, FIRST_TABLE = 0x8000, MAPPED_FROM = 0x10000 };
    put(GUEST_PAGE_TABLES, PDPT | PRESENT | WRITABLE);
    for (u64 i = 0; i < 4; i++) put(PDPT + 8 * i, (DIRECTORIES + i * PAGE) | PRESENT | WRITABLE);
    put(DIRECTORIES, FIRST_TABLE | PRESENT | WRITABLE);
    for (u64 page = MAPPED_FROM; page < LARGE_PAGE; page += PAGE)
        put(FIRST_TABLE + page / PAGE * 8, page | PRESENT | (page < GUEST_BASE ? 0 : WRITABLE));
    for (u64 page = LARGE_PAGE; page < guest_memory_size(); page += LARGE_PAGE)
        put(DIRECTORIES + page / LARGE_PAGE * 8, page | PRESENT | WRITABLE | LARGE);
}

void prepare_guest(struct loaded_image loaded, const struct manifest *manifest, const char *command_line,
                   u64 cycles_per_second) {
    write_descriptors();
    write_page_tables();
    u64 manifest_size = manifest_bytes(manifest);
    struct boot_info info = {
        .memory_size = guest_memory_size(),
        .kernel_end = loaded.end,
        .cycles_per_second = cycles_per_second,
        .manifest = GUEST_BOOT_INFO + sizeof info,
        .command_line = GUEST_BOOT_INFO + sizeof info + manifest_size,
    };
    guest_write(GUEST_BOOT_INFO, &info, sizeof info);
    guest_write(info.manifest, manifest, manifest_size);
    guest_write(info.command_line, command_line, COMMAND_LINE_SIZE);
}
