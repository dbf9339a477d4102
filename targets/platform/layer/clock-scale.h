/*
 * A counter's ticks as nanoseconds.
 *
 * The scale 10^9 / frequency is kept as a 64.64 fixed-point number: ticks times its integer part, plus the high half of
 * ticks times its fraction. Every reading is computed from the counter itself, not from the reading before, so errors
 * do not add up; the fraction is short by less than 2^-64, so a reading is less than 1 ns below the exact value (plus
 * its rounding down) for every 64-bit count, and nothing overflows before the nanoseconds do, after 584 years.
 */
#ifndef CLOCK_SCALE_H
#define CLOCK_SCALE_H

#include <stdbool.h>
#include <stdint.h>

#define NANOSECONDS 1000000000u

struct clock_scale {
    uint64_t whole;    /* nanoseconds per tick, integer part */
    uint64_t fraction; /* and its fraction in units of 2^-64 */
};

/* `frequency` in ticks per second, not 0. */
static inline struct clock_scale clock_scale_of(uint64_t frequency) {
    struct clock_scale result = {.whole = NANOSECONDS / frequency};
    uint64_t rest = NANOSECONDS % frequency;
    /* (rest << 64) / frequency, bit by bit: a 128-bit division would need a library. */
    for (int bit = 0; bit < 64; bit++) {
        bool carry = rest >> 63;
        rest <<= 1;
        result.fraction <<= 1;
        if (carry || rest >= frequency) {
            rest -= frequency;
            result.fraction |= 1;
        }
    }
    return result;
}

static inline uint64_t clock_nanoseconds(struct clock_scale by, uint64_t ticks) {
    return ticks * by.whole + (uint64_t)(((unsigned __int128)ticks * by.fraction) >> 64);
}

#endif
