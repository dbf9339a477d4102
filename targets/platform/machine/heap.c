/*
 * The program's heap, of which the layer takes its own needs first: memory that devices read and write, and the initial
 * thread's variables. What devices are told of lies here and nowhere else: the program's data is copied to and from it,
 * so that the processor's permissions hold for what a device does in the program's name.
 */
#include "guest.h"

#define SMALLEST_HEAP (64u * 1024u)

static uintptr_t start, end;

void layer_heap_init(void) {
    start = align_up(layer_boot->heap, PAGE_SIZE);
    end = (layer_boot->heap + layer_boot->heap_size) & ~(uintptr_t)(PAGE_SIZE - 1);
}

void *layer_take_memory(size_t size) {
    if (end < start || end - start < SMALLEST_HEAP || size > end - start - SMALLEST_HEAP)
        layer_abort("not enough memory: give the machine more");
    uintptr_t memory = start;
    start = align_up(memory + size, PAGE_SIZE);
    memset((void *)memory, 0, size);
    return (void *)memory;
}

uintptr_t layer_heap_start(void) { return start; }

uintptr_t layer_heap_end(void) { return end; }
