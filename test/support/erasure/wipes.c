/*
 * Ways in which public programs erase memory. Some are deleted by optimising compilers, one erases nothing at all: what
 * each build of each of them leaves is the oracle's to say.
 */
#include "wipes.h"
#include <stdint.h>
#include <string.h>

void wipe_plain_memset(void *to, size_t size) { memset(to, 0, size); }

void wipe_barrier(void *to, size_t size) {
  memset(to, 0, size);
  __asm__ volatile("" : : "r"(to) : "memory");
}

void wipe_volatile_bytes(void *to, size_t size) {
  volatile unsigned char *p = to;
  while (size-- > 0) *p++ = 0;
}

void wipe_volatile_words(void *to, size_t size) {
  volatile uint64_t *p = to;
  for (; size >= 8; size -= 8) *p++ = 0;
  volatile unsigned char *rest = (volatile unsigned char *)p;
  while (size-- > 0) *rest++ = 0;
}

static void *(*const volatile memset_pointer)(void *, int, size_t) = memset;
void wipe_volatile_pointer(void *to, size_t size) { memset_pointer(to, 0, size); }

void wipe_explicit(void *to, size_t size) { explicit_bzero(to, size); }

__attribute__((weak)) void wipe_hook(void *to, size_t size) {
  (void)to;
  (void)size;
}
void wipe_weak_hook(void *to, size_t size) {
  memset(to, 0, size);
  wipe_hook(to, size);
}

static int set_checked(void *to, size_t limit, int value, size_t size) {
  if (to == 0 || size > limit) return 1;
  volatile unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = (unsigned char)value;
  return 0;
}
void wipe_memset_s(void *to, size_t size) { (void)set_checked(to, size, 0, size); }

void wipe_plain_loop(void *to, size_t size) {
  unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = 0;
}

void wipe_assembly(void *to, size_t size) {
#if defined(__x86_64__)
  __asm__ volatile("rep stosb" : "+D"(to), "+c"(size) : "a"(0) : "memory");
#else
  unsigned char *p = to;
  for (size_t i = 0; i < size; i++) __asm__ volatile("sb zero, 0(%0)" : : "r"(p + i) : "memory");
#endif
}

static volatile unsigned char seen;
void wipe_read_back(void *to, size_t size) {
  unsigned char *p = to;
  unsigned char all = 0;
  memset(p, 0, size);
  for (size_t i = 0; i < size; i++) all |= p[i];
  seen = all;
}

__attribute__((noinline)) void wipe_no_inline(void *to, size_t size) { memset(to, 0, size); }

void wipe_atomic_fence(void *to, size_t size) {
  volatile unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = 0;
  __atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/* Below the caller's frame, too. */
static __attribute__((noinline)) void burn(size_t size) {
  unsigned char block[64];
  volatile unsigned char *p = block;
  for (size_t i = 0; i < sizeof block; i++) p[i] = 0;
  if (size > sizeof block) burn(size - sizeof block);
  __asm__ volatile("" : : "r"(block) : "memory");
}
void wipe_burn_stack(void *to, size_t size) {
  volatile unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = 0;
  burn(256);
}

/* A block of zeros by value, as mbedTLS and others clear contexts. */
struct block {
  unsigned char bytes[16];
};
static struct block zeros(void) {
  struct block none = {{0}};
  return none;
}
void wipe_struct_assigned(void *to, size_t size) {
  volatile struct block *p = to;
  for (; size >= sizeof *p; size -= sizeof *p) *p++ = zeros();
}

/* Through a table of functions, as OpenSSL's cleansing is found on some platforms. */
typedef void (*wipe_function)(void *, size_t);
static const wipe_function ways[] = {wipe_volatile_bytes, wipe_volatile_words};
static volatile unsigned char way = 1;
void wipe_dispatched(void *to, size_t size) { ways[way & 1](to, size); }

union view {
  unsigned char bytes[32];
  uint32_t words[8];
};
void wipe_union_words(void *to, size_t size) {
  union view *view = to;
  for (size_t i = 0; i < size / 4; i++) view->words[i] = 0;
  __asm__ volatile("" : : "r"(view->bytes) : "memory");
}

void wipe_nothing(void *to, size_t size) {
  (void)to;
  (void)size;
}
