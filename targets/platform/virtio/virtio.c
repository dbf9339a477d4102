/*
 * The virtio transport: finding out what a device is, agreeing on features, and queues.
 *
 * A device is not trusted with more than its own memory: it is told physical addresses of memory that was taken for
 * devices, what it gives back is checked by whoever asked, and nothing that it can write is used as an index here.
 */
#include "virtio.h"

/* Byte offsets of registers. */
enum {
    MAGIC = 0x00, VERSION = 0x04, DEVICE_ID = 0x08, DEVICE_FEATURES = 0x10, DEVICE_FEATURES_SELECT = 0x14,
    DRIVER_FEATURES = 0x20, DRIVER_FEATURES_SELECT = 0x24, GUEST_PAGE_SIZE = 0x28, QUEUE_SELECT = 0x30, QUEUE_MAX = 0x34,
    QUEUE_SIZE = 0x38, QUEUE_ALIGN = 0x3c, QUEUE_PAGE = 0x40, QUEUE_READY = 0x44, INTERRUPT_STATUS = 0x60, INTERRUPT_ACKNOWLEDGE = 0x64, STATUS = 0x70, QUEUE_DESCRIPTORS = 0x80,
    QUEUE_AVAILABLE = 0x90, QUEUE_USED = 0xa0, CONFIG_GENERATION = 0xfc, CONFIG = 0x100,
};

enum { ACKNOWLEDGE = 1, DRIVER = 2, DRIVER_OK = 4, FEATURES_OK = 8 };

#define VERSION_1 1u /* feature bit 32, in the high word */

_Static_assert(sizeof(struct virtq_memory) == 2 * PAGE_SIZE, "a queue takes two pages");
_Static_assert(offsetof(struct virtq_memory, used) == PAGE_SIZE, "the used ring begins the second");

static uint32_t get(const struct virtio *device, unsigned offset) { return device->registers[offset / 4]; }

static void set(const struct virtio *device, unsigned offset, uint32_t value) { device->registers[offset / 4] = value; }

static void set64(const struct virtio *device, unsigned offset, uint64_t value) {
    set(device, offset, (uint32_t)value);
    set(device, offset + 4, (uint32_t)(value >> 32));
}

uint32_t layer_virtio_type(volatile uint32_t *registers) {
    if (registers[MAGIC / 4] != 0x74726976 /* "virt" */) return 0;
    uint32_t version = registers[VERSION / 4];
    return version == 1 || version == 2 ? registers[DEVICE_ID / 4] : 0;
}

static bool agree(struct virtio *device, uint32_t wanted) {
    set(device, DEVICE_FEATURES_SELECT, 0);
    device->features = get(device, DEVICE_FEATURES) & wanted;
    set(device, DRIVER_FEATURES_SELECT, 0);
    set(device, DRIVER_FEATURES, device->features);
    if (!device->modern) {
        set(device, GUEST_PAGE_SIZE, PAGE_SIZE);
        return true;
    }
    set(device, DEVICE_FEATURES_SELECT, 1);
    if (!(get(device, DEVICE_FEATURES) & VERSION_1)) return false;
    set(device, DRIVER_FEATURES_SELECT, 1);
    set(device, DRIVER_FEATURES, VERSION_1);
    set(device, STATUS, ACKNOWLEDGE | DRIVER | FEATURES_OK);
    return get(device, STATUS) & FEATURES_OK;
}

static bool open_queue(struct virtio *device, unsigned index) {
    struct virtq *queue = &device->queues[index];
    set(device, QUEUE_SELECT, index);
    if (get(device, QUEUE_MAX) < VIRTIO_QUEUE) return false;
    queue->memory = layer_take_memory(sizeof(struct virtq_memory));
    queue->used = &queue->memory->used;
    layer_virtio_allow_interrupts(queue, false);
    uint64_t address = layer_physical((const void *)queue->memory, sizeof(struct virtq_memory));
    set(device, QUEUE_SIZE, VIRTIO_QUEUE);
    if (!device->modern) {
        if (address / PAGE_SIZE > UINT32_MAX) return false;
        set(device, QUEUE_ALIGN, PAGE_SIZE);
        set(device, QUEUE_PAGE, (uint32_t)(address / PAGE_SIZE));
        return true;
    }
    set64(device, QUEUE_DESCRIPTORS, address);
    set64(device, QUEUE_AVAILABLE, address + offsetof(struct virtq_memory, available));
    set64(device, QUEUE_USED, address + offsetof(struct virtq_memory, used));
    set(device, QUEUE_READY, 1);
    return true;
}

bool layer_virtio_open(struct virtio *device, volatile uint32_t *registers, uint32_t wanted, unsigned queues) {
    device->registers = registers;
    device->modern = get(device, VERSION) == 2;
    layer_virtio_stop(registers);
    set(device, STATUS, ACKNOWLEDGE);
    set(device, STATUS, ACKNOWLEDGE | DRIVER);
    if (!agree(device, wanted)) return false;
    for (size_t i = 0; i < queues; i++) {
        if (!open_queue(device, i)) return false;
    }
    return true;
}

void layer_virtio_start(struct virtio *device) {
    arch_barrier();
    set(device, STATUS, ACKNOWLEDGE | DRIVER | DRIVER_OK | (device->modern ? FEATURES_OK : 0));
}

void layer_virtio_stop(volatile uint32_t *registers) {
    registers[STATUS / 4] = 0;
    arch_barrier();
}

uint8_t layer_virtio_config8(const struct virtio *device, unsigned offset) {
    return ((volatile uint8_t *)device->registers)[CONFIG + offset];
}

static uint64_t read_config(const struct virtio *device, unsigned offset, unsigned size) {
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++) value |= (uint64_t)layer_virtio_config8(device, offset + i) << 8 * i;
    return value;
}

uint64_t layer_virtio_config(const struct virtio *device, unsigned offset, unsigned size) {
    uint64_t value = 0;
    /* A device may change it meanwhile; one that never stops doing so is not waited for. */
    for (size_t i = 0; i < 8; i++) {
        uint32_t before = device->modern ? get(device, CONFIG_GENERATION) : 0;
        value = read_config(device, offset, size);
        if (!device->modern || get(device, CONFIG_GENERATION) == before) break;
    }
    return value;
}

void layer_virtio_describe(struct virtq *queue, uint16_t index, const void *data, uint32_t size, uint16_t flags,
                        uint16_t next) {
    volatile struct virtq_descriptor *descriptor = &queue->memory->descriptors[index % VIRTIO_QUEUE];
    descriptor->address = layer_physical(data, size);
    descriptor->size = size;
    descriptor->flags = flags;
    descriptor->next = next;
}

void layer_virtio_allow_interrupts(struct virtq *queue, bool allow) {
    queue->memory->available.flags = allow ? 0 : 1;
    /* Whoever allows them looks at the queue next; that they still come for a while is no harm. */
    if (allow) arch_barrier();
}

void layer_virtio_publish(struct virtio *device, unsigned index) { layer_virtio_publish_fast(device, index); }

bool layer_virtio_await(struct virtq *queue, uint64_t patience) {
    solo5_time_t limit = solo5_clock_monotonic() + patience;
    while (!layer_virtio_look(queue)) {
        if (solo5_clock_monotonic() >= limit) return false;
    }
    return true;
}

void layer_virtio_acknowledge(struct virtio *device) {
    uint32_t pending = get(device, INTERRUPT_STATUS);
    if (pending != 0) set(device, INTERRUPT_ACKNOWLEDGE, pending);
}
