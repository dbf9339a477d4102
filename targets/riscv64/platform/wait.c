/*
 * Waiting: until an interrupt that is pending and enabled in sie; sstatus.SIE stays clear, so that wfi comes back and no
 * trap is taken. The timer is set through SBI.
 */
#include "clock-scale.h"
#include "platform.h"
#include "sbi.h"

#define SIE_TIMER (1u << 5)
#define SIE_EXTERNAL (1u << 9)

static uint64_t timer; /* ticks: when it interrupts, or interrupted last */

/* Firmware without the extension says so every time. */
static void set_timer(uint64_t ticks) {
    if (sbi_call(SBI_TIME, 0, ticks, 0, 0).error != 0) sbi_call(SBI_LEGACY_SET_TIMER, 0, ticks, 0, 0);
}

void layer_wait(uint64_t start, uint64_t wait) {
    /* At most a second, at less than 10 GHz: nothing overflows. A tick more, because both conversions round down. */
    if (wait > NANOSECONDS) wait = NANOSECONDS;
    uint64_t end = start + wait * layer_machine.timebase_frequency / NANOSECONDS + 1;
    /*
     * Setting it takes the firmware longer than a frame takes us. One that is set already and not too late will do: who
     * waits looks at the clock anyway. It is left as it is afterwards, where nothing heeds it until the next wait.
     */
    if (timer <= start || timer > end) set_timer(timer = end);
    __asm__ volatile("csrs sie, %0\n\twfi\n\tcsrc sie, %0" : : "r"((uint64_t)(SIE_TIMER | SIE_EXTERNAL)) : "memory");
}
