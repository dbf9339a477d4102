/*
 * Bits that take protections back: what setting them needs (an instruction of the attacker's choice, executed), what it
 * is worth (known limits, which say why images are searched for such instructions), and what it is not worth.
 */
#include "probe.h"

enum { SUM = 1 << 18, MXR = 1 << 19 };
/* Of page-table entries: valid, readable, writable, executable, accessed, dirty. */
enum { TABLE = 0x01, EVERYTHING = 0xcf };
enum { TABLES = 64 }; /* pages */

/* csrs sstatus, MXR; then as CODE: an attacker's own instructions, in memory that he can write. */
static const uint32_t code_with_mxr[] = {0x000802b7 /* lui t0, 0x80 */, 0x1002a073 /* csrs sstatus, t0 */, 0x02a00513,
                                         0x00008067};

static void execute_mxr(void) {
    volatile uint32_t *code = (volatile uint32_t *)heap_page();
    for (size_t i = 0; i < sizeof code_with_mxr / sizeof *code_with_mxr; i++) code[i] = code_with_mxr[i];
    try_execute((uintptr_t)code);
}

/* Announces reading text, sets a bit of sstatus, reads. */
static void read_text_with(uint64_t bits) {
    uintptr_t address = text_address();
    tries(address, address);
    __asm__ volatile("csrs sstatus, %0" : : "r"(bits) : "memory");
    succeeded(*(volatile uint8_t *)hidden(address));
}

/* Neither may be set when the program begins. */
static void look_at_sstatus(void) {
    uint64_t value;
    tries(0, 0);
    __asm__ volatile("csrr %0, sstatus" : "=r"(value));
    if ((value & (SUM | MXR)) == 0) return nothing_found();
    succeeded(value);
}

static uint64_t *next_table;

static uint64_t physical(uint64_t *table) {
    const struct boot_range *heap = range_of(BOOT_HEAP);
    return (uintptr_t)table - heap->virtual_address + heap->physical_address;
}

/* Maps a page with every permission, in tables of our own. */
static void allow(uint64_t *root, uint64_t mode, uintptr_t page, uint64_t frame) {
    uint64_t *table = root;
    for (uint64_t level = mode - 6; level > 0; level--) {
        uint64_t *entry = &table[page >> (12 + 9 * level) & 511];
        if (*entry == 0) {
            *entry = physical(next_table) >> 2 | TABLE;
            next_table += 512;
        }
        table = (uint64_t *)(layer_boot->heap + ((*entry >> 10 << 12) - range_of(BOOT_HEAP)->physical_address));
    }
    table[page >> 12 & 511] = frame >> 2 | EVERYTHING;
}

/* The program's own pages, all permissions on each. Of a large range the pages that this needs. */
static void undo_tables(void) {
    uint64_t mode = layer_boot->mode, *root = (uint64_t *)heap_page();
    if (mode == 0) return try_execute(copied_code(heap_page()));
    next_table = root + 512;
    for (size_t i = 0; i < TABLES * 512; i++) root[i] = 0;
    for (uint64_t i = 0; i < layer_boot->range_count && i < BOOT_MOST_RANGES; i++) {
        const struct boot_range *range = &layer_boot->ranges[i];
        if (range->kind == BOOT_REGISTERS) continue;
        uint64_t skip = range->kind == BOOT_HEAP ? (uintptr_t)root - range->virtual_address : 0;
        for (uint64_t at = skip; at < range->size && at < skip + (1u << 20); at += PAGE)
            allow(root, mode, range->virtual_address + at, range->physical_address + at);
    }
    /* The boot block lies after the copy of the device tree. */
    const struct boot_range *tree = range_of(BOOT_FDT);
    allow(root, mode, (uintptr_t)layer_boot & ~(uintptr_t)(PAGE - 1), tree->physical_address + tree->size);
    uintptr_t code = copied_code((uintptr_t)(root + TABLES * 512));
    __asm__ volatile("csrw satp, %0; sfence.vma" : : "r"(mode << 60 | physical(root) >> 12) : "memory");
    try_execute(code);
}

bool probe_undo(const char *name) {
    if (equal(name, "execute-mxr")) return execute_mxr(), true;
    if (equal(name, "read-text-with-sum")) return read_text_with(SUM), true;
    if (equal(name, "look-at-sstatus")) return look_at_sstatus(), true;
    if (equal(name, "undo-mxr")) return read_text_with(MXR), true;
    if (equal(name, "undo-tables")) return undo_tables(), true;
    return false;
}
