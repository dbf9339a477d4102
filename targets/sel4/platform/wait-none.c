/*
 * Waiting where nothing could end it in time: the processor is given to whoever else wants it, and the layer looks at its
 * clock and its devices again soon.
 */
#include "guest.h"
#include "waiting.h"

void layer_interrupts_init(void) {}

bool layer_interrupt_enable(uint32_t source) {
    (void)source;
    return false;
}

void layer_interrupts_accept(void) {}

void layer_wait(uint64_t start, uint64_t wait) {
    (void)start;
    (void)wait;
    layer_idle();
}
