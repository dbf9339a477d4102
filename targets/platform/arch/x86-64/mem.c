/*
 * The four functions that compilers call on their own. String instructions: short, no tables, and as fast as any
 * loop for all but small sizes on CPUs of the last ten years (moving upwards over an overlap excepted). Weak, so that a
 * C library among the inputs may bring its own.
 */
#include "layer.h"

__attribute__((weak)) void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(size) : : "memory");
    return start;
}

__attribute__((weak)) void *memmove(void *to, const void *from, size_t size) {
    if ((uintptr_t)to - (uintptr_t)from >= size) return memcpy(to, from, size);
    /* The target begins inside the source: copy from the end. */
    char *last_to = (char *)to + size - 1;
    const char *last_from = (const char *)from + size - 1;
    __asm__ volatile("std; rep movsb; cld" : "+D"(last_to), "+S"(last_from), "+c"(size) : : "memory");
    return to;
}

__attribute__((weak)) void *memset(void *to, int byte, size_t size) {
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(byte) : "memory");
    return start;
}

__attribute__((weak)) int memcmp(const void *left, const void *right, size_t size) {
    const unsigned char *l = left, *r = right;
    for (size_t i = 0; i < size; i++) {
        if (l[i] != r[i]) return l[i] < r[i] ? -1 : 1;
    }
    return 0;
}
