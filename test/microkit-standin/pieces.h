/* What the domain gets mapped, as the test has worked it out (test/support/microkit-standin.ts writes the table). */
#ifndef PIECES_H
#define PIECES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct piece {
    uint64_t address, size;
    const char *contents; /* of the first `filled` bytes; zeros follow */
    uint64_t filled;
    bool reads, writes, executes;
    bool is_large; /* in pages of 2 MiB, which are not filled */
    bool is_device;
};

extern const struct piece pieces[];
extern const size_t piece_count;
extern const uint64_t program_entry;

#endif
