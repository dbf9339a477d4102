/*
 * Interrupts, for one purpose: to sleep until a device or the clock has something, instead of burning the host's
 * processor. They are off except while the processor is halted in wait_until.
 */
#ifndef INTERRUPTS_H
#define INTERRUPTS_H

#include "base.h"

#define NEVER UINT64_MAX

void interrupts_init(void);
void interrupts_enable_transport(u32 transport);

/* Sleeps until ready(argument) or until the time-stamp counter reaches `deadline`. Returns the last ready(argument). */
bool wait_until(bool (*ready)(const void *), const void *argument, u64 deadline);

#endif
