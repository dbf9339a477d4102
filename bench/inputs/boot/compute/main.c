/*
 * Work without hypercalls: integer arithmetic, memory in order, and memory at random over 32 MiB, where page tables
 * matter most. A round walks a part of the memory in order and touches all of it at random; after each it prints how
 * long it took by the guest's own clock, and a checksum that must not depend on the image.
 *
 *   compute ROUNDS
 */
#include <solo5.h>

#include "print.h"
#include "text.h"

#define WORDS (4u << 20) /* of 8 bytes */
#define PARTS 16u
#define PART (WORDS / PARTS)

static uint64_t integers(uint64_t state, size_t count) {
    uint64_t sum = 0;
    for (size_t i = 0; i < count; i++) {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        sum += state % 1000003 * (state >> 40);
    }
    return sum;
}

static uint64_t in_order(uint64_t *words, uint64_t seed) {
    uint64_t sum = 0;
    for (size_t i = 0; i < PART; i++) words[i] = words[i] * 0x9e3779b97f4a7c15u + seed + i;
    for (size_t i = 0; i < PART; i++) sum = (sum << 1 | sum >> 63) ^ words[i];
    return sum;
}

static uint64_t at_random(uint64_t *words, size_t count) {
    uint64_t at = 1;
    for (size_t i = 0; i < count; i++) {
        words[at % WORDS] += at;
        at = words[(at * 0xd1342543de82ef95u + i) % WORDS] ^ at >> 5;
    }
    return at;
}

int solo5_app_main(const struct solo5_start_info *info) {
    uint64_t rounds;
    uint64_t *words = (uint64_t *)info->heap_start;
    if (!text_is_number(info->cmdline, UINT32_MAX, &rounds) || info->heap_size < WORDS * sizeof *words) return 2;
    for (uint64_t i = 0; i < rounds; i++) {
        solo5_time_t start = solo5_clock_monotonic();
        uint64_t sum = integers(i + 1, 4000000 / PARTS) ^ in_order(words + i % PARTS * PART, i) ^
                       at_random(words, 1000000 / PARTS);
        print("took %llu ns, checksum %llx\n", (unsigned long long)(solo5_clock_monotonic() - start),
              (unsigned long long)sum);
    }
    return 0;
}
