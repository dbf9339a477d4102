/*
 * Time: the processor's counter scaled to nanoseconds, and the wall clock of a goldfish RTC.
 */
#include "clock-scale.h"
#include "guest.h"

static struct clock_scale scale;
static volatile uint32_t *rtc; /* NULL: there is none */

void layer_clock_init(uint64_t frequency) {
    scale = clock_scale_of(frequency);
    if (layer_machine.rtc.size >= 8) rtc = layer_registers(layer_machine.rtc.address, 8);
}

solo5_time_t layer_nanoseconds(uint64_t ticks) { return clock_nanoseconds(scale, ticks); }

solo5_time_t solo5_clock_monotonic(void) { return layer_nanoseconds(arch_ticks()); }

/* Reading the low half makes the device keep the high half that belongs to it. Without a clock: 0. */
solo5_time_t solo5_clock_wall(void) {
    if (rtc == NULL) return 0;
    uint32_t low = rtc[0];
    return (uint64_t)rtc[1] << 32 | low;
}
