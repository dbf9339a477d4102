/*
 * Every page of the program in one boot: each access that must not be allowed is tried, and must end in the right page
 * fault at the very address; each that must be is tried as well. Then the pages beside every part; then the machine's
 * memory, and everything below it, by physical address.
 *
 * The first access that ends otherwise is told as "succeeded": the page's address, plus 1 for reading, 2 for writing,
 * 3 for executing.
 */
#include "probe.h"

enum { FETCH_PAGE_FAULT = 12, LOAD_PAGE_FAULT = 13, STORE_PAGE_FAULT = 15 };
enum { READ = 1, WRITE = 2, EXECUTE = 4 };
enum { READING = 1, WRITING = 2, EXECUTING = 3 };

int64_t attempt_read(uintptr_t address, uintptr_t *value);
int64_t attempt_write(uintptr_t address, uintptr_t *value, uint8_t byte);
int64_t attempt_execute(uintptr_t address, uintptr_t *value);

/* The first access of a page that was not as it has to be; 0 when there is none. */
static uintptr_t wrong_access(uintptr_t page, unsigned rights) {
    uintptr_t at;
    if ((rights & READ) == 0 && (attempt_read(page, &at) != LOAD_PAGE_FAULT || at != page)) return page + READING;
    if ((rights & READ) != 0 && attempt_read(page, &at) != -1) return page + READING;
    if ((rights & WRITE) == 0 && (attempt_write(page, &at, 0) != STORE_PAGE_FAULT || at != page)) return page + WRITING;
    if ((rights & WRITE) != 0 && attempt_write(page, &at, *(volatile uint8_t *)page) != -1) return page + WRITING;
    if ((rights & EXECUTE) == 0 && (attempt_execute(page, &at) != FETCH_PAGE_FAULT || at != page))
        return page + EXECUTING;
    return 0;
}

static bool holds(const struct boot_range *range, uintptr_t address) {
    return address >= range->virtual_address && address - range->virtual_address < range->size;
}

static unsigned rights_of(const struct boot_range *range) {
    switch (range->kind) {
    case BOOT_FDT: return READ;
    case BOOT_IMAGE:
        if (holds(range, text_address())) return EXECUTE;
        return holds(range, (uintptr_t)code_in_rodata) || holds(range, (uintptr_t)code_in_relro) ? READ : READ | WRITE;
    default: return READ | WRITE;
    }
}

static bool is_mapped(uintptr_t page) {
    if (page == (uintptr_t)layer_boot) return true;
    for (uint64_t i = 0; i < layer_boot->range_count && i < BOOT_MOST_RANGES; i++) {
        const struct boot_range *range = &layer_boot->ranges[i];
        if (page + PAGE > range->virtual_address && page < range->virtual_address + range->size) return true;
    }
    return false;
}

/* A page beside a range, unless the next range begins there. */
static uintptr_t wrong_neighbour(uintptr_t page) { return is_mapped(page) ? 0 : wrong_access(page, 0); }

static uintptr_t wrong_in(const struct boot_range *range) {
    uintptr_t end = (range->virtual_address + range->size + PAGE - 1) & ~(uintptr_t)(PAGE - 1), wrong, at;
    for (uintptr_t page = range->virtual_address; page != end; page += PAGE) {
        /* Reading and writing registers does things. */
        if (range->kind == BOOT_REGISTERS) {
            if (attempt_execute(page, &at) != FETCH_PAGE_FAULT || at != page) return page + EXECUTING;
        } else if ((wrong = wrong_access(page, rights_of(range))) != 0) return wrong;
    }
    if ((wrong = wrong_neighbour(range->virtual_address - PAGE)) != 0) return wrong;
    return wrong_neighbour(end);
}

static void sweep_pages(void) {
    tries(0, ~(uintptr_t)0);
    uintptr_t block = (uintptr_t)layer_boot & ~(uintptr_t)(PAGE - 1), wrong = wrong_access(block, READ);
    for (uint64_t i = 0; wrong == 0 && i < layer_boot->range_count && i < BOOT_MOST_RANGES; i++)
        wrong = wrong_in(&layer_boot->ranges[i]);
    if (wrong == 0) wrong = wrong_neighbour(block - PAGE);
    if (wrong == 0) wrong = wrong_neighbour(block + PAGE);
    if (wrong == 0) return nothing_found();
    succeeded(wrong);
}

/* Addresses of memory as devices know them, from firmware's on: none means anything to the program. */
static void sweep_physical(void) {
    const struct boot_range *heap = range_of(BOOT_HEAP);
    uintptr_t end = heap->physical_address + heap->size + (2u << 20), wrong;
    tries(0, end);
    for (uintptr_t page = 0; page < 0x80000000; page += 0x100000) {
        if ((wrong = wrong_access(page, 0)) != 0) return succeeded(wrong);
    }
    for (uintptr_t page = 0x80000000; page < end; page += PAGE) {
        if ((wrong = wrong_access(page, 0)) != 0) return succeeded(wrong);
    }
    nothing_found();
}

bool probe_sweep(const char *name) {
    if (equal(name, "sweep-pages")) return sweep_pages(), true;
    if (equal(name, "sweep-physical")) return sweep_physical(), true;
    return false;
}
