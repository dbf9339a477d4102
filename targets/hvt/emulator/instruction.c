/*
 * Processors without the next-instruction feature (QEMU's emulation has none) tell where an intercepted instruction
 * begins, not where it ends. The few that are intercepted and carried out (RDMSR, WRMSR, MONITOR, MWAIT) have opcodes
 * of known length after any number of prefixes, so counting prefixes is all there is to do. The processor has just
 * executed the bytes, hence they are mapped; the walk still checks, for tables may have changed meanwhile.
 */
#include "instruction.h"

#include "memory.h"

enum { PRESENT = 1, LARGE = 0x80, LONGEST = 15 };
#define ADDRESS_BITS 0x000ffffffffff000ul

static bool read_guest_word(u64 address, u64 *value) {
    if (!guest_range_valid(address, sizeof *value)) return false;
    guest_read(address, value, sizeof *value);
    return true;
}

/* Guest-physical address of a linear one, by 4-level page tables. */
static bool translate(u64 root, u64 linear, u64 *physical) {
    u64 table = root & ADDRESS_BITS;
    for (unsigned shift = 39;; shift -= 9) {
        u64 entry;
        if (!read_guest_word(table + (linear >> shift & 511) * 8, &entry) || !(entry & PRESENT)) return false;
        if (shift == 12 || (shift < 39 && (entry & LARGE))) {
            u64 offset_mask = (1ul << shift) - 1;
            *physical = (entry & ADDRESS_BITS & ~offset_mask) | (linear & offset_mask);
            return true;
        }
        table = entry & ADDRESS_BITS;
    }
}

static bool is_prefix(u8 byte) {
    return (byte & 0xf0) == 0x40 || byte == 0x66 || byte == 0x67 || byte == 0xf2 || byte == 0xf3 || byte == 0xf0 ||
           byte == 0x2e || byte == 0x36 || byte == 0x3e || byte == 0x26 || byte == 0x64 || byte == 0x65;
}

static bool read_guest_byte(u64 root, u64 linear, u8 *byte) {
    u64 physical;
    if (!translate(root, linear, &physical) || !guest_range_valid(physical, 1)) return false;
    guest_read(physical, byte, 1);
    return true;
}

bool read_instruction(u64 root, u64 address, struct instruction *result) {
    for (u64 prefixes = 0; prefixes + 2 <= LONGEST; prefixes++) {
        u8 byte;
        if (!read_guest_byte(root, address + prefixes, &byte)) return false;
        if (is_prefix(byte)) continue;
        result->prefixes = prefixes;
        return byte == 0x0f && read_guest_byte(root, address + prefixes + 1, &result->opcode);
    }
    return false;
}
