/*
 * SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of short messages.
 */
#ifndef SIPHASH_H
#define SIPHASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t siphash(const uint64_t key[2], const uint8_t *bytes, size_t size);

#endif
