/*
 * Processors without the next-instruction feature (QEMU's emulation has none) tell where an intercepted instruction
 * begins, not where it ends. The few that are intercepted and carried out (RDMSR, WRMSR, MONITOR, MWAIT) have fixed
 * opcodes after any number of prefixes, so counting prefixes is all there is to do. The processor has just executed the
 * bytes, hence they are mapped; the walk still checks, as the guest may run with tables that changed meanwhile.
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

u64 instruction_length(u64 root, u64 instruction, u64 rest) {
    for (u64 prefixes = 0; prefixes + 1 + rest <= LONGEST; prefixes++) {
        u64 physical;
        u8 byte;
        if (!translate(root, instruction + prefixes, &physical) || !guest_range_valid(physical, 1)) return 0;
        guest_read(physical, &byte, 1);
        if (byte == 0x0f) return prefixes + 1 + rest;
        if (!is_prefix(byte)) return 0;
    }
    return 0;
}
