/*
 * Leaving the stack: downwards by recursion and by a plain pointer, upwards, and across a buffer's end.
 *
 * Nobody tells a program where its stack begins and ends. It lies above the heap, so what gets from here to the heap's
 * last page without a fault has met no guard.
 */
#include "probe.h"

static uintptr_t page_of(uintptr_t address) { return address & ~(uintptr_t)(PAGE - 1); }

/* Frames of less than a page, each written: no page on the way down is left out. */
static __attribute__((noinline)) uintptr_t descend(uintptr_t lowest) {
    volatile uint8_t frame[1024];
    frame[0] = 1;
    uintptr_t here = (uintptr_t)frame;
    if (here < lowest) return here;
    here = descend(lowest);
    frame[1] = 2; /* keeps the call from becoming a loop */
    return here;
}

static void overflow(void) {
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t lowest = heap_end - PAGE;
    tries(lowest - PAGE, here);
    succeeded(descend(lowest));
}

/* Writes to every page from under this one down to the heap's last. */
static void write_below(void) {
    uintptr_t page = page_of((uintptr_t)__builtin_frame_address(0)) - PAGE;
    uintptr_t lowest = heap_end - PAGE;
    tries(lowest, page);
    for (; page >= lowest; page -= PAGE) *(volatile uint8_t *)hidden(page) = 1;
    succeeded(lowest);
}

/* start.S begins at the top, and the frames up to here are small: 64 KiB above there is no stack any more. */
static void read_above(void) {
    uintptr_t page = page_of((uintptr_t)__builtin_frame_address(0)) + PAGE;
    uintptr_t highest = page + 16 * PAGE;
    tries(page, highest);
    uint64_t sum = 0;
    for (; page <= highest; page += PAGE) sum += *(volatile uint8_t *)hidden(page);
    succeeded(sum);
}

static __attribute__((noinline)) uint8_t smash(size_t size) {
    uint8_t buffer[16];
    volatile uint8_t *byte = buffer;
    for (size_t i = 0; i < hidden(size); i++) byte[i] = 0xa5;
    return byte[15];
}

bool probe_stack(const char *name) {
    if (equal(name, "overflow-stack")) return overflow(), true;
    if (equal(name, "write-below-stack")) return write_below(), true;
    if (equal(name, "read-above-stack")) return read_above(), true;
    if (equal(name, "smash-stack")) {
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        tries(here, here);
        return succeeded(smash(64)), true;
    }
    return false;
}
