/*
 * Waiting without privileges, on RISC-V: for a notification, which interrupts of network devices and of a goldfish RTC's
 * alarm signal.
 *
 * Where the machine has no such clock (the start-up code has kept no notification then), the processor is given to whoever
 * else wants it, and the layer looks at its devices again soon.
 *
 * Source: QEMU, hw/rtc/goldfish_rtc.c (there is no other description of the device).
 */
#include "ask.h"
#include "clock-scale.h"
#include "guest.h"
#include "waiting.h"

/* Words of a goldfish RTC. Writing the alarm's low half sets it; one that is past rings at once. */
enum { TIME_LOW, TIME_HIGH, ALARM_LOW, ALARM_HIGH, ENABLED, CLEAR_ALARM, STATUS, CLEAR_INTERRUPT, RTC_WORDS };

static volatile uint32_t *rtc; /* NULL: nothing ends a wait */
static uint64_t enabled;       /* bit i: the boot block's interrupt i, that this layer uses */

static const struct boot_capabilities *capabilities(void) { return &layer_boot->capabilities; }

void layer_interrupts_init(void) {
    const struct machine_device *clock = &layer_machine.places[MACHINE_GOLDFISH_RTC];
    if (capabilities()->notification == 0 || clock->registers.size < 4 * RTC_WORDS) return;
    if (layer_interrupt_enable(arch_interrupt(clock->interrupts)))
        rtc = layer_registers(clock->registers.address, 4 * RTC_WORDS);
}

bool layer_interrupt_enable(uint32_t source) {
    for (uint64_t i = 0; i < capabilities()->interrupt_count && i < BOOT_MOST_INTERRUPTS; i++) {
        if (source == 0 || capabilities()->interrupts[i].source != source) continue;
        enabled |= 1ull << i;
        return true;
    }
    return false;
}

void layer_interrupts_accept(void) {
    for (unsigned i = 0; i < BOOT_MOST_INTERRUPTS; i++)
        if (enabled >> i & 1) sel4_ask(capabilities()->interrupts[i].slot, SEL4_LABEL_IRQ_ACK, 0, 0, 0, NULL);
}

void layer_wait(uint64_t start, uint64_t wait) {
    (void)start;
    if (rtc == NULL) {
        layer_idle();
        return;
    }
    if (wait > NANOSECONDS) wait = NANOSECONDS;
    uint32_t low = rtc[TIME_LOW];
    uint64_t alarm = ((uint64_t)rtc[TIME_HIGH] << 32 | low) + wait;
    rtc[ENABLED] = 1;
    rtc[ALARM_HIGH] = (uint32_t)(alarm >> 32);
    rtc[ALARM_LOW] = (uint32_t)alarm;
    sel4_receive(capabilities()->notification);
    rtc[CLEAR_ALARM] = 0;
    rtc[ENABLED] = 0;
    rtc[CLEAR_INTERRUPT] = 0;
    layer_interrupts_accept();
}
