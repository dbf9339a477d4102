/*
 * ARP (RFC 826): who has which Ethernet address.
 *
 * The cache learns from what is asked of us and answers what we asked; it never adds what others tell each other. A
 * frame for an unknown neighbour waits here, one per neighbour (RFC 1122, 2.3.2.2), while we ask up to three times.
 */
#include "net.h"

#define ARP_SIZE 28u
#define QUESTIONS 3u
#define LIFETIME (600 * SECOND)

enum { REQUEST = 1, REPLY = 2 };

static const uint8_t broadcast[SOLO5_NET_ALEN] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void send_arp(struct net *net, uint16_t operation, const uint8_t *to, uint32_t address) {
    uint8_t frame[ETHERNET_HEADER + ARP_SIZE];
    uint8_t *arp = frame + ETHERNET_HEADER;
    memcpy(frame, to, SOLO5_NET_ALEN);
    memcpy(frame + 6, net->mac, SOLO5_NET_ALEN);
    put16(frame + 12, ETHERTYPE_ARP);
    put16(arp, 1); /* Ethernet */
    put16(arp + 2, ETHERTYPE_IP);
    arp[4] = SOLO5_NET_ALEN;
    arp[5] = 4;
    put16(arp + 6, operation);
    memcpy(arp + 8, net->mac, SOLO5_NET_ALEN);
    put32(arp + 14, net->address);
    if (operation == REQUEST) memset(arp + 18, 0, SOLO5_NET_ALEN);
    else memcpy(arp + 18, to, SOLO5_NET_ALEN);
    put32(arp + 24, address);
    (void)solo5_net_write(net->device, frame, sizeof frame);
}

static struct neighbour *find(struct net *net, uint32_t address) {
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct neighbour *neighbour = &net->neighbours[i];
        if (neighbour->state != NEIGHBOUR_FREE && neighbour->address == address) return neighbour;
    }
    return NULL;
}

/* The entry of `address`; when it has none, a free one or the one that was not used for longest. */
static struct neighbour *find_or_take(struct net *net, uint32_t address) {
    struct neighbour *chosen = find(net, address);
    if (chosen != NULL) return chosen;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct neighbour *neighbour = &net->neighbours[i];
        if (chosen == NULL || (neighbour->state == NEIGHBOUR_FREE && chosen->state != NEIGHBOUR_FREE) ||
            ((neighbour->state == NEIGHBOUR_FREE) == (chosen->state == NEIGHBOUR_FREE) &&
             neighbour->used < chosen->used))
            chosen = neighbour;
    }
    chosen->state = NEIGHBOUR_FREE;
    chosen->address = address;
    chosen->waiting_size = 0;
    chosen->used = net->now;
    return chosen;
}

static void transmit(struct net *net, uint8_t *frame, size_t size, const uint8_t *mac) {
    memcpy(frame, mac, SOLO5_NET_ALEN);
    memcpy(frame + 6, net->mac, SOLO5_NET_ALEN);
    put16(frame + 12, ETHERTYPE_IP);
    (void)solo5_net_write(net->device, frame, size);
}

static void learn(struct net *net, struct neighbour *neighbour, const uint8_t *mac) {
    neighbour->state = NEIGHBOUR_KNOWN;
    neighbour->since = net->now;
    memcpy(neighbour->mac, mac, SOLO5_NET_ALEN);
    size_t size = neighbour->waiting_size;
    neighbour->waiting_size = 0;
    if (size > 0) transmit(net, neighbour->waiting, size, neighbour->mac);
}

void arp_receive(struct net *net, const uint8_t *frame, size_t size) {
    const uint8_t *arp = frame + ETHERNET_HEADER;
    if (size < ETHERNET_HEADER + ARP_SIZE) return;
    if (get16(arp) != 1 || get16(arp + 2) != ETHERTYPE_IP || arp[4] != SOLO5_NET_ALEN || arp[5] != 4) return;
    uint16_t operation = get16(arp + 6);
    const uint8_t *mac = arp + 8;
    uint32_t sender = get32(arp + 14), target = get32(arp + 24);
    if ((operation != REQUEST && operation != REPLY) || (mac[0] & 1) != 0 || target != net->address) return;
    if (!is_other_host(net, sender) || (sender & net->mask) != (net->address & net->mask)) return;
    struct neighbour *neighbour = operation == REQUEST ? find_or_take(net, sender) : find(net, sender);
    if (neighbour != NULL) learn(net, neighbour, mac);
    if (operation == REQUEST) send_arp(net, REPLY, mac, sender);
}

void arp_send_to(struct net *net, uint32_t next_hop, size_t frame_size) {
    struct neighbour *neighbour = find_or_take(net, next_hop);
    neighbour->used = net->now;
    if (neighbour->state == NEIGHBOUR_KNOWN) {
        transmit(net, net->out, frame_size, neighbour->mac);
        return;
    }
    memcpy(neighbour->waiting, net->out, frame_size);
    neighbour->waiting_size = frame_size;
    if (neighbour->state == NEIGHBOUR_ASKED) return;
    neighbour->state = NEIGHBOUR_ASKED;
    neighbour->since = net->now;
    neighbour->questions = 1;
    send_arp(net, REQUEST, broadcast, next_hop);
}

static solo5_time_t deadline_of(const struct neighbour *neighbour) {
    switch (neighbour->state) {
    case NEIGHBOUR_ASKED: return neighbour->since + SECOND;
    case NEIGHBOUR_KNOWN: return neighbour->since + LIFETIME;
    default: return UINT64_MAX;
    }
}

void arp_tick(struct net *net) {
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        struct neighbour *neighbour = &net->neighbours[i];
        if (deadline_of(neighbour) > net->now) continue;
        if (neighbour->state == NEIGHBOUR_KNOWN || neighbour->questions == QUESTIONS) {
            neighbour->state = NEIGHBOUR_FREE;
            neighbour->waiting_size = 0;
            continue;
        }
        neighbour->questions++;
        neighbour->since = net->now;
        send_arp(net, REQUEST, broadcast, neighbour->address);
    }
}

solo5_time_t arp_deadline(const struct net *net) {
    solo5_time_t first = UINT64_MAX;
    for (unsigned i = 0; i < NEIGHBOURS; i++) {
        solo5_time_t deadline = deadline_of(&net->neighbours[i]);
        if (deadline < first) first = deadline;
    }
    return first;
}
