/*
 * IPv4 (RFC 791, RFC 1122) for a host with one interface: packets for us go up, our packets go to the next hop.
 *
 * Fragments are dropped: nothing that we serve needs them, and our own packets fit the link. Source addresses that no
 * host can have are dropped as well, so that nobody is answered who cannot have asked.
 */
#include "net.h"

enum { DONT_FRAGMENT = 0x4000, MORE_FRAGMENTS_OR_OFFSET = 0x3fff };

bool is_other_host(const struct net *net, uint32_t address) {
    uint8_t first = (uint8_t)(address >> 24);
    if (first == 0 || first == 127 || first >= 224 || address == net->address) return false;
    bool local = (address & net->mask) == (net->address & net->mask);
    uint32_t host = address & ~net->mask;
    /* Networks of 31 and 32 bits have no broadcast address (RFC 3021). */
    return !local || ~net->mask < 2 || (host != 0 && host != ~net->mask);
}

void ip_receive(struct net *net, const uint8_t *frame, size_t size) {
    const uint8_t *ip = frame + ETHERNET_HEADER;
    size -= ETHERNET_HEADER;
    /* A broadcast frame may not carry a packet for one host (RFC 1122, 3.3.6). */
    if (memcmp(frame, net->mac, SOLO5_NET_ALEN) != 0) return;
    if (size < IP_HEADER || ip[0] >> 4 != 4) return;
    size_t header = (size_t)(ip[0] & 15) * 4, total = get16(ip + 2);
    if (header < IP_HEADER || header > total || total > size) return;
    if (checksum_end(checksum_add(0, ip, header)) != 0) return;
    if ((get16(ip + 6) & MORE_FRAGMENTS_OR_OFFSET) != 0) return;
    struct packet packet = {.source = get32(ip + 12), .payload = ip + header, .size = total - header};
    if (get32(ip + 16) != net->address || !is_other_host(net, packet.source)) return;
    switch (ip[9]) {
    case PROTOCOL_ICMP: icmp_receive(net, &packet); break;
    case PROTOCOL_UDP: udp_receive(net, &packet); break;
    case PROTOCOL_TCP: tcp_receive(net, &packet); break;
    default: break;
    }
}

uint8_t *ip_payload(struct net *net) { return net->out + ETHERNET_HEADER + IP_HEADER; }

size_t ip_payload_max(const struct net *net) { return net->mtu - IP_HEADER; }

void ip_send(struct net *net, uint32_t to, uint8_t protocol, size_t payload_size) {
    uint8_t *ip = net->out + ETHERNET_HEADER;
    size_t total = IP_HEADER + payload_size;
    ip[0] = 4 << 4 | IP_HEADER / 4;
    ip[1] = 0;
    put16(ip + 2, (uint16_t)total);
    put16(ip + 4, net->next_id++);
    put16(ip + 6, DONT_FRAGMENT);
    ip[8] = 64; /* time to live */
    ip[9] = protocol;
    put16(ip + 10, 0);
    put32(ip + 12, net->address);
    put32(ip + 16, to);
    put16(ip + 10, checksum_end(checksum_add(0, ip, IP_HEADER)));
    bool local = (to & net->mask) == (net->address & net->mask);
    if (!local && net->gateway == 0) return;
    arp_send_to(net, local ? to : net->gateway, ETHERNET_HEADER + total);
}
