/*
 * Time that passes: the processor's counter scaled to nanoseconds.
 */
#include "clock-scale.h"
#include "guest.h"

static struct clock_scale scale;

void layer_clock_init(uint64_t frequency) { scale = clock_scale_of(frequency); }

solo5_time_t layer_nanoseconds(uint64_t ticks) { return clock_nanoseconds(scale, ticks); }

solo5_time_t solo5_clock_monotonic(void) { return layer_nanoseconds(arch_ticks()); }
