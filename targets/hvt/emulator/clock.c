/*
 * The counter's frequency is measured against the 8254 timer, because the processor under emulation counts the host's
 * cycles and nobody says how fast those are. Channel 0 runs down while the emulator loads the image; finish_clock waits
 * for what is left of the shortest useful time, and compares. The wall clock is the host's: it is asked once, at the
 * start, and the counter carries on from there.
 */
#include "clock.h"

#include "report.h"

enum { TIMER_CHANNEL_0 = 0x40, TIMER_CONTROL = 0x43 };
enum { RUN_DOWN_ONCE = 0x30, LATCH_STATUS_AND_COUNT = 0xc2, HAS_ENDED = 0x80 };
#define TIMER_HZ 1193182ul
#define TIMER_START 0xffffu
/* At least this much is measured: the two readings are good to a microsecond, 100 parts per million of it. */
#define TIMER_TICKS (TIMER_HZ / 100)

static u64 frequency;
static u64 asked_at, host_time_then;

struct reading {
    u64 cycles, ticks; /* the counter, and the timer's ticks since its start, at the same moment */
    bool ended;        /* the timer has run down: its ticks mean nothing any more */
};

static struct reading first;

static struct reading read_timer_once(u64 *duration) {
    u64 before = read_tsc();
    out8(TIMER_CONTROL, LATCH_STATUS_AND_COUNT);
    *duration = read_tsc() - before;
    bool ended = in8(TIMER_CHANNEL_0) & HAS_ENDED;
    u32 count = in8(TIMER_CHANNEL_0);
    count |= (u32)in8(TIMER_CHANNEL_0) << 8;
    return (struct reading){before + *duration / 2, TIMER_START - count, ended};
}

static struct reading read_timer(void) {
    u64 shortest, duration;
    struct reading best = read_timer_once(&shortest);
    /* The shortest of some tries is one that the host did not interrupt. */
    for (unsigned i = 0; i < 3; i++) {
        struct reading reading = read_timer_once(&duration);
        if (duration >= shortest) continue;
        shortest = duration;
        best = reading;
    }
    return best;
}

static void start_timer(void) {
    out8(TIMER_CONTROL, RUN_DOWN_ONCE);
    out8(TIMER_CHANNEL_0, TIMER_START & 0xff);
    out8(TIMER_CHANNEL_0, TIMER_START >> 8);
    first = read_timer();
}

void start_clock(void) {
    start_timer();
    asked_at = read_tsc();
    ask_host_time();
}

void finish_clock(void) {
    struct reading last = read_timer();
    while (last.ended || last.ticks - first.ticks < TIMER_TICKS) {
        /* The timer lasts 55 ms. If loading took longer, measure again, with nothing in between. */
        if (last.ended) start_timer();
        last = read_timer();
    }
    frequency = multiply_divide(last.cycles - first.cycles, TIMER_HZ, last.ticks - first.ticks);
    if (frequency < 1000000) broken("the time-stamp counter runs at %lu Hz", frequency);
}

u64 cycles_per_second(void) { return frequency; }
u64 cycles_to_nanoseconds(u64 cycles) { return multiply_divide(cycles, 1000000000, frequency); }
u64 nanoseconds_to_cycles(u64 nanoseconds) { return multiply_divide(nanoseconds, frequency, 1000000000); }

u64 wall_clock(void) {
    if (host_time_then == 0) host_time_then = host_time();
    return host_time_then + cycles_to_nanoseconds(read_tsc() - asked_at);
}
