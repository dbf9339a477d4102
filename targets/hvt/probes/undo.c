/*
 * What code in ring 0 can take back. These are no failures of a protection: they say how much it is worth against an
 * attacker who already runs instructions of his choice, and they are why images are searched for such instructions.
 */
#include "probe.h"

enum { ALIGNMENT_CHECK = 1 << 18, WRITE_PROTECT = 1 << 16, SMAP = 1 << 21, PKE = 1 << 22 };
enum { PRESENT = 1, WRITABLE = 2, LARGE = 0x80 };

static uint64_t cr4(void) {
    uint64_t value;
    __asm__("mov %%cr4, %0" : "=r"(value));
    return value;
}

/* Announces reading text, takes the protection away by `undo`, reads. */
#define READ_TEXT_AFTER(undo)                              \
    do {                                                   \
        uintptr_t address = text_address();                \
        tries(address, address);                           \
        undo;                                              \
        succeeded(*(volatile uint8_t *)hidden(address));   \
    } while (0)

/* The whole of the lowest 4 GiB, everything allowed, in tables on the heap. */
static void undo_tables(void) {
    uint64_t *table = (uint64_t *)((heap_start + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
    for (size_t i = 0; i < 6 * 512; i++) table[i] = 0;
    table[0] = (uintptr_t)(table + 512) | PRESENT | WRITABLE;
    for (size_t i = 0; i < 4; i++) table[512 + i] = (uintptr_t)(table + 1024 + 512 * i) | PRESENT | WRITABLE;
    for (size_t i = 0; i < 4 * 512; i++) table[1024 + i] = i << 21 | PRESENT | WRITABLE | LARGE;
    __asm__ volatile("mov %0, %%cr3" : : "r"(table) : "memory");
    try_execute((uintptr_t)code_in_data);
}

static void undo_write_protect(void) {
    uint64_t cr0;
    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 & ~(uint64_t)WRITE_PROTECT) : "memory");
    try_write((uintptr_t)code_in_relro);
}

static void undo_cr4(void) {
    READ_TEXT_AFTER(__asm__ volatile("mov %0, %%cr4" : : "r"(cr4() & ~(uint64_t)(SMAP | PKE)) : "memory"));
}

static void undo_popf(void) {
    READ_TEXT_AFTER(__asm__ volatile("pushfq; orq %0, (%%rsp); popfq" : : "i"(ALIGNMENT_CHECK) : "memory", "cc"));
}

/* These are invalid opcodes on a processor without the feature. */
static void undo_stac(void) { READ_TEXT_AFTER(__asm__ volatile("stac" : : : "cc")); }

static void undo_wrpkru(void) { READ_TEXT_AFTER(__asm__ volatile("wrpkru" : : "a"(0), "c"(0), "d"(0))); }

static void undo_both(void) {
    READ_TEXT_AFTER(__asm__ volatile("wrpkru; stac" : : "a"(0), "c"(0), "d"(0) : "cc"));
}

bool probe_undo(const char *name) {
    if (equal(name, "undo-stac")) return undo_stac(), true;
    if (equal(name, "undo-popf")) return undo_popf(), true;
    if (equal(name, "undo-wrpkru")) return undo_wrpkru(), true;
    if (equal(name, "undo-wrpkru-stac")) return undo_both(), true;
    if (equal(name, "undo-cr4")) return undo_cr4(), true;
    if (equal(name, "undo-write-protect")) return undo_write_protect(), true;
    if (equal(name, "undo-tables")) return undo_tables(), true;
    return false;
}
