/*
 * Which memory is whose: the image, the heap, the stack, and what the host may be told to touch.
 *
 *   0x100000   the image, up to _end
 *   heap       up to heap_end
 *   stack      the highest STACK_RESERVE bytes (a quarter of what is free, when that is less)
 *
 * There is no guard page between heap and stack on stock hvt: every address is writable. The reserve is a margin.
 *
 * In a hardened image the start-up stub (targets/hvt/stage0) has placed the stack: it lies above the memory that
 * boot_info tells of, with absent pages between. All of that memory is the heap's.
 */
#include "platform.h"

#define STACK_RESERVE (1024u * 1024u)
#define SMALLEST_FREE (256u * 1024u)
#define SMALLEST_HEAP (64u * 1024u)

/* End of the image's last section, from the linker. */
extern char _end[];

void hvt_memory_layout(const struct hvt_boot_info *boot, uintptr_t *heap_start, uintptr_t *heap_end) {
    /* kernel_end leaves out segments without file contents (.bss); _end leaves out what was added after the link. */
    uintptr_t end = (uintptr_t)_end;
    if (boot->kernel_end > end && boot->kernel_end < boot->mem_size) end = boot->kernel_end;
    uintptr_t start = align_up(end, PAGE_SIZE);
    bool apart = hvt_state.stack_top > boot->mem_size;
    uintptr_t top = apart ? boot->mem_size : hvt_state.stack_top;
    if (start > boot->mem_size || top < start || top - start < (apart ? SMALLEST_HEAP : SMALLEST_FREE))
        hvt_abort("not enough memory: give the guest more (tender option --mem)");
    uintptr_t reserve = apart ? 0 : (top - start) / 4;
    if (reserve > STACK_RESERVE) reserve = STACK_RESERVE;
    *heap_start = start;
    *heap_end = (top - reserve) & ~(uintptr_t)(PAGE_SIZE - 1);
}

/* The tender demands that a range ends strictly below the end of memory, which itself is at most 4 GiB. */
static bool in_memory(uintptr_t lowest, const void *data, size_t size) {
    uintptr_t start = (uintptr_t)data;
    return start >= lowest && start < hvt_state.memory_size && size < hvt_state.memory_size - start;
}

bool hvt_host_can_read(const void *data, size_t size) {
    return in_memory(0x10000, data, size); /* boot_info, manifest and command line included */
}

/* Below the image lie the page tables: the tender would overwrite them for us. */
bool hvt_host_can_write(const void *data, size_t size) { return in_memory(HVT_GUEST_BASE, data, size); }
