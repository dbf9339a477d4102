/*
 * Functions that keep a secret of 32 bytes in memory that they allocate, and erase it, or not. What they return is one
 * bit, and public.
 */
#include "heap.h"

static int bit(const unsigned char *key) {
  unsigned char all = 0;
  for (int i = 0; i < 32; i++) all = (unsigned char)(all * 5 + (key[i] ^ (all >> 3)));
  return all & 1;
}

static void wipe(unsigned char *to, size_t size) {
  volatile unsigned char *p = to;
  for (size_t i = 0; i < size; i++) p[i] = 0;
}

#define NOINLINE __attribute__((noinline))

int heap_wiped(const unsigned char *key) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  int result = bit(own);
  wipe(own, 32);
  free(own);
  return result;
}

/* The same, and its wipe removed. */
int heap_unwiped(const unsigned char *key) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  int result = bit(own);
  free(own);
  return result;
}

/* Compilers that know free know that nobody reads what was in the block. */
int heap_memset(const unsigned char *key) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  int result = bit(own);
  memset(own, 0, 32);
  free(own);
  return result;
}

int heap_half(const unsigned char *key) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  int result = bit(own);
  wipe(own, 16);
  free(own);
  return result;
}

/* What was copied from is left, whatever is wiped then. */
int heap_grown(const unsigned char *key) {
  unsigned char *own = malloc(16);
  if (own == 0) return -1;
  memcpy(own, key, 16);
  unsigned char *more = realloc(own, 32);
  if (more == 0) {
    wipe(own, 16);
    free(own);
    return -1;
  }
  memcpy(more + 16, key + 16, 16);
  int result = bit(more);
  wipe(more, 32);
  free(more);
  return result;
}

/* Nothing of the secret is in it when it grows. */
int heap_grown_before(const unsigned char *key) {
  unsigned char *own = malloc(16);
  if (own == 0) return -1;
  memset(own, 1, 16);
  unsigned char *more = realloc(own, 32);
  if (more == 0) {
    free(own);
    return -1;
  }
  memcpy(more, key, 32);
  int result = bit(more);
  wipe(more, 32);
  free(more);
  return result;
}

int heap_calloc(const unsigned char *key) {
  unsigned char *own = calloc(4, 8);
  if (own == 0) return -1;
  for (int i = 0; i < 32; i++) own[i] ^= key[i];
  int result = bit(own);
  wipe(own, 32);
  free(own);
  return result;
}

/* It forgets to wipe on one way. */
int heap_conditional(const unsigned char *key, unsigned long wipes) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  int result = bit(own);
  if (wipes) wipe(own, 32);
  free(own);
  return result;
}

static unsigned char *kept;
int heap_kept(const unsigned char *key) {
  unsigned char *own = malloc(32);
  if (own == 0) return -1;
  memcpy(own, key, 32);
  kept = own;
  return bit(own);
}

/* Two blocks, and one way out for all. */
int heap_cleanup(const unsigned char *key, unsigned long fails) {
  library_fail(fails);
  int result = -1;
  unsigned char *first = malloc(32), *second = 0;
  if (first == 0) goto out;
  memcpy(first, key, 32);
  second = calloc(1, 32);
  if (second == 0) goto out;
  for (int i = 0; i < 32; i++) second[i] = first[31 - i];
  result = bit(second);
out:
  if (first != 0) wipe(first, 32);
  free(first);
  if (second != 0) {
    wipe(second, 32);
    free(second);
  }
  return result;
}

static NOINLINE unsigned char *get(size_t size) {
  unsigned char *block = malloc(size);
  if (block == 0) __builtin_trap();
  return block;
}
static NOINLINE void put(unsigned char *block, size_t size) {
  wipe(block, size);
  free(block);
}
/* An allocator behind one, and blocks in a loop. */
int heap_rounds(const unsigned char *key) {
  int result = 0;
  for (int i = 0; i < 4; i++) {
    unsigned char *own = get(32);
    memcpy(own, key, 32);
    own[0] = (unsigned char)(own[0] + i);
    result ^= bit(own);
    put(own, 32);
  }
  return result;
}

/* Its last call is a jump to free. */
void heap_jumps(const unsigned char *key, unsigned char *out) {
  unsigned char *own = malloc(32);
  if (own == 0) return;
  memcpy(own, key, 32);
  *out = (unsigned char)bit(own);
  wipe(own, 32);
  free(own);
}

/* It frees what it was given. */
int heap_frees_argument(unsigned char *key) {
  int result = bit(key);
  free(key);
  return result;
}
int heap_frees_wiped(unsigned char *key) {
  int result = bit(key);
  wipe(key, 32);
  free(key);
  return result;
}
