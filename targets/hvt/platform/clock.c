/*
 * Time: the time-stamp counter scaled to nanoseconds, the host's wall clock, and sleeping.
 *
 * The counter is assumed to be invariant, as the hvt interface demands.
 */
#include "clock-scale.h"
#include "platform.h"

/* One poll waits no longer than this, so that a tender never has to add a huge number to its own clock. */
#define LONGEST_POLL (3600ull * NANOSECONDS)

static struct clock_scale scale;

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
