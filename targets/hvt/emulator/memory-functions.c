/*
 * memcpy and its like, for the compiler's own calls too. Eight bytes at a time: under emulation a string instruction
 * costs one step per byte, and images and frames go through here.
 */
#include "base.h"

typedef u64 __attribute__((may_alias, aligned(1))) word;

void *memcpy(void *to, const void *from, size_t size) {
    u8 *target = to;
    const u8 *source = from;
    for (; size >= sizeof(word); size -= sizeof(word), target += sizeof(word), source += sizeof(word))
        *(word *)target = *(const word *)source;
    while (size-- > 0) *target++ = *source++;
    return to;
}

void *memset(void *to, int byte, size_t size) {
    u8 *target = to;
    u64 pattern = (u8)byte * 0x0101010101010101ul;
    for (; size >= sizeof(word); size -= sizeof(word), target += sizeof(word)) *(word *)target = pattern;
    while (size-- > 0) *target++ = (u8)byte;
    return to;
}

int memcmp(const void *a, const void *b, size_t size) {
    const u8 *left = a, *right = b;
    for (size_t i = 0; i < size; i++) {
        if (left[i] != right[i]) return left[i] < right[i] ? -1 : 1;
    }
    return 0;
}
