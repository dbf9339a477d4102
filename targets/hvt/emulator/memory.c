/* Extents, nested page tables and access to guest memory: see memory.h. */
#include "memory.h"

#include "report.h"

#define START_INFO_MAGIC 0x336ec578u
#define USABLE 1

struct module {
    u64 address, size, command_line, reserved;
};

struct memory_block {
    u64 address, size;
    u32 type, reserved;
};

struct extent {
    u64 guest, machine, size;
};

static struct extent extents[2];
static u64 memory_size;
static u64 next_free_page = 4 * MIB;

/* End of the emulator's program, from the linker. */
extern char emulator_end[];

/* Nested tables: the root, one third-level table, and four second-level ones, which cover 4 GiB. */
enum { PRESENT = 1, WRITABLE = 2, USER = 4, LARGE = 0x80 };
#define ENTRIES 512
#define ADDRESS_BITS 0x000ffffffffff000ul
static u64 root_table[ENTRIES] __attribute__((aligned(PAGE)));
static u64 gigabytes_table[ENTRIES] __attribute__((aligned(PAGE)));
static u64 large_tables[4][ENTRIES] __attribute__((aligned(PAGE)));

void *allocate_pages(u64 count) {
    if (count > (LOW_MEMORY_END - next_free_page) / PAGE)
        broken("out of memory for tables and queues: %lu more pages wanted", count);
    void *pages = (void *)next_free_page;
    next_free_page += count * PAGE;
    memset(pages, 0, count * PAGE);
    return pages;
}

struct image find_image(const struct start_info *info) {
    if (info->magic != START_INFO_MAGIC || info->version < 1)
        broken("the boot loader's start_info has magic %x, version %u", info->magic, info->version);
    if (info->module_count != 1) broken("the boot loader gave %u modules; expected the image", info->module_count);
    const struct module *module = (const struct module *)info->modules;
    return (struct image){(const u8 *)module->address, module->size};
}

static void add_extent(u64 machine, u64 end) {
    machine = round_up(machine, LARGE_PAGE);
    end = round_down(end, LARGE_PAGE);
    struct extent *last = &extents[COUNT_OF(extents) - 1];
    u64 placed = 0;
    for (struct extent *extent = extents; extent <= last; extent++) {
        if (extent->size == 0 && end > machine && placed < memory_size) {
            *extent = (struct extent){placed, machine, minimum(end - machine, memory_size - placed)};
            return;
        }
        placed += extent->size;
    }
}

/* The usable memory block that begins below `limit` and ends above `above`; size 0 when there is none. */
static struct memory_block find_block(const struct start_info *info, u64 address) {
    const struct memory_block *blocks = (const struct memory_block *)info->memory_map;
    for (u32 i = 0; i < info->memory_map_entries; i++) {
        const struct memory_block *block = &blocks[i];
        if (block->type == USABLE && block->address <= address && address - block->address < block->size)
            return *block;
    }
    return (struct memory_block){0, 0, 0, 0};
}

void guest_memory_init(const struct start_info *info, struct image image, u64 size) {
    if ((u64)emulator_end > next_free_page) broken("the emulator's program ends at %lx", (u64)emulator_end);
    memory_size = size;
    struct memory_block low = find_block(info, 1 * MIB);
    u64 image_address = (u64)image.bytes;
    u64 low_end = low.address + low.size;
    if (image_address < LOW_MEMORY_END || image_address > low_end || image.size > low_end - image_address)
        broken("the image lies at %lx, outside of memory [%lx, %lx)", image_address, (u64)LOW_MEMORY_END, low_end);
    add_extent(LOW_MEMORY_END, image_address);
    struct memory_block high = find_block(info, 4 * GIB);
    add_extent(high.address, high.address + high.size);
    u64 found = extents[0].size + extents[1].size;
    if (found < size) broken("QEMU has %lu MiB for the guest; %lu wanted", found / MIB, size / MIB);

    root_table[0] = (u64)gigabytes_table | PRESENT | WRITABLE | USER;
    for (u64 i = 0; i < COUNT_OF(large_tables); i++)
        gigabytes_table[i] = (u64)large_tables[i] | PRESENT | WRITABLE | USER;
    for (u64 address = 0; address < size; address += LARGE_PAGE) {
        u64 span = LARGE_PAGE;
        large_tables[address / GIB][address / LARGE_PAGE % ENTRIES] =
            (u64)guest_span(address, &span) | PRESENT | WRITABLE | USER | LARGE;
    }
}

