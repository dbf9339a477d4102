/*
 * The boot block of a plain image: firmware entered it, paging is off, and nobody has looked at the machine yet.
 *
 * From the device tree: which memory holds the image, what of it after the image is free (neither the tree itself nor
 * reserved), and the boot seed, which is wiped from the tree. The largest free piece is the heap, its highest part the
 * stack. There are no guard pages and no permissions: this is what a protected image is compared with.
 */
#include "platform.h"

#define STACK_RESERVE (1024u * 1024u)
#define SMALLEST_FREE (512u * 1024u)

extern char rv_first_stack[], rv_first_stack_top[];

const struct boot_block *rv_plain_boot(uint64_t hart, void *fdt);

static struct boot_block block;

struct piece {
    uint64_t start, end;
};

/* Cuts a piece off where [start, start + size) begins; makes it empty when it begins inside. */
static void avoid(struct piece *piece, uint64_t start, uint64_t size) {
    if (piece->start >= start && piece->start - start < size) piece->end = piece->start;
    else if (start > piece->start && start < piece->end) piece->end = start;
}

/* The free memory from `start` on, at most to `end`, with its borders on pages. */
static struct piece free_from(uint64_t start, uint64_t end) {
    struct piece piece = {start, end};
    if (start > end) return (struct piece){0, 0};
    avoid(&piece, block.fdt, block.fdt_size);
    for (uint32_t i = 0; i < rv_machine.reserved_count; i++)
        avoid(&piece, rv_machine.reserved[i].address, rv_machine.reserved[i].size);
    piece.start = align_up(piece.start, PAGE_SIZE);
    piece.end &= ~(uint64_t)(PAGE_SIZE - 1);
    return piece.end > piece.start ? piece : (struct piece){0, 0};
}

/* The largest free piece of the memory that holds the image, after the image. */
static struct piece largest_free(void) {
    struct piece best = {0, 0};
    uint64_t image = (uintptr_t)rv_image, low = (uintptr_t)rv_image_end;
    for (uint32_t i = 0; i < rv_machine.memory_count; i++) {
        const struct machine_range *memory = &rv_machine.memory[i];
        if (image < memory->address || low - memory->address > memory->size) continue;
        uint64_t end = memory->address + memory->size;
        /* A free piece begins at the image's end, or where something else ends. */
        struct piece candidate = free_from(low, end);
        if (candidate.end - candidate.start > best.end - best.start) best = candidate;
        for (uint32_t j = 0; j <= rv_machine.reserved_count; j++) {
            const struct machine_range *busy = &rv_machine.reserved[j];
            bool tree = j == rv_machine.reserved_count;
            uint64_t start = tree ? block.fdt + block.fdt_size : busy->address + busy->size;
            if (start < low || start >= end) continue;
            candidate = free_from(start, end);
            if (candidate.end - candidate.start > best.end - best.start) best = candidate;
        }
    }
    return best;
}

static void add(uint64_t start, uint64_t size, enum boot_kind kind) {
    if (size == 0 || block.range_count == BOOT_MOST_RANGES) return;
    block.ranges[block.range_count++] = (struct boot_range){start, start, size, kind};
}

/* Spreads every bit of its input over the whole word (the finaliser of SplitMix64); a bijection, so it loses nothing. */
static uint64_t mixed(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* Three words of the seed are the program's; the fourth becomes the canary. */
static void take_seed(void) {
    struct fdt_value seed = rv_machine.rng_seed;
    uint8_t *bytes = (uint8_t *)(uintptr_t)seed.data;
    if (seed.size >= sizeof block.seed) {
        memcpy(block.seed, bytes, sizeof block.seed);
        block.has_entropy = 1;
    }
    if (bytes != NULL) memset(bytes, 0, seed.size);
    /* The lowest byte is 0, so that a string that runs over the end of its buffer neither reads nor forges it. */
    block.canary = mixed(block.seed[3] ^ rv_ticks()) & ~(uint64_t)0xff;
    block.seed[3] = 0;
}

const struct boot_block *rv_plain_boot(uint64_t hart, void *fdt) {
    uint32_t size = rv_fdt_size(fdt);
    if (size == 0) rv_abort("the firmware gave us no device tree");
    const char *wrong = rv_machine_read(&rv_machine, fdt, size, hart);
    if (wrong != NULL) rv_abort_because("the device tree is damaged", wrong);
    block.magic = BOOT_MAGIC;
    block.hart = hart;
    block.fdt = (uintptr_t)fdt;
    block.fdt_size = size;
    struct piece memory = largest_free();
    if (memory.end - memory.start < SMALLEST_FREE) rv_abort("not enough memory: give the machine more");
    uint64_t reserve = ((memory.end - memory.start) / 4) & ~(uint64_t)(PAGE_SIZE - 1);
    if (reserve > STACK_RESERVE) reserve = STACK_RESERVE;
    block.stack_low = memory.end - reserve;
    block.stack_top = memory.end;
    block.trap_stack_low = (uintptr_t)rv_first_stack;
    block.trap_stack_top = (uintptr_t)rv_first_stack_top;
    block.heap = memory.start;
    block.heap_size = block.stack_low - memory.start;
    take_seed();

    add((uintptr_t)rv_image, (uintptr_t)(rv_image_end - rv_image), BOOT_IMAGE);
    add(block.stack_low, reserve, BOOT_STACK);
    add(block.heap, block.heap_size, BOOT_HEAP);
    add(block.fdt, size, BOOT_FDT);
    add(rv_machine.rtc.address, rv_machine.rtc.size, BOOT_REGISTERS);
    add(rv_machine.plic.address, rv_machine.plic.size, BOOT_REGISTERS);
    for (uint32_t i = 0; i < rv_machine.aplic_count; i++)
        add(rv_machine.aplics[i].registers.address, rv_machine.aplics[i].registers.size, BOOT_REGISTERS);
    for (uint32_t i = 0; i < rv_machine.virtio_count; i++)
        add(rv_machine.virtio[i].address, rv_machine.virtio[i].size, BOOT_REGISTERS);
    return &block;
}
