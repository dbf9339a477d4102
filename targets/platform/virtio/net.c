/*
 * Network devices over virtio, and waiting for them.
 *
 * Both queues have one buffer a descriptor, for good. Frames are copied between these and the program's buffers: the
 * device is told of nothing else. A buffer begins so that the frame, after virtio's header, is aligned as a program's
 * buffers are, which lets memcpy move words. Interrupts are asked for only while solo5_yield waits.
 */
#include "clock-scale.h"
#include "devices.h"

enum { RECEIVE, SEND };
enum { FEATURE_MTU = 1u << 3, FEATURE_MAC = 1u << 5 };
enum { CONFIG_MAC = 0, CONFIG_MTU = 10 };

/* Where the frame is in a buffer; the header, of 10 or 12 bytes, ends there. */
#define FRAME 16u
/* So many receive buffers are given back at once. */
#define BATCH 16u

#define DEFAULT_MTU 1500u
#define LARGEST_MTU 9000u

/* How long a full queue is waited for before a frame is dropped, in nanoseconds. */
#define PATIENCE 10000000u

/* The longest wait when interrupts of a device may be lost, and when they do not work at all. */
#define LONGEST_WAIT 100000000u
#define POLL_INTERVAL 1000000u

/* Those that the program has acquired, by handle, and one more than the highest of these: looked up for every frame. */
static struct net *nets[MANIFEST_MAX];
static unsigned end;

static struct net *net_of(solo5_handle_t handle) { return handle < MANIFEST_MAX ? nets[handle] : NULL; }

bool layer_net_open(struct net *net, volatile uint32_t *registers, uint32_t interrupt) {
    struct virtio *virtio = &net->virtio;
    if (!layer_virtio_open(virtio, registers, FEATURE_MTU | FEATURE_MAC, 2)) return false;
    if (!(virtio->features & FEATURE_MAC)) return false;
    uint64_t mtu = virtio->features & FEATURE_MTU ? layer_virtio_config(virtio, CONFIG_MTU, 2) : DEFAULT_MTU;
    if (mtu < 68 || mtu > LARGEST_MTU) return false;
    net->largest = mtu + SOLO5_NET_HLEN;
    net->header_size = virtio->modern ? 12 : 10;
    net->stride = align_up(FRAME + net->largest, 64);
    net->receive = (uint8_t *)layer_take_memory(VIRTIO_QUEUE * net->stride) + FRAME;
    net->send = (uint8_t *)layer_take_memory(VIRTIO_QUEUE * net->stride) + FRAME;
    for (uint16_t i = 0; i < VIRTIO_QUEUE; i++) {
        size_t at = i * net->stride - net->header_size;
        uint32_t size = (uint32_t)(net->header_size + net->largest);
        layer_virtio_describe(&virtio->queues[RECEIVE], i, net->receive + at, size, VIRTQ_WRITE, 0);
        layer_virtio_describe(&virtio->queues[SEND], i, net->send + at, size, 0, 0);
        layer_virtio_offer(&virtio->queues[RECEIVE], i);
    }
    net->interrupts = layer_interrupt_enable(interrupt);
    layer_virtio_start(virtio);
    layer_virtio_publish(virtio, RECEIVE);
    return true;
}

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info) {
    if (handle == NULL || info == NULL) return SOLO5_R_EINVAL;
    uint64_t found = layer_acquire(name, MANIFEST_NET);
    if (found == 0) return SOLO5_R_EINVAL;
    struct net *net = layer_net(found);
    for (size_t i = 0; i < SOLO5_NET_ALEN; i++)
        info->mac_address[i] = layer_virtio_config8(&net->virtio, CONFIG_MAC + i);
    info->mtu = net->largest - SOLO5_NET_HLEN;
    nets[found] = net;
    if (found >= end) end = (unsigned)found + 1;
    *handle = found;
    return SOLO5_R_OK;
}

/* Takes back the buffers that were sent. */
static void reclaim(struct net *net) {
    size_t head, size;
    while (layer_virtio_take(&net->virtio.queues[SEND], &head, &size)) {
        if (head < VIRTIO_QUEUE) net->busy &= ~(1ull << head);
    }
}

