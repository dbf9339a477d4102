/*
 * How a program and the first stage that started it end together.
 */
#ifndef ENDING_H
#define ENDING_H

/* The label of a program's message to its parent; no fault has it. */
#define SEL4_ENDED 0x656e64u

/* lifecycle.c: powers the machine off, or stops for good. */
_Noreturn void sel4_stop(void);

#endif
