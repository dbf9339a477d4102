/* One block of ChaCha20 (RFC 8439, section 2.3), as C is written for speed on any machine. NAME is what it is called. */
#include "secrets.h"

static inline uint32_t rotated(uint32_t value, int count) { return value << count | value >> (32 - count); }

#define QUARTER(a, b, c, d) \
  a += b, d = rotated(d ^ a, 16), c += d, b = rotated(b ^ c, 12), a += b, d = rotated(d ^ a, 8), c += d, \
      b = rotated(b ^ c, 7)

void NAME(uint8_t out[64], const uint8_t key[32], uint32_t counter, const uint8_t nonce[12]) {
  uint32_t start[16] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, x[16];
  __builtin_memcpy(start + 4, key, 32);
  start[12] = counter;
  __builtin_memcpy(start + 13, nonce, 12);
  for (int i = 0; i < 16; i++) x[i] = start[i];
  for (int round = 0; round < 10; round++) {
    QUARTER(x[0], x[4], x[8], x[12]);
    QUARTER(x[1], x[5], x[9], x[13]);
    QUARTER(x[2], x[6], x[10], x[14]);
    QUARTER(x[3], x[7], x[11], x[15]);
    QUARTER(x[0], x[5], x[10], x[15]);
    QUARTER(x[1], x[6], x[11], x[12]);
    QUARTER(x[2], x[7], x[8], x[13]);
    QUARTER(x[3], x[4], x[9], x[14]);
  }
  for (int i = 0; i < 16; i++) x[i] += start[i];
  __builtin_memcpy(out, x, 64);
}
