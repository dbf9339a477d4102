/*
 * Single accesses to memory of every kind: reading, writing, executing.
 *
 * What only a plain image lets a probe do is prepared only there (satp is 0): code for `execute` is put to memory that
 * is not writable on a hardened image, so that being let in has an end there too.
 */
#include "probe.h"

const uint8_t code_in_rodata[] __attribute__((aligned(16))) = CODE;
uint8_t code_in_data[] __attribute__((aligned(16))) = CODE;
static uint8_t code_in_bss[16] __attribute__((aligned(16)));
/* Not const: what start-up code writes and nobody afterwards, which is all that RELRO is about. */
uint8_t code_in_relro[] __attribute__((aligned(16), section(".data.rel.ro"))) = CODE;

#define FIRMWARE 0x80000000u
/* Of the start-up stub's pages, before the image: header, code, veneer. */
enum { STUB_PAGES = 3, STUB_CODE = 1, STUB_VENEER = 2 };

static __attribute__((noinline, aligned(16))) void victim(void) { __asm__ volatile("nop; nop; nop; nop"); }

uintptr_t text_address(void) { return hidden((uintptr_t)victim); }

/* Past what the platform layer has taken of the heap. */
uintptr_t heap_page(void) { return (layer_boot->heap + layer_boot->heap_size / 2) & ~(uintptr_t)(PAGE - 1); }

const struct boot_range *range_of(enum boot_kind kind) {
    for (uint64_t i = 0; i < layer_boot->range_count && i < BOOT_MOST_RANGES; i++) {
        if (layer_boot->ranges[i].kind == kind) return &layer_boot->ranges[i];
    }
    return NULL;
}

void try_read(uintptr_t address) {
    tries(address, address);
    succeeded(*(volatile uint8_t *)hidden(address));
}

void try_write(uintptr_t address) {
    tries(address, address);
    *(volatile uint8_t *)hidden(address) = 0;
    succeeded(0);
}

void try_execute(uintptr_t address) {
    tries(address, address);
    __asm__ volatile("fence.i" ::: "memory");
    int (*function)(void) = (int (*)(void))hidden(address);
    succeeded((unsigned)function());
}

uintptr_t copied_code(uintptr_t to) {
    const volatile uint8_t *code = (const uint8_t *)hidden((uintptr_t)code_in_rodata);
    for (size_t i = 0; i < sizeof code_in_rodata; i++) ((volatile uint8_t *)to)[i] = code[i];
    return to;
}

/* Executes what a hardened image lets nobody write. */
static void try_execute_planted(uintptr_t address) {
    if (satp() == 0) copied_code(address);
    try_execute(address);
}

static __attribute__((noinline)) void execute_stack(void) {
    uint8_t code[16] __attribute__((aligned(16)));
    try_execute(copied_code((uintptr_t)code));
}

/* The physical address of the root page table. A plain image has none: some memory of its own instead. */
static uintptr_t page_tables(void) { return satp() == 0 ? heap_page() : (satp() << 20) >> 8; }

/* The physical address of a page of the stub; of the image's own text, when `page` is STUB_PAGES. */
static uintptr_t stub_page(uintptr_t page) {
    return range_of(BOOT_IMAGE)->physical_address - STUB_PAGES * PAGE + page * PAGE;
}

/* An idle virtio device, or where there is none the interrupt controller: what reads as no instruction. */
static uintptr_t device(void) {
    uintptr_t found = 0;
    for (uint64_t i = 0; i < layer_boot->range_count && i < BOOT_MOST_RANGES; i++) {
        const struct boot_range *range = &layer_boot->ranges[i];
        if (range->kind != BOOT_REGISTERS) continue;
        if (found == 0 || *(volatile uint32_t *)range->virtual_address == 0x74726976) found = range->virtual_address;
    }
    return found;
}

