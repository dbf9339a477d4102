/*
 * Functions that use a secret of 32 bytes and erase it, by each way of wipes.h: `argument_NAME` in its caller's memory,
 * `local_NAME` a copy of its own. What they return is one bit, and public.
 */
#include "wipes.h"
#include <stdint.h>
#include <string.h>

/* Something with rounds and a state in registers, as ciphers have. */
static uint32_t mixed(const unsigned char *key) {
  uint32_t state[4] = {1, 2, 3, 4};
  for (int round = 0; round < 8; round++) {
    for (int i = 0; i < 4; i++) {
      uint32_t word;
      memcpy(&word, key + 4 * ((round + i) % 8), 4);
      state[i] += word ^ (state[(i + 1) % 4] << 7 | state[(i + 1) % 4] >> 25);
    }
  }
  return state[0] ^ state[1] ^ state[2] ^ state[3];
}

#define SUBJECT(name) \
  int argument_##name(unsigned char *secret) { \
    int result = (int)(mixed(secret) & 1); \
    wipe_##name(secret, 32); \
    return result; \
  } \
  int local_##name(const unsigned char *secret) { \
    unsigned char own[32]; \
    memcpy(own, secret, sizeof own); \
    int result = (int)(mixed(own) & 1); \
    wipe_##name(own, sizeof own); \
    return result; \
  }
WIPES(SUBJECT)
