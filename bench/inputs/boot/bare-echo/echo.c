/*
 * The least that echoes Ethernet frames: for QEMU's virt machine, one virtio network device (version 2) at a known
 * address, no protections, no allocation, no checks of what the device says, no API. What a platform layer is held
 * against.
 *
 * Buffer i is received into and sent from: its descriptors in both queues point at the same memory, and it goes back to
 * the receive queue once it was sent. COPIES makes it copy every frame out of the receive buffer and into a send buffer
 * instead, as whoever has an API between driver and program must. Idle, it sleeps until the device interrupts.
 */
#include <stddef.h>
#include <stdint.h>

#define DEVICE 0x10001000ul
#define SOURCE 1 /* the device's, at the PLIC */
#define PLIC 0x0c000000ul
#define PLIC_PRIORITY(source) (PLIC + 4 * (source))
#define PLIC_ENABLE (PLIC + 0x2080)     /* of hart 0's S-mode */
#define PLIC_THRESHOLD (PLIC + 0x201000)
#define PLIC_CLAIM (PLIC + 0x201004)

#define COUNT 64u
#define HEADER 12u
#define SIZE 1526u

enum { RECEIVE, SEND };

struct descriptor {
    uint64_t address;
    uint32_t size;
    uint16_t flags, next;
};

struct available {
    uint16_t flags, index, ring[COUNT];
};

struct used {
    uint16_t flags, index;
    struct {
        uint32_t id, size;
    } ring[COUNT];
};

static struct queue {
    struct descriptor descriptors[COUNT];
    volatile struct available available;
    volatile struct used used __attribute__((aligned(4)));
    uint16_t taken;
} queues[2] __attribute__((aligned(4096)));

/* The frame, after the header, lies aligned. */
static uint8_t buffers[2][COUNT][1536] __attribute__((aligned(64)));
#ifdef COPIES
static uint8_t frame[1536] __attribute__((aligned(64)));
#endif

static inline volatile uint32_t *at(uint64_t address) { return (volatile uint32_t *)address; }
static inline void barrier(void) { __asm__ volatile("fence iorw, iorw" : : : "memory"); }

void *memcpy(void *restrict to, const void *restrict from, size_t size) {
    uint64_t *t = to;
    const uint64_t *f = from;
    for (; size >= 32; size -= 32, t += 4, f += 4) t[0] = f[0], t[1] = f[1], t[2] = f[2], t[3] = f[3];
    for (; size >= 8; size -= 8) *t++ = *f++;
    for (size_t i = 0; i < size; i++) ((uint8_t *)t)[i] = ((const uint8_t *)f)[i];
    return to;
}

static void offer(struct queue *queue, uint32_t id) {
    queue->available.ring[queue->available.index % COUNT] = (uint16_t)id;
    barrier();
    queue->available.index++;
}

static void notify(unsigned queue) {
    barrier();
    if (!(queues[queue].used.flags & 1)) *at(DEVICE + 0x50) = queue;
}

static void set_address(unsigned offset, const volatile void *memory) {
    *at(DEVICE + offset) = (uint32_t)(uintptr_t)memory;
    *at(DEVICE + offset + 4) = (uint32_t)((uintptr_t)memory >> 32);
}

static void start(void) {
    *at(DEVICE + 0x70) = 0;
    *at(DEVICE + 0x70) = 3;
    *at(DEVICE + 0x24) = 0;
    *at(DEVICE + 0x20) = 0;
    *at(DEVICE + 0x24) = 1;
    *at(DEVICE + 0x20) = 1; /* VERSION_1 */
    *at(DEVICE + 0x70) = 11;
    for (unsigned i = 0; i < 2; i++) {
        *at(DEVICE + 0x30) = i;
        *at(DEVICE + 0x38) = COUNT;
        set_address(0x80, queues[i].descriptors);
        set_address(0x90, &queues[i].available);
        set_address(0xa0, &queues[i].used);
        *at(DEVICE + 0x44) = 1;
        queues[i].available.flags = 1;
    }
    for (unsigned i = 0; i < COUNT; i++) {
        uint64_t received = (uintptr_t)&buffers[RECEIVE][i][16 - HEADER];
#ifdef COPIES
        uint64_t sent = (uintptr_t)&buffers[SEND][i][16 - HEADER];
#else
        uint64_t sent = received;
#endif
        queues[RECEIVE].descriptors[i] = (struct descriptor){received, SIZE, 2, 0};
        queues[SEND].descriptors[i] = (struct descriptor){sent, 0, 0, 0};
        offer(&queues[RECEIVE], i);
    }
    *at(DEVICE + 0x70) = 15;
    notify(RECEIVE);
    *at(PLIC_PRIORITY(SOURCE)) = 1;
    *at(PLIC_ENABLE) = 1 << SOURCE;
    *at(PLIC_THRESHOLD) = 0;
}

static inline _Bool pending(const struct queue *queue) { return queue->used.index != queue->taken; }

static uint32_t take(struct queue *queue, uint32_t *size) {
    barrier();
    unsigned i = queue->taken++ % COUNT;
    *size = queue->used.ring[i].size;
    return queue->used.ring[i].id;
}

static void exchange_addresses(uint8_t *bytes) {
    for (int i = 0; i < 6; i++) {
        uint8_t byte = bytes[i];
        bytes[i] = bytes[6 + i];
        bytes[6 + i] = byte;
    }
}

static void give_back_sent(void) {
    uint32_t size;
    while (pending(&queues[SEND])) {
        uint32_t id = take(&queues[SEND], &size);
#ifndef COPIES
        offer(&queues[RECEIVE], id);
        notify(RECEIVE);
#else
        (void)id;
#endif
    }
}

/* With COPIES too a frame is sent from the buffer of its number: at most COUNT are anywhere, so that one is free. */
static void echo(void) {
    uint32_t size, id = take(&queues[RECEIVE], &size);
    give_back_sent();
#ifdef COPIES
    memcpy(frame, buffers[RECEIVE][id] + 16, size - HEADER);
    offer(&queues[RECEIVE], id);
    notify(RECEIVE);
    exchange_addresses(frame);
    memcpy(buffers[SEND][id] + 16, frame, size - HEADER);
#else
    exchange_addresses(buffers[RECEIVE][id] + 16);
#endif
    queues[SEND].descriptors[id].size = size;
    offer(&queues[SEND], id);
    notify(SEND);
}

static void wait(void) {
    queues[RECEIVE].available.flags = 0;
    barrier();
    /* With every buffer on its way out nothing can come in: then it goes on looking. */
    _Bool receives = queues[RECEIVE].available.index != queues[RECEIVE].taken;
    if (receives && !pending(&queues[RECEIVE]))
        __asm__ volatile("csrs sie, %0\n\twfi\n\tcsrc sie, %0" : : "r"(1ul << 9) : "memory");
    queues[RECEIVE].available.flags = 1;
    *at(DEVICE + 0x64) = *at(DEVICE + 0x60);
    uint32_t source = *at(PLIC_CLAIM);
    if (source != 0) *at(PLIC_CLAIM) = source;
}

_Noreturn void echo_main(void) {
    start();
    for (;;) {
        while (pending(&queues[RECEIVE])) echo();
        give_back_sent();
        wait();
    }
}

__asm__(".section .text.start, \"ax\"\n.globl _start\n_start:\n\tla sp, stack_end\n\tcsrw sie, zero\n\ttail echo_main\n"
        ".bss\n.balign 16\n.skip 16384\nstack_end:\n.text\n");
