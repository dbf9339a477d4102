/*
 * Leaving the stack: downwards by recursion and by a plain pointer, upwards, and across a buffer's end. For targets whose
 * guests know from a boot block where their stack is. What is stopped there has no stack left to say so on: a trap stack,
 * which is another, makes these end in a message, or whoever is below.
 */
#include "probe.h"

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

/* The fault must be in the page under the stack, which is guard; without one it goes on for a page more. */
static void overflow(void) {
    tries(layer_boot->stack_low - PAGE, layer_boot->stack_low - 1);
    succeeded(descend(layer_boot->stack_low - 2 * PAGE));
}

static __attribute__((noinline)) uint8_t smash(size_t size) {
    uint8_t buffer[16];
    volatile uint8_t *byte = buffer;
    for (size_t i = 0; i < hidden(size); i++) byte[i] = 0xa5;
    return byte[15];
}

bool probe_stack(const char *name) {
    if (equal(name, "overflow-stack")) return overflow(), true;
    if (equal(name, "write-below-stack")) return try_write(layer_boot->stack_low - 1), true;
    if (equal(name, "write-above-stack")) return try_write(layer_boot->stack_top), true;
    if (equal(name, "smash-stack")) {
        uintptr_t here = (uintptr_t)__builtin_frame_address(0);
        tries(here, here);
        return succeeded(smash(64)), true;
    }
    return false;
}
