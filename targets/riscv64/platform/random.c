/*
 * Random numbers from a virtio-rng, for a canary that the boot block could not make unpredictable.
 */
#include "devices.h"

#define PATIENCE 100000000u /* nanoseconds */

uint64_t rv_random_word(void) {
    static struct virtio rng; /* the device is stopped again, its memory is not given back */
    volatile uint32_t *registers = rv_rng();
    struct virtq *queue = &rng.queues[0];
    uint64_t value = 0;
    if (registers == NULL || !rv_virtio_open(&rng, registers, 0, 1)) return 0;
    volatile uint64_t *word = rv_take_memory(sizeof *word);
    rv_virtio_describe(queue, 0, (const void *)word, sizeof *word, VIRTQ_WRITE, 0);
    rv_virtio_start(&rng);
    rv_virtio_offer(queue, 0);
    rv_virtio_publish(&rng, 0);
    if (rv_virtio_await(queue, PATIENCE) && queue->used->ring[0].size == sizeof *word) value = *word;
    rv_virtio_stop(registers);
    *word = 0;
    return value;
}
