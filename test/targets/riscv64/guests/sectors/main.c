/*
 * Writes sectors at random places of the device "disk" without end, and says after each batch what is durable now. A
 * sector holds its place, the batch that wrote it and bytes that depend on both, under a checksum.
 *
 *   sectors write FIRST SEED    batches FIRST, FIRST + 1, ...: "batch N: PLACE+COUNT PLACE+COUNT ..." after each
 *   sectors read                "PLACE BATCH" for every sector that is sound and written, "PLACE damaged" otherwise
 */
#include <solo5.h>

#include "print.h"
#include "text.h"

#define SECTOR 512u
#define WORDS (SECTOR / 8)
#define WRITES 4u /* a batch */
#define MOST 16u  /* sectors in a row */

static solo5_handle_t disk;
static struct solo5_block_info device;
static uint64_t buffer[MOST * WORDS];

static uint64_t mix(uint64_t value) {
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* Over all words but the last. */
static uint64_t checksum(const uint64_t *sector) {
    uint64_t sum = 1;
    for (unsigned i = 0; i < WORDS - 1; i++) sum = mix(sum ^ sector[i]);
    return sum;
}

static void fill(uint64_t *sector, uint64_t place, uint64_t batch) {
    sector[0] = place + 1; /* no sector of zeros is sound */
    sector[1] = batch;
    for (unsigned i = 2; i < WORDS - 1; i++) sector[i] = mix(place << 32 ^ batch << 8 ^ i);
    sector[WORDS - 1] = checksum(sector);
}

/* Whether a sector is as `fill` left it, for the batch that it names. */
static bool sound(const uint64_t *sector, uint64_t place) {
    uint64_t expected[WORDS];
    fill(expected, place, sector[1]);
    for (unsigned i = 0; i < WORDS; i++) {
        if (sector[i] != expected[i]) return false;
    }
    return true;
}

static bool empty(const uint64_t *sector) {
    uint64_t any = 0;
    for (unsigned i = 0; i < WORDS; i++) any |= sector[i];
    return any == 0;
}

static int write_batches(uint64_t batch, uint64_t seed) {
    uint64_t sectors = device.capacity / SECTOR, random = seed;
    for (;; batch++) {
        char line[256];
        size_t size = format(line, sizeof line, "batch %llu:", (unsigned long long)batch);
        for (unsigned i = 0; i < WRITES; i++) {
            random = mix(random + 0x9e3779b97f4a7c15u);
            uint64_t count = 1 + random % MOST, place = (random >> 16) % (sectors - count + 1);
            for (uint64_t at = 0; at < count; at++) fill(buffer + at * WORDS, place + at, batch);
            if (solo5_block_write(disk, place * SECTOR, (const uint8_t *)buffer, count * SECTOR) != SOLO5_R_OK) return 3;
            size += format(line + size, sizeof line - size, " %llu+%llu", (unsigned long long)place,
                           (unsigned long long)count);
        }
        print("%s\n", line);
    }
}

static int read_all(void) {
    uint64_t sectors = device.capacity / SECTOR;
    for (uint64_t place = 0; place < sectors; place += MOST) {
        uint64_t count = sectors - place < MOST ? sectors - place : MOST;
        if (solo5_block_read(disk, place * SECTOR, (uint8_t *)buffer, count * SECTOR) != SOLO5_R_OK) return 4;
        for (uint64_t at = 0; at < count; at++) {
            const uint64_t *sector = buffer + at * WORDS;
            unsigned long long number = place + at;
            if (empty(sector)) continue;
            if (sound(sector, number)) print("%llu %llu\n", number, (unsigned long long)sector[1]);
            else print("%llu damaged\n", number);
        }
    }
    print("end\n");
    return 0;
}

int solo5_app_main(const struct solo5_start_info *info) {
    static struct arguments arguments;
    uint64_t first, seed;
    if (split_arguments(info->cmdline, &arguments) != NULL || arguments.count == 0) return 2;
    if (solo5_block_acquire("disk", &disk, &device) != SOLO5_R_OK || device.block_size != SECTOR) return 1;
    if (text_equal(arguments.at[0], "read")) return read_all();
    if (arguments.count != 3 || !text_is_number(arguments.at[1], UINT32_MAX, &first) ||
        !text_is_number(arguments.at[2], UINT32_MAX, &seed))
        return 2;
    return write_batches(first, seed);
}