/*
 * Buffers are sent from in turn, and what came back is looked at only when the next one is not known to have: once for
 * a whole queue of frames.
 */
static bool next_is_busy(const struct net *net) { return net->busy >> net->next & 1; }

/* Waits until the next buffer has come back; false when the device gives nothing back. */
static bool wait_for_next(struct net *net) {
    do {
        reclaim(net);
        if (!next_is_busy(net)) return true;
    } while (layer_virtio_await(&net->virtio.queues[SEND], PATIENCE));
    return false;
}

/* Apart, so that a write saves hardly any registers. */
static __attribute__((noinline)) solo5_result_t write_later(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    /* Else dropped, as a busy host may. */
    return wait_for_next(nets[handle]) ? solo5_net_write(handle, buf, size) : SOLO5_R_OK;
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    struct net *net = net_of(handle);
    if (net == NULL || buf == NULL || size < SOLO5_NET_HLEN || size > net->largest) return SOLO5_R_EINVAL;
    if (next_is_busy(net)) return write_later(handle, buf, size);
    size_t i = net->next;
    struct virtq *queue = &net->virtio.queues[SEND];
    net->busy |= 1ull << i;
    net->next = (i + 1) % VIRTIO_QUEUE;
    queue->memory->descriptors[i].size = (uint32_t)(net->header_size + size);
    arch_copy(net->send + i * net->stride, buf, size);
    layer_virtio_offer(queue, (uint16_t)i);
    layer_virtio_publish_fast(&net->virtio, SEND);
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size) {
    struct net *net = net_of(handle);
    if (net == NULL || buf == NULL || read_size == NULL || size < net->largest) return SOLO5_R_EINVAL;
    struct virtq *queue = &net->virtio.queues[RECEIVE];
    size_t head, used;
    if (!layer_virtio_take(queue, &head, &used)) return SOLO5_R_AGAIN;
    if (head >= VIRTIO_QUEUE) return SOLO5_R_AGAIN; /* never offered */
    used -= net->header_size;
    bool sound = used >= SOLO5_NET_HLEN && used <= net->largest;
    if (sound) {
        *read_size = used;
        arch_copy(buf, net->receive + head * net->stride, used);
    }
    layer_virtio_offer(queue, (uint16_t)head);
    /* The device has enough of the others: it is told of some at a time. */
    if (queue->offered % BATCH == 0) layer_virtio_publish(&net->virtio, RECEIVE);
    return sound ? SOLO5_R_OK : SOLO5_R_AGAIN;
}

/* Bit h: network device h was acquired and has a frame. */
static solo5_handle_set_t ready_devices(void) {
    solo5_handle_set_t ready = 0;
    for (size_t h = 1; h < end; h++) {
        struct net *net = nets[h];
        if (net != NULL && layer_virtio_has_used(&net->virtio.queues[RECEIVE])) ready |= 1ull << h;
    }
    return ready;
}

/* Lets the devices interrupt, or not; returns the longest wait that makes sense. */
static uint64_t allow_interrupts(bool allow) {
    uint64_t longest = UINT64_MAX;
    for (size_t h = 1; h < end; h++) {
        struct net *net = nets[h];
        if (net == NULL) continue;
        layer_virtio_allow_interrupts(&net->virtio.queues[RECEIVE], allow);
        if (!allow) layer_virtio_acknowledge(&net->virtio);
        uint64_t wait = net->interrupts ? LONGEST_WAIT : POLL_INTERVAL;
        if (wait < longest) longest = wait;
    }
    if (!allow) layer_interrupts_accept();
    return longest;
}

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set) {
    solo5_handle_set_t ready;
    for (;;) {
        ready = ready_devices();
        if (ready != 0) break;
        uint64_t ticks = arch_ticks();
        solo5_time_t now = layer_nanoseconds(ticks);
        if (now >= deadline) break;
        uint64_t longest = allow_interrupts(true);
        /* A frame that came before interrupts were allowed announces itself in no other way. */
        if (ready_devices() == 0) layer_wait(ticks, deadline - now < longest ? deadline - now : longest);
        allow_interrupts(false);
    }
    if (ready_set != NULL) *ready_set = ready;
}
