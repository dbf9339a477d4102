/*
 * What the layers of this small network stack share: the interface, its neighbours, and the way a packet goes out.
 *
 *   main.c      waiting, timers, options
 *   arp.c       Ethernet addresses of neighbours; frames that wait for one
 *   ip.c        IPv4 in and out
 *   datagram.c  ICMP echo and UDP echo
 *   tcp_*.c     TCP echo
 *
 * IPv4 addresses and ports are numbers in host order everywhere but in a frame.
 */
#ifndef NET_H
#define NET_H

#include <solo5.h>

#include "wire.h"

#define SECOND 1000000000ull
#define MILLISECOND 1000000ull

#define ETHERNET_HEADER 14u
#define IP_HEADER 20u /* as we send it: no options */
#define MTU_MIN 576u
#define MTU_MAX 9000u /* of what we send */
#define FRAME_MAX (ETHERNET_HEADER + MTU_MAX)

enum { ETHERTYPE_IP = 0x0800, ETHERTYPE_ARP = 0x0806 };
enum { PROTOCOL_ICMP = 1, PROTOCOL_TCP = 6, PROTOCOL_UDP = 17 };

#define NEIGHBOURS 16

struct neighbour {
    enum { NEIGHBOUR_FREE, NEIGHBOUR_ASKED, NEIGHBOUR_KNOWN } state;
    uint32_t address;
    uint8_t mac[SOLO5_NET_ALEN];
    solo5_time_t since; /* ASKED: the last question; KNOWN: when it was learnt */
    solo5_time_t used;
    unsigned questions;
    size_t waiting_size; /* of the frame that waits for the address; 0: none */
    uint8_t waiting[FRAME_MAX];
};

struct net {
    solo5_handle_t device;
    uint8_t mac[SOLO5_NET_ALEN];
    size_t mtu; /* of what we send */
    uint32_t address, mask, gateway;
    uint16_t port; /* of the echo services */
    solo5_time_t now;
    uint16_t next_id;
    struct neighbour neighbours[NEIGHBOURS];
    uint8_t out[FRAME_MAX];
    struct {
        uint64_t pings, datagrams, connections, bytes;
    } counted;
};

/* A received IPv4 packet whose header and bounds were checked. */
struct packet {
    uint32_t source;
    const uint8_t *payload;
    size_t size;
};

/* True for an address that one host can have: not 0, not multicast, not a broadcast of our network, not ours. */
bool is_other_host(const struct net *net, uint32_t address);

/* ip.c */
void ip_receive(struct net *net, const uint8_t *frame, size_t size);
uint8_t *ip_payload(struct net *net);                      /* where the payload of the next packet goes */
size_t ip_payload_max(const struct net *net);              /* and how much there is room for */
void ip_send(struct net *net, uint32_t to, uint8_t protocol, size_t payload_size);

/* arp.c */
void arp_receive(struct net *net, const uint8_t *frame, size_t size);
void arp_send_to(struct net *net, uint32_t next_hop, size_t frame_size); /* net->out, its Ethernet header yet to fill */
void arp_tick(struct net *net);
solo5_time_t arp_deadline(const struct net *net);

/* datagram.c */
void icmp_receive(struct net *net, const struct packet *packet);
void udp_receive(struct net *net, const struct packet *packet);

/* tcp_input.c, tcp_timer.c */
void tcp_init(struct net *net);
void tcp_receive(struct net *net, const struct packet *packet);
void tcp_tick(struct net *net);
solo5_time_t tcp_deadline(void);

#endif
