/*
 * Block headers: see block.h. Byte by byte, so that neither alignment nor the machine's byte order matters.
 */
#include "block.h"

#include "crc32.h"

uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

uint64_t get64(const uint8_t *at) { return get32(at) | (uint64_t)get32(at + 4) << 32; }

void put32(uint8_t *at, uint32_t value) {
    for (int i = 0; i < 4; i++) at[i] = (uint8_t)(value >> 8 * i);
}

void put64(uint8_t *at, uint64_t value) {
    put32(at, (uint32_t)value);
    put32(at + 4, (uint32_t)(value >> 32));
}

void block_seal(uint8_t *block, size_t block_size, const struct block_header *header) {
    put32(block, BLOCK_MAGIC);
    put64(block + 8, header->generation);
    put64(block + 16, header->sequence);
    put32(block + 24, (uint32_t)header->parts << 16 | header->part);
    put32(block + 28, header->record_crc);
    put32(block + 4, crc32(0, block + 8, block_size - 8));
}

bool block_check(const uint8_t *block, size_t block_size, struct block_header *header) {
    if (get32(block) != BLOCK_MAGIC || get32(block + 4) != crc32(0, block + 8, block_size - 8)) return false;
    header->generation = get64(block + 8);
    header->sequence = get64(block + 16);
    header->part = (uint16_t)get32(block + 24);
    header->parts = (uint16_t)(get32(block + 24) >> 16);
    header->record_crc = get32(block + 28);
    return true;
}
