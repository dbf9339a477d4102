/* What compilers call. */
#include <stddef.h>
#include <stdint.h>

void *memset(void *to, int value, size_t size);
void *memcpy(void *restrict to, const void *restrict from, size_t size);

void *memset(void *to, int value, size_t size) {
    unsigned char *bytes = to;
    uint64_t word = (unsigned char)value * 0x0101010101010101ull;
    for (; size > 0 && (uintptr_t)bytes % 8 != 0; size--) *bytes++ = (unsigned char)value;
    for (; size >= 8; size -= 8, bytes += 8) *(uint64_t *)(void *)bytes = word;
    for (; size > 0; size--) *bytes++ = (unsigned char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    unsigned char *out = to;
    for (const unsigned char *in = from; size > 0; size--) *out++ = *in++;
    return to;
}
