/* X25519 as libsodium has it, behind a function of our own, so that one program can have it with a veneer and without. */
#include "secrets.h"

int crypto_scalarmult_curve25519(uint8_t *out, const uint8_t *scalar, const uint8_t *point);

int NAME(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]) {
  return crypto_scalarmult_curve25519(out, scalar, point);
}
