/*
 * Takes a routine with its veneer and without in turns of a millisecond, so that what else the machine does meets both.
 * Prints a line a turn: the routine, and the time stamp counter's ticks for a call of each. A program without a C
 * library, as images are: that library's code would decide which registers veneers clear.
 */
#include "secrets.h"

static uint64_t ticks(void) {
  uint32_t low, high;
  __asm__ volatile("lfence\n rdtsc" : "=a"(low), "=d"(high)::"memory");
  return (uint64_t)high << 32 | low;
}

static void put(const char *text, long size) {
  long result;
  __asm__ volatile("syscall" : "=a"(result) : "a"(1), "D"(1), "S"(text), "d"(size) : "rcx", "r11", "memory");
}

static char *number(char *end, uint64_t value) {
  do *--end = (char)('0' + value % 10);
  while ((value /= 10) != 0);
  return end;
}

static void line(const char *name, uint64_t wiped, uint64_t bare) {
  char text[100], *at = text + sizeof text;
  *--at = '\n';
  at = number(at, bare);
  *--at = '\t';
  at = number(at, wiped);
  *--at = '\t';
  long size = 0;
  while (name[size]) size++;
  put(name, size);
  put(at, text + sizeof text - at);
}

static uint8_t out[64], other[64], key[32], point[32] = {9}, nonce[12];

#define TIMED(function, calls, call) \
  ({ \
    uint64_t start = ticks(); \
    for (int i = 0; i < (calls); i++) call; \
    /* Thousandths of a tick. */ \
    (ticks() - start) * 1000 / (calls); \
  })

void run(void) {
  for (int i = 0; i < 32; i++) key[i] = (uint8_t)(7 * i + 1);
  chacha_bare(out, key, 1, nonce);
  chacha_wiped(other, key, 1, nonce);
  x25519_bare(out, key, point);
  for (int turn = 0; turn < TURNS; turn++) {
    uint64_t wiped = TIMED(chacha_wiped, 8000, chacha_wiped(other, key, (uint32_t)i, nonce));
    uint64_t bare = TIMED(chacha_bare, 8000, chacha_bare(out, key, (uint32_t)i, nonce));
    line("ChaCha20 block", wiped, bare);
    wiped = TIMED(x25519_wiped, 40, x25519_wiped(other, key, point));
    bare = TIMED(x25519_bare, 40, x25519_bare(out, key, point));
    line("X25519", wiped, bare);
  }
  for (int i = 0; i < 32; i++)
    if (out[i] != other[i]) __builtin_trap();
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n and $-16, %rsp\n call run\n mov $60, %eax\n xor %edi, %edi\n syscall\n ud2\n");
