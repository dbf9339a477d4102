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

static size_t largest_frame(const struct net *net) { return (size_t)net->mtu + SOLO5_NET_HLEN; }

/* Gives receive buffer `i` to the device. */
static void offer_receive(struct net *net, uint32_t i) { rv_virtio_offer(&net->virtio.queues[RECEIVE], (uint16_t)i); }

bool rv_net_open(struct net *net, volatile uint32_t *registers, uint32_t interrupt) {
    struct virtio *virtio = &net->virtio;
    if (!rv_virtio_open(virtio, registers, FEATURE_MTU | FEATURE_MAC, 2)) return false;
    if (!(virtio->features & FEATURE_MAC)) return false;
    uint64_t mtu = virtio->features & FEATURE_MTU ? rv_virtio_config(virtio, CONFIG_MTU, 2) : DEFAULT_MTU;
    if (mtu < 68 || mtu > LARGEST_MTU) return false;
    net->mtu = (uint16_t)mtu;
    net->header_size = virtio->modern ? 12 : 10;
    net->stride = align_up(FRAME + largest_frame(net), 64);
    net->receive = rv_take_memory(VIRTIO_QUEUE * net->stride);
    net->send = rv_take_memory(VIRTIO_QUEUE * net->stride);
    net->free = UINT64_MAX;
    for (uint16_t i = 0; i < VIRTIO_QUEUE; i++) {
        size_t at = i * net->stride + FRAME - net->header_size;
        uint32_t size = (uint32_t)(net->header_size + largest_frame(net));
        rv_virtio_describe(&virtio->queues[RECEIVE], i, net->receive + at, size, VIRTQ_WRITE, 0);
        rv_virtio_describe(&virtio->queues[SEND], i, net->send + at, size, 0, 0);
        offer_receive(net, i);
    }
    net->interrupts = rv_interrupt_enable(interrupt);
    rv_virtio_start(virtio);
    rv_virtio_notify(virtio, RECEIVE);
    return true;
}

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info) {
    if (handle == NULL || info == NULL) return SOLO5_R_EINVAL;
    uint64_t found = rv_acquire(name, MANIFEST_NET);
    if (found == 0) return SOLO5_R_EINVAL;
    struct net *net = rv_net(found);
    for (unsigned i = 0; i < SOLO5_NET_ALEN; i++)
        info->mac_address[i] = rv_virtio_config8(&net->virtio, CONFIG_MAC + i);
    info->mtu = net->mtu;
    nets[found] = net;
    if (found >= end) end = (unsigned)found + 1;
    *handle = found;
    return SOLO5_R_OK;
}

/* Takes back the buffers that were sent. */
static void reclaim(struct net *net) {
    uint32_t head, size;
    while (rv_virtio_take(&net->virtio.queues[SEND], &head, &size)) {
        if (head < VIRTIO_QUEUE) net->free |= 1ull << head;
    }
}

/* A send buffer, or VIRTIO_QUEUE when the device keeps them all. */
static uint16_t free_buffer(struct net *net) {
    reclaim(net);
    solo5_time_t limit = net->free == 0 ? solo5_clock_monotonic() + PATIENCE : 0;
    while (net->free == 0 && solo5_clock_monotonic() < limit) reclaim(net);
    return net->free == 0 ? VIRTIO_QUEUE : (uint16_t)__builtin_ctzll(net->free);
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    struct net *net = net_of(handle);
    if (net == NULL || buf == NULL || size < SOLO5_NET_HLEN || size > largest_frame(net)) return SOLO5_R_EINVAL;
    uint16_t i = free_buffer(net);
    if (i == VIRTIO_QUEUE) return SOLO5_R_OK; /* dropped, as a busy host may */
    struct virtq *queue = &net->virtio.queues[SEND];
    memcpy(net->send + i * net->stride + FRAME, buf, size);
    queue->memory->descriptors[i].size = (uint32_t)(net->header_size + size);
    net->free &= ~(1ull << i);
    rv_virtio_offer(queue, i);
    rv_virtio_notify(&net->virtio, SEND);
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size) {
    struct net *net = net_of(handle);
    if (net == NULL || buf == NULL || read_size == NULL || size < largest_frame(net)) return SOLO5_R_EINVAL;
    uint32_t head, used;
    while (rv_virtio_take(&net->virtio.queues[RECEIVE], &head, &used)) {
        if (head >= VIRTIO_QUEUE) continue; /* never offered */
        bool sound = used >= net->header_size + SOLO5_NET_HLEN && used <= net->header_size + largest_frame(net);
        if (sound) {
            *read_size = used - net->header_size;
            memcpy(buf, net->receive + head * net->stride + FRAME, *read_size);
        }
        offer_receive(net, head);
        rv_virtio_notify(&net->virtio, RECEIVE);
        if (sound) return SOLO5_R_OK;
    }
    return SOLO5_R_AGAIN;
}

/* Bit h: network device h was acquired and has a frame. */
static solo5_handle_set_t ready_devices(void) {
    solo5_handle_set_t ready = 0;
    for (unsigned h = 1; h < end; h++) {
        struct net *net = nets[h];
        if (net != NULL && rv_virtio_has_used(&net->virtio.queues[RECEIVE])) ready |= 1ull << h;
    }
    return ready;
}

/* Lets the devices interrupt, or not; returns the longest wait that makes sense. */
static uint64_t allow_interrupts(bool allow) {
    uint64_t longest = UINT64_MAX;
    for (unsigned h = 1; h < end; h++) {
        struct net *net = nets[h];
        if (net == NULL) continue;
        rv_virtio_allow_interrupts(&net->virtio.queues[RECEIVE], allow);
        if (!allow) rv_virtio_acknowledge(&net->virtio);
        uint64_t wait = net->interrupts ? LONGEST_WAIT : POLL_INTERVAL;
        if (wait < longest) longest = wait;
    }
    if (!allow) rv_interrupts_accept();
    return longest;
}

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set) {
    solo5_handle_set_t ready;
    for (;;) {
        ready = ready_devices();
        if (ready != 0) break;
        solo5_time_t now = solo5_clock_monotonic();
        if (now >= deadline) break;
        uint64_t longest = allow_interrupts(true);
        /* A frame that came before interrupts were allowed announces itself in no other way. */
        if (ready_devices() == 0) rv_wait(deadline - now < longest ? deadline - now : longest);
        allow_interrupts(false);
    }
    if (ready_set != NULL) *ready_set = ready;
}
