/*
 * What a C library gives to scrubbing code, as small as it goes: the erasure of memory in its usual disguises depends on
 * how the compiler treats calls of these.
 */
#include <stddef.h>

void *memset(void *to, int value, size_t size) {
  unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = (unsigned char)value;
  return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
  unsigned char *p = to;
  const unsigned char *q = from;
  for (size_t i = 0; i < size; i++) p[i] = q[i];
  return to;
}

void *memmove(void *to, const void *from, size_t size) {
  unsigned char *p = to;
  const unsigned char *q = from;
  if (p < q)
    for (size_t i = 0; i < size; i++) p[i] = q[i];
  else
    for (size_t i = size; i > 0; i--) p[i - 1] = q[i - 1];
  return to;
}

void explicit_bzero(void *to, size_t size) {
  memset(to, 0, size);
  __asm__ volatile("" : : "r"(to) : "memory");
}

int bcmp(const void *a, const void *b, size_t size) {
  const unsigned char *p = a, *q = b;
  for (size_t i = 0; i < size; i++)
    if (p[i] != q[i]) return 1;
  return 0;
}
