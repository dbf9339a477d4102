/* The virtio-mmio transport and split queues: see virtio.h. */
#include "virtio.h"

#include "config.h"
#include "interrupts.h"
#include "memory.h"
#include "report.h"

#define TRANSPORT_BASE 0xfeb00000ul
#define TRANSPORT_SIZE 512

/* Register offsets, in words. */
enum {
    MAGIC = 0x000 / 4,
    VERSION = 0x004 / 4,
    DEVICE_ID = 0x008 / 4,
    DEVICE_FEATURES = 0x010 / 4,
    DEVICE_FEATURES_SELECT = 0x014 / 4,
    DRIVER_FEATURES = 0x020 / 4,
    DRIVER_FEATURES_SELECT = 0x024 / 4,
    QUEUE_SELECT = 0x030 / 4,
    QUEUE_SIZE_MAX = 0x034 / 4,
    QUEUE_SIZE_SET = 0x038 / 4,
    QUEUE_READY = 0x044 / 4,
    QUEUE_NOTIFY = 0x050 / 4,
    INTERRUPT_STATUS = 0x060 / 4,
    INTERRUPT_ACKNOWLEDGE = 0x064 / 4,
    STATUS = 0x070 / 4,
    QUEUE_DESCRIPTORS = 0x080 / 4,
    QUEUE_AVAILABLE = 0x090 / 4,
    QUEUE_USED = 0x0a0 / 4,
    CONFIG = 0x100 / 4,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };
enum { DESCRIPTOR_NEXT = 1, DESCRIPTOR_WRITE = 2 };
#define FEATURE_VERSION_1 1u /* bit 32: in the upper word */

static volatile u32 *started[TRANSPORTS];
static u32 started_count;

struct virtio_device virtio_find(u32 transport, u32 kind, u32 features) {
    /* QEMU moves pin 0 of an I/O APIC, a PC's timer, to pin 2: this transport's interrupts would go astray. */
    if (transport == 0) broken("virtio-mmio 0: its interrupts do not arrive; choose another transport");
    volatile u32 *registers = (volatile u32 *)(TRANSPORT_BASE + transport * TRANSPORT_SIZE);
    if (registers[MAGIC] != 0x74726976 || registers[VERSION] != 2 || registers[DEVICE_ID] != kind)
        broken("virtio-mmio %u: magic %x, version %u, device %u; expected version 2 of device %u", transport,
               registers[MAGIC], registers[VERSION], registers[DEVICE_ID], kind);
    registers[STATUS] = 0;
    registers[STATUS] = ACKNOWLEDGE | DRIVER;
    const u32 wanted[2] = {features, FEATURE_VERSION_1};
    for (u32 word = 0; word < 2; word++) {
        registers[DEVICE_FEATURES_SELECT] = word;
        u32 offered = registers[DEVICE_FEATURES];
        if ((offered & wanted[word]) != wanted[word])
            broken("virtio-mmio %u: feature word %u is %x; %x wanted", transport, word, offered, wanted[word]);
        registers[DRIVER_FEATURES_SELECT] = word;
        registers[DRIVER_FEATURES] = wanted[word];
    }
    registers[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK;
    if (!(registers[STATUS] & FEATURES_OK)) broken("virtio-mmio %u: the device takes no features", transport);
    return (struct virtio_device){registers, transport};
}

static void write_address(volatile u32 *registers, u32 at, const volatile void *address) {
    registers[at] = (u32)(u64)address;
    registers[at + 1] = (u32)((u64)address >> 32);
}

void virtio_add_queue(const struct virtio_device *device, struct queue *queue, u32 number) {
    volatile u32 *registers = device->registers;
    registers[QUEUE_SELECT] = number;
    if (registers[QUEUE_SIZE_MAX] < QUEUE_SIZE)
        broken("virtio-mmio %u: queue %u has %u places; %u wanted", device->transport, number,
               registers[QUEUE_SIZE_MAX], (u32)QUEUE_SIZE);
    u8 *page = allocate_pages(1);
    queue->descriptors = (struct queue_descriptor *)page;
    queue->available = (void *)(page + 1024);
    queue->used = (void *)(page + 2048);
    queue->notify = &registers[QUEUE_NOTIFY];
    queue->number = number;
    queue->seen = 0;
    registers[QUEUE_SIZE_SET] = QUEUE_SIZE;
    write_address(registers, QUEUE_DESCRIPTORS, queue->descriptors);
    write_address(registers, QUEUE_AVAILABLE, queue->available);
    write_address(registers, QUEUE_USED, queue->used);
    registers[QUEUE_READY] = 1;
}

_Static_assert(QUEUE_SIZE * sizeof(struct queue_descriptor) <= 1024, "descriptors fit a quarter page");
_Static_assert(sizeof(*((struct queue *)0)->available) + 2 <= 1024, "the available ring fits a quarter page");
_Static_assert(sizeof(*((struct queue *)0)->used) + 2 <= 2048, "the used ring fits half a page");

void virtio_start(const struct virtio_device *device) {
    device->registers[STATUS] = ACKNOWLEDGE | DRIVER | FEATURES_OK | DRIVER_OK;
    started[started_count++] = device->registers;
    interrupts_enable_transport(device->transport);
}

u32 virtio_config32(const struct virtio_device *device, u32 offset) { return device->registers[CONFIG + offset / 4]; }

void queue_submit(struct queue *queue, u16 first, const struct piece *pieces, u16 count) {
    for (u16 i = 0; i < count; i++) {
        u16 more = i + 1 < count ? DESCRIPTOR_NEXT : 0;
        queue->descriptors[first + i] = (struct queue_descriptor){
            .address = (u64)pieces[i].address,
            .size = pieces[i].size,
            .flags = (u16)(more | (pieces[i].device_writes ? DESCRIPTOR_WRITE : 0)),
            .next = (u16)(first + i + 1),
        };
    }
    queue->available->ring[queue->available->index % QUEUE_SIZE] = first;
    memory_barrier();
    queue->available->index++;
    memory_barrier();
    *queue->notify = queue->number;
}

bool queue_has_result(const void *queue) {
    const struct queue *self = queue;
    return self->used->index != self->seen;
}

u16 queue_take_result(struct queue *queue, u32 *length) {
    memory_barrier();
    u32 slot = queue->seen++ % QUEUE_SIZE;
    *length = queue->used->ring[slot].length;
    return (u16)queue->used->ring[slot].id;
}

u32 queue_execute(struct queue *queue, const struct piece *pieces, u16 count) {
    queue_submit(queue, 0, pieces, count);
    wait_until(queue_has_result, queue, NEVER);
    u32 length;
    queue_take_result(queue, &length);
    return length;
}

void virtio_acknowledge_interrupts(void) {
    for (u32 i = 0; i < started_count; i++) {
        u32 pending = started[i][INTERRUPT_STATUS];
        if (pending != 0) started[i][INTERRUPT_ACKNOWLEDGE] = pending;
    }
}
