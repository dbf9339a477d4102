/*
 * cmos.c of the layer for x86-64 on this machine, over a clock chip that a test sets: reads lines of seven numbers (the six
 * registers from seconds to year as the chip holds them, then its status register B) and prints the time in seconds.
 *
 * Readings tick on: the seconds of a second look are later by one where a line's eighth number says so.
 */
#include <inttypes.h>
#include <stdio.h>

#include "guest.h"

static unsigned chip[16], ticks, reads;

uint64_t model_ask(uint64_t label, uint64_t first, uint64_t second, uint64_t *answer);

/* In place of ask.h's. */
#define ASK_H
#include "abi.h"
static inline uint64_t sel4_ask(sel4_slot slot, uint64_t label, uint64_t count, uint64_t first, uint64_t second,
                                uint64_t *answer) {
    (void)slot, (void)count;
    return model_ask(label, first, second, answer);
}

#include "cmos.c"

static uint64_t selected;

uint64_t model_ask(uint64_t label, uint64_t first, uint64_t second, uint64_t *answer) {
    if (label == SEL4_LABEL_IO_PORT_OUT8 && first == 0x70) selected = second & 15;
    else if (label == SEL4_LABEL_IO_PORT_IN8 && first == 0x71) {
        *answer = chip[selected];
        /* The clock ticks once, while it is read for the first time. */
        if (ticks && ++reads == 3) chip[0] += ticks;
    } else return 3;
    return 0;
}

const struct boot_block *layer_boot;
struct machine layer_machine;

int main(void) {
    static struct boot_block block = {.capabilities = {.clock_ports = 20}};
    unsigned f[8];
    layer_boot = &block;
    while (scanf("%u %u %u %u %u %u %u %u", &f[0], &f[1], &f[2], &f[3], &f[4], &f[5], &f[6], &f[7]) == 8) {
        static const unsigned at[7] = {0, 2, 4, 7, 8, 9, 11};
        for (unsigned i = 0; i < 7; i++) chip[at[i]] = f[i];
        ticks = f[7];
        reads = 0;
        printf("%" PRIu64 "\n", solo5_clock_wall() / 1000000000u);
    }
    block.capabilities.clock_ports = 0;
    printf("%" PRIu64 "\n", solo5_clock_wall());
    return 0;
}
