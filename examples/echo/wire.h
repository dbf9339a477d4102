/*
 * Numbers in network byte order, and the Internet checksum.
 *
 * Frames come from strangers: every function here is given memory that its caller has checked to be there.
 */
#ifndef WIRE_H
#define WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);

static inline uint16_t get16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static inline uint32_t get32(const uint8_t *at) { return (uint32_t)get16(at) << 16 | get16(at + 2); }

static inline void put16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static inline void put32(uint8_t *at, uint32_t value) {
    put16(at, (uint16_t)(value >> 16));
    put16(at + 2, (uint16_t)value);
}

/* The one's complement sum of `size` bytes added to `sum`, not yet folded; RFC 1071. All but the last part: even sizes. */
uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t size);

/* The checksum of what was added. Over data that holds its own checksum the result is 0 when it is right. */
uint16_t checksum_end(uint32_t sum);

/* The beginning of a UDP or TCP checksum: the pseudo header. Addresses in host order, `size` of header and data. */
uint32_t checksum_pseudo(uint32_t source, uint32_t destination, uint8_t protocol, size_t size);

#endif
