/* The routines that are measured: each is compiled twice, and one of the two is wiped after. */
#include <stdint.h>

void chacha_bare(uint8_t out[64], const uint8_t key[32], uint32_t counter, const uint8_t nonce[12]);
void chacha_wiped(uint8_t out[64], const uint8_t key[32], uint32_t counter, const uint8_t nonce[12]);
int x25519_bare(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
int x25519_wiped(uint8_t out[32], const uint8_t scalar[32], const uint8_t point[32]);