u64 guest_memory_size(void) { return memory_size; }

void *guest_span(u64 address, u64 *size) {
    for (size_t i = 0; i < COUNT_OF(extents); i++) {
        u64 offset = address - extents[i].guest;
        if (address < extents[i].guest || offset >= extents[i].size) continue;
        *size = minimum(*size, extents[i].size - offset);
        return (void *)(extents[i].machine + offset);
    }
    broken("guest address %lx is outside of its %lu bytes", address, memory_size);
}

void guest_write(u64 address, const void *from, u64 size) {
    const u8 *source = from;
    while (size > 0) {
        u64 span = size;
        void *target = guest_span(address, &span);
        memcpy(target, source, span);
        address += span, source += span, size -= span;
    }
}

void guest_read(u64 address, void *to, u64 size) {
    u8 *target = to;
    while (size > 0) {
        u64 span = size;
        const void *source = guest_span(address, &span);
        memcpy(target, source, span);
        address += span, target += span, size -= span;
    }
}

bool guest_range_valid(u64 address, u64 size) {
    u64 end;
    return address < memory_size && !add_overflows(address, size, &end) && end < memory_size;
}

static u64 *large_entry(u64 address) { return &large_tables[address / GIB][address / LARGE_PAGE % ENTRIES]; }

/* The entry that decides about a page: its own, or that of the large page it is part of. */
static u64 deciding_entry(u64 address) {
    u64 large = *large_entry(address);
    if (large & LARGE) return large;
    return ((const u64 *)(large & ADDRESS_BITS))[address / PAGE % ENTRIES];
}

bool guest_range_allows(u64 address, u64 size, bool writing) {
    u64 needed = writing ? PRESENT | WRITABLE : PRESENT;
    u64 end = address + size;
    for (u64 page = round_down(address, PAGE); page < end; page += PAGE) {
        if ((deciding_entry(page) & needed) != needed) return false;
    }
    return true;
}

/* Replaces a large page by 512 small ones of the same kind. */
static void split_large_page(u64 *entry) {
    u64 *table = allocate_pages(1);
    u64 bits = *entry & ~(ADDRESS_BITS | LARGE);
    u64 address = *entry & ADDRESS_BITS;
    for (u64 i = 0; i < ENTRIES; i++) table[i] = (address + i * PAGE) | bits;
    *entry = (u64)table | PRESENT | WRITABLE | USER;
}

void guest_protect(u64 start, u64 end, bool readable, bool writable) {
    u64 bits = readable || writable ? PRESENT | USER : 0;
    if (writable) bits |= WRITABLE;
    for (u64 page = start; page < end;) {
        u64 *entry = large_entry(page);
        bool whole = page % LARGE_PAGE == 0 && end - page >= LARGE_PAGE;
        if (whole && (*entry & LARGE)) {
            *entry = (*entry & ADDRESS_BITS) | bits | LARGE;
            page += LARGE_PAGE;
            continue;
        }
        if (*entry & LARGE) split_large_page(entry);
        u64 *small = &((u64 *)(*entry & ADDRESS_BITS))[page / PAGE % ENTRIES];
        *small = (*small & ADDRESS_BITS) | bits;
        page += PAGE;
    }
}

u64 nested_tables(void) { return (u64)root_table; }
