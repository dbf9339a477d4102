/*
 * Waiting without privileges, on a PC: for a notification that its clock's periodic interrupt signals, at a rate that fits
 * the wait. Where the kernel gives us no such interrupt, and for what is shorter than two of the fastest useful periods, the
 * processor is given to whoever else wants it.
 *
 * Source: Motorola MC146818A data sheet (registers A to C).
 */
#include "cmos.h"
#include "waiting.h"

enum { PERIODIC = 0x40 }; /* of register B */

/* Register A's lowest bits say how long a period is: 2 ** (rate - 1) ticks of 32768 a second. */
#define TICK_NANOSECONDS 30518u
#define FASTEST 6u /* a millisecond */
#define SLOWEST 15u /* half a second */

void layer_interrupts_init(void) {}

static const struct boot_capabilities *capabilities(void) { return &layer_boot->capabilities; }

void layer_wait(uint64_t start, uint64_t wait) {
    (void)start;
    unsigned rate = FASTEST;
    if (capabilities()->interrupt_count == 0 || wait < 2 * ((uint64_t)TICK_NANOSECONDS << (FASTEST - 1))) {
        layer_idle();
        return;
    }
    /* The first interrupt comes within a period: too early rather than too late. */
    while (rate < SLOWEST && ((uint64_t)TICK_NANOSECONDS << rate) <= wait) rate++;
    uint8_t how = cmos_get(CMOS_STATUS_B);
    cmos_set(CMOS_STATUS_A, (uint8_t)((cmos_get(CMOS_STATUS_A) & 0x70) | rate));
    cmos_set(CMOS_STATUS_B, how | PERIODIC);
    /* Reading it lets the next interrupt come. */
    cmos_get(CMOS_STATUS_C);
    sel4_receive(capabilities()->notification);
    cmos_set(CMOS_STATUS_B, how & (uint8_t)~PERIODIC);
    cmos_get(CMOS_STATUS_C);
    sel4_ask(capabilities()->interrupts[0].slot, SEL4_LABEL_IRQ_ACK, 0, 0, 0, NULL);
}
