/* Just enough decoding to step over an instruction that the emulator carries out for the guest. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include "base.h"

/*
 * Length of the two-byte-opcode instruction (0x0f, then `rest` bytes) at guest linear address `instruction`, prefixes
 * included, by the guest's page tables at `root`; 0 when its bytes cannot be read.
 */
u64 instruction_length(u64 root, u64 instruction, u64 rest);

#endif
