/*
 * CRC-32 (the one of Ethernet, zlib and PNG: polynomial 0x04c11db7, reflected).
 */
#ifndef CRC32_H
#define CRC32_H

#include <stddef.h>
#include <stdint.h>

/* The sum of `size` bytes; `sum` is that of the bytes before them, 0 at the beginning. */
uint32_t crc32(uint32_t sum, const uint8_t *bytes, size_t size);

#endif
