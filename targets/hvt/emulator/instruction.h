/* Just enough decoding to know a two-byte-opcode instruction (0x0f and another) and to step over it. */
#ifndef INSTRUCTION_H
#define INSTRUCTION_H

#include "base.h"

struct instruction {
    u64 prefixes; /* how many bytes of them */
    u8 opcode;    /* the byte after 0x0f */
};

/*
 * Reads the instruction at guest linear address `address`, by the guest's page tables at `root`. False when its bytes
 * cannot be read or it is no two-byte-opcode instruction.
 */
bool read_instruction(u64 root, u64 address, struct instruction *result);

#endif
