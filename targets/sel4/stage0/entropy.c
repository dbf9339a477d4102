/*
 * The seed, from the device tree's rng-seed or the processor, and the canary that is made of it.
 *
 * Three words of the seed are the program's, the fourth becomes the canary, mixed with the counter: where there is no
 * seed (sifive_u's tree has none) the canary is only as unpredictable as the counter at start-up, some 20 bits, and the
 * layer adds what a virtio-rng gives, if the machine has one.
 */
#include "guest.h"
#include "entropy.h"

#if defined(__x86_64__)

#include "hardware-random.h"

static void draw(struct boot_block *block) {
    bool all = true;
    for (unsigned i = 0; i < 4; i++) all &= (block->seed[i] = hardware_random()) != 0;
    block->has_entropy = all;
}

#else

/* Takes the tree's seed out of it. */
static void draw(struct boot_block *block) {
    struct fdt_value seed = layer_machine.rng_seed;
    if (seed.data == NULL) return;
    if (seed.size >= sizeof block->seed) {
        memcpy(block->seed, seed.data, sizeof block->seed);
        block->has_entropy = 1;
    }
    memset((void *)(uintptr_t)seed.data, 0, seed.size);
}

#endif

void sel4_take_entropy(struct boot_block *block) {
    draw(block);
    /*
     * The time's low bits vary most: the product has them all over the word. The lowest byte is 0, so that a string that
     * runs over the end of its buffer neither reads nor forges it.
     */
    block->canary = (block->seed[3] ^ arch_ticks() * 0x9e3779b97f4a7c15u) & ~(uint64_t)0xff;
    block->seed[3] = 0;
}
