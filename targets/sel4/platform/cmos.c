/*
 * The wall clock of a PC: the battery-backed clock behind ports 0x70 and 0x71, whole seconds, taken as UTC.
 *
 * It is read until two readings agree, since it may tick between two of its registers. Source: Motorola MC146818A data
 * sheet; the century is assumed to be this one, because its register is nobody's standard.
 */
#include "clock-scale.h"
#include "cmos.h"

enum { SECONDS, MINUTES, HOURS, DAY, MONTH, YEAR, FIELDS };
enum { IS_BINARY = 4, IS_24_HOURS = 2, IS_AFTERNOON = 0x80 };

static const uint8_t registers[FIELDS] = {0x00, 0x02, 0x04, 0x07, 0x08, 0x09};

static void read_fields(uint8_t fields[FIELDS]) {
    for (unsigned i = 0; i < FIELDS; i++) fields[i] = cmos_get(registers[i]);
}

static unsigned number_of(uint8_t field, uint8_t mode) { return mode & IS_BINARY ? field : (field >> 4) * 10u + (field & 15); }

/* Days from 1970 to a day of the years 2000 to 2099: every fourth has a 29 February, and begins in March here. */
static uint64_t days_of(unsigned year, unsigned month, unsigned day) {
    unsigned shifted = month > 2 ? month - 3 : month + 9;
    int64_t years = (int64_t)year - (month > 2 ? 0 : 1);
    return (uint64_t)(11016 + years * 365 + (years >= 0 ? years / 4 : -1) + (153 * shifted + 2) / 5 + day);
}

solo5_time_t solo5_clock_wall(void) {
    uint8_t fields[FIELDS], again[FIELDS];
    if (layer_boot->capabilities.clock_ports == 0) return 0;
    /* Two ticks cannot come between a few readings. */
    for (unsigned tries = 0; tries < 4; tries++) {
        read_fields(fields);
        read_fields(again);
        if (memcmp(fields, again, FIELDS) == 0) break;
    }
    uint8_t mode = cmos_get(CMOS_STATUS_B);
    unsigned hour = number_of(fields[HOURS] & 0x7f, mode);
    if (!(mode & IS_24_HOURS)) hour = hour % 12 + (fields[HOURS] & IS_AFTERNOON ? 12 : 0);
    uint64_t days = days_of(number_of(fields[YEAR], mode), number_of(fields[MONTH], mode), number_of(fields[DAY], mode));
    uint64_t seconds = days * 86400 + hour * 3600u + number_of(fields[MINUTES], mode) * 60u + number_of(fields[SECONDS], mode);
    return seconds * NANOSECONDS;
}
