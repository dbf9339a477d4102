/*
 * New addresses for a start: words of a ChaCha20 keystream under the machine's seed, each with one consumer. The seed goes:
 * the program gets one that tells nothing of its addresses.
 *
 * Addresses are uniform over user space but for its lowest part, as the build's are (targets/sel4/addresses.ts), and drawn
 * again until all parts are far enough from one another. Without a seed of the machine's the key is the time at which it
 * started, which is not hard to guess; the boot block then says that there is no entropy.
 *
 * Source: RFC 8439, section 2.3.
 */
#include "first-stage.h"
#include "guest.h"

#define WORDS 16u /* of 32 bits, in a block */

static inline uint32_t rotated(uint32_t value, unsigned count) { return value << count | value >> (32 - count); }

static void quarter(uint32_t x[WORDS], unsigned a, unsigned b, unsigned c, unsigned d) {
    static const uint8_t turns[4] = {16, 12, 8, 7};
    for (unsigned i = 0; i < 4; i++) {
        unsigned to = i % 2 == 0 ? a : c, from = i % 2 == 0 ? b : d, mixed = i % 2 == 0 ? d : b;
        x[to] += x[from];
        x[mixed] = rotated(x[mixed] ^ x[to], turns[i]);
    }
}

/* The keystream's next block; the counter is word 12. */
static void next_block(uint32_t state[WORDS], uint32_t out[WORDS]) {
    for (unsigned i = 0; i < WORDS; i++) out[i] = state[i];
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned i = 0; i < 4; i++) quarter(out, i, i + 4, i + 8, i + 12);
        for (unsigned i = 0; i < 4; i++) quarter(out, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4);
    }
    for (unsigned i = 0; i < WORDS; i++) out[i] += state[i];
    state[12]++;
}

struct stream {
    uint32_t state[WORDS], block[WORDS];
    unsigned used;
};

static uint64_t next_word(struct stream *stream) {
    if (stream->used == WORDS) {
        next_block(stream->state, stream->block);
        stream->used = 0;
    }
    uint64_t low = stream->block[stream->used++];
    return (uint64_t)stream->block[stream->used++] << 32 | low;
}

/* As in addresses.ts: the lowest address that is used, and what is kept clear after each part. */
#define LOWEST (1ull << 28)
#define APART (1ull << 30)

static uint64_t draw(struct stream *stream, uint64_t step) {
    /* More than 2^20 times as many values as places: no place is noticeably likelier than another. */
    return LOWEST + next_word(stream) % ((SEL4_USER_TOP - APART - LOWEST) / step) * step;
}

static bool are_apart(const struct places *places) {
    const uint64_t all[] = {places->image, places->stack, places->heap, places->devices, places->tables,
                            (uintptr_t)sel4_image, sel4_settings.devices};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        for (size_t j = 0; j < i; j++)
            if ((all[i] < all[j] ? all[j] - all[i] : all[i] - all[j]) < APART) return false;
    return true;
}

void sel4_draw(struct boot_block *block, struct places *places) {
    struct stream stream = {.state = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}, .used = WORDS};
    /* The canary is of the seed's fourth word. */
    const uint64_t key[4] = {block->seed[0], block->seed[1], block->seed[2], block->canary};
    memcpy(&stream.state[4], key, sizeof key);
    for (unsigned i = 0; i < 3; i++) block->seed[i] = next_word(&stream);
    block->canary = next_word(&stream) & ~(uint64_t)0xff;
    if (!block->has_entropy) block->seed[0] = block->seed[1] = block->seed[2] = 0;
    do {
        places->image = draw(&stream, SEL4_PAGE);
        places->stack = draw(&stream, SEL4_PAGE);
        places->heap = draw(&stream, SEL4_LARGE_PAGE);
        places->devices = draw(&stream, SEL4_LARGE_PAGE);
        places->tables = draw(&stream, SEL4_PAGE);
    } while (!are_apart(places));
    memset(&stream, 0, sizeof stream);
    __asm__ volatile("" : : "r"(&stream) : "memory");
}
