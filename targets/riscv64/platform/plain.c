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

/* The free memory from `start` on, at most to `end`, with its borders on pages; empty when `start` is not free. */
static struct piece free_from(uint64_t start, uint64_t end) {
    const struct fdt_range *busy = layer_machine.reserved;
    for (const struct fdt_range *last = busy + layer_machine.reserved_count; busy < last; busy++) {
        if (start >= busy->address + busy->size || busy->address >= end) continue;
        end = busy->address;
    }
    return (struct piece){align_up(start, PAGE_SIZE), end & ~(uint64_t)(PAGE_SIZE - 1)};
}

/* The end of the memory that holds the image; 0 when none does. */
static uint64_t memory_end(void) {
    for (size_t i = 0; i < layer_machine.memory_count; i++) {
        const struct fdt_range *memory = &layer_machine.memory[i];
        uint64_t end = memory->address + memory->size;
        if ((uintptr_t)rv_image >= memory->address && (uintptr_t)rv_image_end <= end) return end;
    }
    return 0;
}

/* The largest free piece of the memory that holds the image, after the image. */
static struct piece largest_free(void) {
    struct piece best = {0, 0};
    uint64_t low = (uintptr_t)rv_image_end, start = low, end = memory_end();
    /* A free piece begins at the image's end, or where something else ends. */
    for (size_t i = 0;; i++) {
        if (start >= low && start < end) {
            struct piece free = free_from(start, end);
            if (free.end > free.start && free.end - free.start > best.end - best.start) best = free;
        }
        if (i == layer_machine.reserved_count) return best;
        start = layer_machine.reserved[i].address + layer_machine.reserved[i].size;
    }
}

static void add(struct fdt_range range, enum boot_kind kind) {
    if (range.size == 0 || block.range_count == BOOT_MOST_RANGES) return;
    block.ranges[block.range_count++] = (struct boot_range){range.address, range.address, range.size, kind};
}

/* Three words of the seed are the program's; the fourth becomes the canary. */
static void take_seed(void) {
    struct fdt_value seed = layer_machine.rng_seed;
    uint8_t *bytes = (uint8_t *)(uintptr_t)seed.data;
    if (seed.size >= sizeof block.seed) {
        memcpy(block.seed, bytes, sizeof block.seed);
        block.has_entropy = 1;
    }
    if (bytes != NULL) memset(bytes, 0, seed.size);
    /*
     * The time's low bits vary most: the product has them all over the word. The lowest byte is 0, so that a string that
     * runs over the end of its buffer neither reads nor forges it.
     */
    block.canary = (block.seed[3] ^ arch_ticks() * 0x9e3779b97f4a7c15u) & ~(uint64_t)0xff;
    block.seed[3] = 0;
}

const struct boot_block *rv_plain_boot(uint64_t hart, void *fdt) {
    uint32_t size = layer_fdt_size(fdt);
    if (size == 0) layer_abort("the firmware gave us no device tree");
    const char *wrong = layer_machine_read(&layer_machine, fdt, size, hart);
    if (wrong != NULL) layer_abort_because("the device tree is damaged", wrong);
    block.magic = BOOT_MAGIC;
    block.hart = hart;
    block.fdt = (uintptr_t)fdt;
    block.fdt_size = size;
    layer_machine.reserved[layer_machine.reserved_count++] = (struct fdt_range){block.fdt, size};
    struct piece memory = largest_free();
    if (memory.end - memory.start < SMALLEST_FREE) layer_abort("not enough memory: give the machine more");
    uint64_t reserve = ((memory.end - memory.start) / 4) & ~(uint64_t)(PAGE_SIZE - 1);
    if (reserve > STACK_RESERVE) reserve = STACK_RESERVE;
    block.stack_low = memory.end - reserve;
    block.stack_top = memory.end;
    block.trap_stack_low = (uintptr_t)rv_first_stack;
    block.trap_stack_top = (uintptr_t)rv_first_stack_top;
    block.heap = memory.start;
    block.heap_size = block.stack_low - memory.start;
    take_seed();

    add((struct fdt_range){(uintptr_t)rv_image, (uintptr_t)(rv_image_end - rv_image)}, BOOT_IMAGE);
    add((struct fdt_range){block.stack_low, reserve}, BOOT_STACK);
    add((struct fdt_range){block.heap, block.heap_size}, BOOT_HEAP);
    add((struct fdt_range){block.fdt, size}, BOOT_FDT);
    add(layer_machine.places[MACHINE_GOLDFISH_RTC].registers, BOOT_REGISTERS);
    add(layer_machine.plic, BOOT_REGISTERS);
    for (size_t i = 0; i < layer_machine.aplic_count; i++) add(layer_machine.aplics[i].registers, BOOT_REGISTERS);
    for (size_t i = 0; i < layer_machine.virtio_count; i++) add(layer_machine.virtio[i].registers, BOOT_REGISTERS);
    return &block;
}
