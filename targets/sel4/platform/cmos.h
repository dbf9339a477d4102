/*
 * A PC's clock, by the I/O ports that the boot block has a capability of.
 */
#ifndef CMOS_H
#define CMOS_H

#include "ask.h"
#include "guest.h"

enum { CMOS_INDEX = 0x70, CMOS_DATA = 0x71 };

/* Registers. */
enum { CMOS_STATUS_A = 0x0a, CMOS_STATUS_B = 0x0b, CMOS_STATUS_C = 0x0c };

static inline void cmos_select(uint8_t number) {
    sel4_ask(layer_boot->capabilities.clock_ports, SEL4_LABEL_IO_PORT_OUT8, 2, CMOS_INDEX, number, NULL);
}

static inline uint8_t cmos_get(uint8_t number) {
    uint64_t value = 0;
    cmos_select(number);
    sel4_ask(layer_boot->capabilities.clock_ports, SEL4_LABEL_IO_PORT_IN8, 1, CMOS_DATA, 0, &value);
    return (uint8_t)value;
}

static inline void cmos_set(uint8_t number, uint8_t value) {
    cmos_select(number);
    sel4_ask(layer_boot->capabilities.clock_ports, SEL4_LABEL_IO_PORT_OUT8, 2, CMOS_DATA, value, NULL);
}

#endif
