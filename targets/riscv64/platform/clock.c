/*
 * Time: the time CSR scaled to nanoseconds, the wall clock of a goldfish RTC, and waiting.
 *
 * A wait ends by an interrupt that is pending and enabled in sie; sstatus.SIE stays clear, so that wfi comes back and no
 * trap is taken. The timer is set through SBI.
 */
#include "clock-scale.h"
#include "platform.h"
#include "sbi.h"

#define SIE_TIMER (1u << 5)
#define SIE_EXTERNAL (1u << 9)

static struct clock_scale scale;
static uint64_t frequency;
static volatile uint32_t *rtc; /* NULL: there is none */
static bool has_time_extension;
static uint64_t timer; /* ticks: when it interrupts, or interrupted last */

void rv_clock_init(uint64_t ticks_per_second) {
    frequency = ticks_per_second;
    scale = clock_scale_of(frequency);
    has_time_extension = sbi_has(SBI_TIME);
    if (rv_machine.rtc.size >= 8) rtc = rv_registers(rv_machine.rtc.address, 8);
}

uint64_t rv_ticks(void) {
    uint64_t ticks;
    __asm__ volatile("rdtime %0" : "=r"(ticks) : : "memory");
    return ticks;
}

solo5_time_t rv_nanoseconds(uint64_t ticks) { return clock_nanoseconds(scale, ticks); }

solo5_time_t solo5_clock_monotonic(void) { return rv_nanoseconds(rv_ticks()); }

/* Reading the low half makes the device keep the high half that belongs to it. Without a clock: 0. */
solo5_time_t solo5_clock_wall(void) {
    if (rtc == NULL) return 0;
    uint32_t low = rtc[0];
    return (uint64_t)rtc[1] << 32 | low;
}

static void set_timer(uint64_t ticks) {
    sbi_call(has_time_extension ? SBI_TIME : SBI_LEGACY_SET_TIMER, 0, ticks, 0, 0);
}

void rv_wait(uint64_t start, uint64_t wait) {
    /* At most a second, at less than 10 GHz: nothing overflows. A tick more, because both conversions round down. */
    if (wait > NANOSECONDS) wait = NANOSECONDS;
    uint64_t end = start + wait * frequency / NANOSECONDS + 1;
    /*
     * Setting it takes the firmware longer than a frame takes us. One that is set already and not too late will do: who
     * waits looks at the clock anyway. It is left as it is afterwards, where nothing heeds it until the next wait.
     */
    if (timer <= start || timer > end) set_timer(timer = end);
    __asm__ volatile("csrs sie, %0\n\twfi\n\tcsrc sie, %0" : : "r"((uint64_t)(SIE_TIMER | SIE_EXTERNAL)) : "memory");
}
