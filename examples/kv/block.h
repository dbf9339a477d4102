/*
 * One block of the store's log: its header, and the check that makes it trustworthy.
 *
 *    0  u32  magic "CKV1"
 *    4  u32  CRC-32 of bytes 8 to the block's end
 *    8  u64  generation
 *   16  u64  sequence: of the record; 0 for a head
 *   24  u16  part, from 0
 *   26  u16  parts of the record
 *   28  u32  CRC-32 of the whole record
 *   32       the record's bytes, the last part padded with zeros
 *
 * Numbers are little-endian.
 */
#ifndef BLOCK_H
#define BLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_MAGIC 0x31564b43u
#define BLOCK_HEADER 32u
#define BLOCK_SIZE_MIN 128u
#define BLOCK_SIZE_MAX 65536u

struct block_header {
    uint64_t generation, sequence;
    uint16_t part, parts;
    uint32_t record_crc;
};

uint32_t get32(const uint8_t *at);
uint64_t get64(const uint8_t *at);
void put32(uint8_t *at, uint32_t value);
void put64(uint8_t *at, uint64_t value);

/* Fills in the header of a block whose contents are in place. */
void block_seal(uint8_t *block, size_t block_size, const struct block_header *header);

/* Reads a block's header; false when the block is none of ours or damaged. */
bool block_check(const uint8_t *block, size_t block_size, struct block_header *header);

#endif
