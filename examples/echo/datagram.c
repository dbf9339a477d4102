/*
 * The two services without connections: ICMP echo (RFC 792) and UDP echo (RFC 862).
 */
#include "net.h"

#define ICMP_HEADER 8u
#define UDP_HEADER 8u

enum { ECHO_REPLY = 0, ECHO_REQUEST = 8 };

void icmp_receive(struct net *net, const struct packet *packet) {
    const uint8_t *request = packet->payload;
    if (packet->size < ICMP_HEADER || packet->size > ip_payload_max(net)) return;
    if (request[0] != ECHO_REQUEST || request[1] != 0) return;
    if (checksum_end(checksum_add(0, request, packet->size)) != 0) return;
    uint8_t *reply = ip_payload(net);
    memcpy(reply, request, packet->size);
    reply[0] = ECHO_REPLY;
    put16(reply + 2, 0);
    put16(reply + 2, checksum_end(checksum_add(0, reply, packet->size)));
    net->counted.pings++;
    ip_send(net, packet->source, PROTOCOL_ICMP, packet->size);
}

/*
 * Services that answer whatever they get (echo, daytime, quote, chargen, time): two of them would talk to each other
 * for ever, started by one forged packet.
 */
static bool answers_anything(const struct net *net, uint16_t port) {
    return port == 0 || port == net->port || port == 7 || port == 13 || port == 17 || port == 19 || port == 37;
}

void udp_receive(struct net *net, const struct packet *packet) {
    const uint8_t *udp = packet->payload;
    if (packet->size < UDP_HEADER) return;
    uint16_t source = get16(udp), size = get16(udp + 4);
    if (size < UDP_HEADER || size > packet->size || size > ip_payload_max(net)) return;
    if (get16(udp + 2) != net->port || answers_anything(net, source)) return;
    /* 0 means that the sender made no checksum. */
    uint32_t pseudo = checksum_pseudo(packet->source, net->address, PROTOCOL_UDP, size);
    if (get16(udp + 6) != 0 && checksum_end(checksum_add(pseudo, udp, size)) != 0) return;
    uint8_t *reply = ip_payload(net);
    memcpy(reply, udp, size);
    put16(reply, net->port);
    put16(reply + 2, source);
    put16(reply + 6, 0);
    uint16_t sum = checksum_end(checksum_add(pseudo, reply, size));
    put16(reply + 6, sum == 0 ? 0xffff : sum);
    net->counted.datagrams++;
    ip_send(net, packet->source, PROTOCOL_UDP, size);
}
