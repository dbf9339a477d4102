/*
 * A function that leaves its secret everywhere, reached in every way that programs have. With SAME_SECTION an assembler
 * may resolve calls by itself.
 */
#include <stdint.h>
#include <string.h>

#define NOINLINE __attribute__((noinline, noclone))
#ifdef __clang__
#undef NOINLINE
#define NOINLINE __attribute__((noinline))
#endif

/* Rounds over a copy on the stack, so that the secret is spilled and in many registers. */
static inline __attribute__((always_inline)) int mixed(const unsigned char *key) {
  volatile uint32_t own[8];
  uint32_t a = 1, b = 2, c = 3, d = 4;
  for (int i = 0; i < 8; i++) {
    uint32_t word;
    memcpy(&word, key + 4 * i, 4);
    own[i] = word;
  }
  for (int round = 0; round < 8; round++) {
    a += own[round] ^ (b << 7 | b >> 25);
    b ^= a + (c << 9 | c >> 23);
    c += b ^ own[7 - round];
    d ^= c + a;
  }
  return (int)((a ^ b ^ c ^ d) & 1);
}

NOINLINE int worker(const unsigned char *key) { return mixed(key); }
static NOINLINE int hidden(const unsigned char *key) { return mixed(key) ^ 1; }
int alias(const unsigned char *key) __attribute__((alias("worker")));

/* Calls the global one from its own object. */
int calls_worker(const unsigned char *key) {
  int result = worker(key);
  __asm__ volatile("");
  return result & 1;
}
/* Jumps to it. */
int jumps_to_worker(const unsigned char *key) { return worker(key); }
int calls_hidden(const unsigned char *key) {
  int result = hidden(key);
  __asm__ volatile("");
  return result & 1;
}
int jumps_to_hidden(const unsigned char *key) { return hidden(key); }
int calls_alias(const unsigned char *key) { return alias(key); }

typedef int function(const unsigned char *);
function *const pointers[] = {worker, hidden, alias};
volatile unsigned which;
int by_table_of_global(const unsigned char *key) { return pointers[which & 0](key); }
int by_table_of_static(const unsigned char *key) { return pointers[1 + (which & 0)](key); }
static NOINLINE int apply(function *volatile f, const unsigned char *key) { return f(key); }
int by_address_of_global(const unsigned char *key) { return apply(worker, key); }
int by_address_of_static(const unsigned char *key) { return apply(hidden, key); }
