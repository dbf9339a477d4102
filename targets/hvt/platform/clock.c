/*
 * Time: the time-stamp counter scaled to nanoseconds, the host's wall clock, and sleeping.
 *
 * The scale 10^9 / frequency is kept as a 64.64 fixed-point number: ticks times its integer part, plus the high half of
 * ticks times its fraction. Every reading is computed from the counter itself, not from the reading before, so errors
 * do not add up; the fraction is short by less than 2^-64, so a reading is less than 1 ns below the exact value (plus
 * its rounding down) for every 64-bit count, and nothing overflows before the nanoseconds do, after 584 years.
 *
 * The counter is assumed to be invariant, as the hvt interface demands.
 */
#include "platform.h"

#define NANOSECONDS 1000000000u

/* One poll waits no longer than this, so that a tender never has to add a huge number to its own clock. */
#define LONGEST_POLL (3600ull * NANOSECONDS)

static struct clock_scale {
    uint64_t whole;    /* nanoseconds per tick, integer part */
    uint64_t fraction; /* and its fraction in units of 2^-64 */
} scale;

/* `frequency` in ticks per second, not 0. */
static struct clock_scale clock_scale_of(uint64_t frequency) {
    struct clock_scale result = {.whole = NANOSECONDS / frequency};
    uint64_t rest = NANOSECONDS % frequency;
    /* (rest << 64) / frequency: rest < frequency, so the quotient has 64 bits and the division cannot fault. */
    __asm__("divq %[divisor]" : "=a"(result.fraction), "+d"(rest) : "a"(0ull), [divisor] "rm"(frequency) : "cc");
    return result;
}

static uint64_t clock_nanoseconds(struct clock_scale by, uint64_t ticks) {
    return ticks * by.whole + (uint64_t)(((unsigned __int128)ticks * by.fraction) >> 64);
}

void hvt_clock_init(uint64_t frequency) { scale = clock_scale_of(frequency); }

solo5_time_t solo5_clock_monotonic(void) {
    /* The fence keeps a reading from being taken before what precedes it. */
    uint32_t low, high;
    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
    return clock_nanoseconds(scale, (uint64_t)high << 32 | low);
}

solo5_time_t solo5_clock_wall(void) {
    volatile struct hvt_walltime request = {0};
    hvt_hypercall(HVT_WALLTIME, &request);
    return request.nanoseconds;
}

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set) {
    solo5_handle_set_t ready = 0;
    for (;;) {
        solo5_time_t now = solo5_clock_monotonic();
        uint64_t timeout = deadline > now ? deadline - now : 0;
        if (timeout > LONGEST_POLL) timeout = LONGEST_POLL;
        volatile struct hvt_poll request = {.timeout = timeout};
        hvt_hypercall(HVT_POLL, &request);
        ready = request.ready_set;
        /* A tender's timer and the counter need not agree to the nanosecond: sleep again when it came back early. */
        if (ready != 0 || solo5_clock_monotonic() >= deadline) break;
    }
    if (ready_set != NULL) *ready_set = ready;
}
