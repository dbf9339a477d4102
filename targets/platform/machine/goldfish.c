/*
 * The wall clock of a goldfish RTC, which counts nanoseconds.
 */
#include "guest.h"

/* Reading the low half makes the device keep the high half that belongs to it. Without a clock: 0. */
solo5_time_t solo5_clock_wall(void) {
    struct fdt_range place = layer_machine.places[MACHINE_GOLDFISH_RTC].registers;
    volatile uint32_t *rtc = place.size >= 8 ? layer_registers(place.address, 8) : NULL;
    if (rtc == NULL) return 0;
    uint32_t low = rtc[0];
    return (uint64_t)rtc[1] << 32 | low;
}
