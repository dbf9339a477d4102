/*
 * The four functions that compilers call on their own. Words where both sides allow them, bytes elsewhere: unaligned
 * words are emulated by firmware on some processors, at a hundred times the cost. Weak, so that a C library among the
 * inputs may bring its own.
 */
#include "layer.h"

typedef uint64_t __attribute__((may_alias)) word;
typedef uint32_t __attribute__((may_alias)) half;

#define WORD sizeof(word)
#define HALF sizeof(half)

__attribute__((weak)) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    unsigned char *t = to;
    const unsigned char *f = from;
    if (((uintptr_t)t - (uintptr_t)f) % WORD == 0) {
        for (; size > 0 && (uintptr_t)t % WORD != 0; size--) *t++ = *f++;
        const word *from_word = (const word *)f;
        word *to_word = (word *)t;
        for (; size >= 4 * WORD; size -= 4 * WORD, to_word += 4, from_word += 4) {
            word a = from_word[0], b = from_word[1], c = from_word[2], d = from_word[3];
            to_word[0] = a, to_word[1] = b, to_word[2] = c, to_word[3] = d;
        }
        if (size & 2 * WORD) {
            word a = from_word[0], b = from_word[1];
            to_word[0] = a, to_word[1] = b;
            to_word += 2, from_word += 2;
        }
        if (size & WORD) *to_word++ = *from_word++;
        t = (unsigned char *)to_word, f = (const unsigned char *)from_word;
        if (size & HALF) {
            *(half *)t = *(const half *)f;
            t += HALF, f += HALF;
        }
        size %= HALF;
    }
    while (size-- > 0) *t++ = *f++;
    return to;
}

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
    unsigned char *t = to;
    word pattern = (unsigned char)byte * 0x0101010101010101u;
    for (; size > 0 && (uintptr_t)t % WORD != 0; size--) *t++ = (unsigned char)byte;
    for (; size >= WORD; size -= WORD, t += WORD) *(word *)t = pattern;
    while (size-- > 0) *t++ = (unsigned char)byte;
    return to;
}

__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *l = left, *r = right;
    for (size_t i = 0; i < size; i++) {
        if (l[i] != r[i]) return l[i] < r[i] ? -1 : 1;
    }
    return 0;
}
