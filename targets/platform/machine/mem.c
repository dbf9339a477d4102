/*
 * With memcpy (the processor's copy.S) the four functions that compilers call on their own. Words where both sides allow
 * them, bytes elsewhere. Weak, so that a C library among the inputs may bring its own.
 */
#include "layer.h"

typedef uint64_t __attribute__((may_alias)) word;

#define WORD sizeof(word)

__attribute__((weak)) void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to - (uintptr_t)from >= size) return memcpy(to, from, size);
    /* The target begins inside the source: copy from the end. */
    unsigned char *t = (unsigned char *)to + size;
    const unsigned char *f = (const unsigned char *)from + size;
    if (((uintptr_t)t - (uintptr_t)f) % WORD == 0) {
        for (; size > 0 && (uintptr_t)t % WORD != 0; size--) *--t = *--f;
        for (; size >= WORD; size -= WORD) *(word *)(t -= WORD) = *(const word *)(f -= WORD);
    }
    while (size-- > 0) *--t = *--f;
    return to;
}

__attribute__((weak)) void *memset(void *to, int byte, size_t size) {
    unsigned char *t = to, *end = t + size;
    word pattern = (unsigned char)byte * 0x0101010101010101u;
    while (t < end) {
        if ((uintptr_t)t % WORD != 0 || (size_t)(end - t) < WORD) {
            *t++ = (unsigned char)byte;
            continue;
        }
        /* Four words at a time: memory that devices write to is cleared after each request (block.c). */
        for (; (size_t)(end - t) >= 4 * WORD; t += 4 * WORD) {
            word *w = (word *)t;
            w[0] = w[1] = w[2] = w[3] = pattern;
        }
        for (; (size_t)(end - t) >= WORD; t += WORD) *(word *)t = pattern;
    }
    return to;
}

__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *l = left, *r = right;
    for (size_t i = 0; i < size; i++) {
        if (l[i] != r[i]) return l[i] < r[i] ? -1 : 1;
    }
    return 0;
}
