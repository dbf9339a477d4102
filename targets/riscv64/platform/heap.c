/*
 * The program's heap, of which the layer takes its own needs first: memory that devices read and write, and the initial
 * thread's variables. What devices are told of lies here and nowhere else: the program's data is copied to and from it,
 * so that the processor's permissions hold for what a device does in the program's name.
 */
#include "platform.h"

#define SMALLEST_HEAP (64u * 1024u)

static uintptr_t start, end;

void rv_heap_init(void) {
    start = align_up(rv_boot->heap, PAGE_SIZE);
    end = (rv_boot->heap + rv_boot->heap_size) & ~(uintptr_t)(PAGE_SIZE - 1);
}

void *rv_take_memory(size_t size) {
    if (end < start || end - start < SMALLEST_HEAP || size > end - start - SMALLEST_HEAP)
        rv_abort("not enough memory: give the machine more");
    uintptr_t memory = start;
    start = align_up(memory + size, PAGE_SIZE);
    memset((void *)memory, 0, size);
    return (void *)memory;
}

uintptr_t rv_heap_start(void) { return start; }

uintptr_t rv_heap_end(void) { return end; }
