/*
 * Time: the time-stamp counter's frequency, and the host's wall clock.
 */
#ifndef CLOCK_H
#define CLOCK_H

#include "base.h"

/* Begins to measure; finish_clock ends it. What is done in between costs no extra time. */
void start_clock(void);
void finish_clock(void);

u64 cycles_per_second(void);
u64 cycles_to_nanoseconds(u64 cycles);
/* Saturates. */
u64 nanoseconds_to_cycles(u64 nanoseconds);

/* Nanoseconds since 1970. */
u64 wall_clock(void);

#endif
