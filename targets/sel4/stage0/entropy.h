/*
 * The seed that the program starts with.
 */
#ifndef ENTROPY_H
#define ENTROPY_H

#include "boot.h"

/* entropy.c: draws the boot block's seed and canary; the source of it is gone, or never gives the same again. */
void sel4_take_entropy(struct boot_block *block);

#endif
