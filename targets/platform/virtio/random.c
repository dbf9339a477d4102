/*
 * Random numbers from a virtio-rng, for a canary that the boot block could not make unpredictable.
 */
#include "devices.h"

#define PATIENCE 100000000u /* nanoseconds */

uint64_t layer_random_word(void) {
    static struct virtio rng; /* the device is stopped again, its memory is not given back */
    volatile uint32_t *registers = layer_rng();
    struct virtq *queue = &rng.queues[0];
    uint64_t value = 0;
    if (registers == NULL || !layer_virtio_open(&rng, registers, 0, 1)) return 0;
    volatile uint64_t *word = layer_take_memory(sizeof *word);
    layer_virtio_describe(queue, 0, (const void *)word, sizeof *word, VIRTQ_WRITE, 0);
    layer_virtio_start(&rng);
    layer_virtio_offer(queue, 0);
    layer_virtio_publish(&rng, 0);
    if (layer_virtio_await(queue, PATIENCE) && queue->used->ring[0].size == sizeof *word) value = *word;
    layer_virtio_stop(registers);
    *word = 0;
    return value;
}
