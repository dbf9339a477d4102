/*
 * From the kernel's entry to the platform layer: the image is protected, memory and devices are found and mapped, the
 * boot block is written and made read-only, the capabilities are given up. start-*.S calls this with a stack.
 */
#include "guest.h"
#include "stage0.h"

#if SEL4_HAS_FIRST_STAGE
#include "first-stage.h"
#endif

_Noreturn void sel4_stage0(struct sel4_bootinfo *info);

/* Pages of its own. */
static union {
    struct boot_block block;
    char pages[SEL4_BOOT_BLOCK_PAGES * SEL4_PAGE];
} boot __attribute__((aligned(SEL4_PAGE)));

struct boot_block *const sel4_boot_block = &boot.block;

_Noreturn void sel4_stage0(struct sel4_bootinfo *info) {
    sel4_slot keep[SEL4_MOST_KEPT];
    struct boot_block *block = &boot.block;
    sel4_info = info;
    sel4_buffer = info->ipc_buffer;
    sel4_protect();
    block->magic = BOOT_MAGIC;
    block->stack_low = (uintptr_t)sel4_stack_low;
    block->stack_top = (uintptr_t)sel4_stack_top;
    size_t kept = sel4_find_resources(block, keep);
#if SEL4_HAS_FIRST_STAGE
    sel4_spawn(block, keep, kept);
#else
    sel4_make_heap(block, sel4_settings.heap);
    sel4_protect_range(boot.pages, boot.pages + sizeof boot.pages, SEL4_READ, SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER);
    sel4_seal(keep, kept);
    layer_start(block);
#endif
}
