/*
 * The clocks of a PL031, which counts seconds: the wall clock, and, where the processor's counter is kept from us, the only
 * clock there is.
 *
 * Source: Arm PrimeCell Real Time Clock (PL031) Technical Reference Manual, section 3.3.
 */
#include "clock-scale.h"
#include "guest.h"

static volatile uint32_t *find_clock(void) {
    struct fdt_range place = layer_machine.places[MACHINE_PL031].registers;
    return place.size >= 4 ? layer_registers(place.address, 4) : NULL;
}

/* Without a clock: 0. */
solo5_time_t solo5_clock_wall(void) {
    volatile uint32_t *seconds = find_clock();
    return seconds == NULL ? 0 : (uint64_t)*seconds * NANOSECONDS;
}

#if !ARCH_HAS_COUNTER

uint64_t arch_ticks(void) {
    volatile uint32_t *seconds = find_clock();
    return seconds == NULL ? 0 : *seconds;
}

uint64_t arch_frequency(const struct machine *machine) { return machine->places[MACHINE_PL031].registers.size >= 4 ? 1 : 0; }

#endif