static bool reads(const char *name) {
    if (equal(name, "read-text")) return try_read(text_address()), true;
    if (equal(name, "read-null")) return try_read(0), true;
    if (equal(name, "read-below-image")) return try_read(range_of(BOOT_IMAGE)->virtual_address - 1), true;
    if (equal(name, "read-firmware")) return try_read(FIRMWARE), true;
    if (equal(name, "read-page-tables")) return try_read(page_tables()), true;
    if (equal(name, "read-stub")) return try_read(stub_page(STUB_CODE)), true;
    if (equal(name, "read-veneer")) return try_read(stub_page(STUB_VENEER)), true;
    if (equal(name, "read-physical-text")) return try_read(stub_page(STUB_PAGES)), true;
    if (equal(name, "read-physical-heap")) return try_read(range_of(BOOT_HEAP)->physical_address), true;
    if (equal(name, "read-satp")) return tries(0, 0), succeeded(satp()), true;
    return false;
}

static bool writes(const char *name) {
    if (equal(name, "write-text")) return try_write(text_address()), true;
    if (equal(name, "write-rodata")) return try_write((uintptr_t)code_in_rodata), true;
    if (equal(name, "write-relro")) return try_write((uintptr_t)code_in_relro), true;
    if (equal(name, "write-null")) return try_write(0), true;
    if (equal(name, "write-boot-block")) return try_write((uintptr_t)&layer_boot->hart), true;
    if (equal(name, "write-device-tree")) return try_write(layer_boot->fdt), true;
    if (equal(name, "write-firmware")) return try_write(FIRMWARE), true;
    if (equal(name, "write-page-tables")) return try_write(page_tables()), true;
    if (equal(name, "write-stub")) return try_write(stub_page(STUB_CODE)), true;
    if (equal(name, "write-physical-text")) return try_write((text_address() - range_of(BOOT_IMAGE)->virtual_address) +
                                                             stub_page(STUB_PAGES)), true;
    if (equal(name, "write-below-heap")) return try_write(layer_boot->heap - 1), true;
    if (equal(name, "write-above-heap")) return try_write(layer_boot->heap + layer_boot->heap_size), true;
    if (equal(name, "write-below-trap-stack")) return try_write(layer_boot->trap_stack_low - 1), true;
    if (equal(name, "write-above-trap-stack")) return try_write(layer_boot->trap_stack_top), true;
    return false;
}

static bool executes(const char *name) {
    if (equal(name, "execute-rodata")) return try_execute((uintptr_t)code_in_rodata), true;
    if (equal(name, "execute-relro")) return try_execute((uintptr_t)code_in_relro), true;
    if (equal(name, "execute-data")) return try_execute((uintptr_t)code_in_data), true;
    if (equal(name, "execute-bss")) return try_execute(copied_code((uintptr_t)code_in_bss)), true;
    if (equal(name, "execute-heap")) return try_execute(copied_code(heap_page())), true;
    if (equal(name, "execute-stack")) return execute_stack(), true;
    if (equal(name, "execute-trap-stack")) return try_execute(copied_code(layer_boot->trap_stack_low)), true;
    if (equal(name, "execute-null")) return try_execute(0), true;
    /* The last of the ranges, which no machine here has so many of. */
    if (equal(name, "execute-boot-block"))
        return try_execute_planted((uintptr_t)&layer_boot->ranges[BOOT_MOST_RANGES - 1]), true;
    if (equal(name, "execute-device-tree")) return try_execute_planted(layer_boot->fdt), true;
    if (equal(name, "execute-device")) return try_execute(device()), true;
    if (equal(name, "execute-firmware")) return try_execute(FIRMWARE), true;
    if (equal(name, "execute-page-tables")) return try_execute_planted(page_tables()), true;
    if (equal(name, "execute-stub")) return try_execute_planted(stub_page(STUB_CODE)), true;
    if (equal(name, "execute-veneer")) return try_execute_planted(stub_page(STUB_VENEER)), true;
    if (equal(name, "execute-physical-text"))
        return try_execute_planted((text_address() - range_of(BOOT_IMAGE)->virtual_address) + stub_page(STUB_PAGES)),
               true;
    return false;
}

bool probe_memory(const char *name) { return reads(name) || writes(name) || executes(name); }
