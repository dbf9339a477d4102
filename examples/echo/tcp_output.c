/*
 * Which segments a connection sends.
 *
 * Data goes out as soon as both windows, the peer's and the congestion window, allow: an echo must not wait. Every
 * segment carries the current acknowledgement and window. After the last byte, when the peer has closed, comes our FIN.
 */
#include "tcp.h"

uint32_t tcp_window(const struct connection *connection) {
    /* Silly window avoidance (RFC 9293, 3.8.6.2.2): the edge moves by a segment or half the buffer, or not at all. */
    uint32_t told = connection->receive_edge - connection->receive_next;
    uint32_t room = (uint32_t)(BUFFER_SIZE - connection->used);
    uint32_t step = connection->mss < BUFFER_SIZE / 2 ? (uint32_t)connection->mss : BUFFER_SIZE / 2;
    return room >= told + step ? room : told;
}

/* Sends what ip_payload holds behind a TCP header: `options` bytes of options, then `size` bytes of data. */
static void send_segment(struct net *net, uint32_t to, uint16_t port, uint32_t seq, uint32_t ack, uint8_t flags,
                         uint32_t window, size_t options, size_t size) {
    uint8_t *tcp = ip_payload(net);
    size_t total = TCP_HEADER + options + size;
    put16(tcp, net->port);
    put16(tcp + 2, port);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = (uint8_t)((TCP_HEADER + options) / 4 << 4);
    tcp[13] = flags;
    put16(tcp + 14, (uint16_t)window);
    put16(tcp + 16, 0);
    put16(tcp + 18, 0);
    uint32_t sum = checksum_pseudo(net->address, to, PROTOCOL_TCP, total);
    put16(tcp + 16, checksum_end(checksum_add(sum, tcp, total)));
    ip_send(net, to, PROTOCOL_TCP, total);
}

/* Sends with the connection's acknowledgement and window; `size` bytes of data are in place. */
static void send_now(struct net *net, struct connection *connection, uint32_t seq, uint8_t flags, size_t size) {
    uint32_t window = tcp_window(connection);
    connection->receive_edge = connection->receive_next + window;
    send_segment(net, connection->peer, connection->peer_port, seq, connection->receive_next, flags | ACK, window, 0,
                 size);
}

void tcp_send_ack(struct net *net, struct connection *connection) {
    send_now(net, connection, connection->send_next, 0, 0);
}

void tcp_send_syn_ack(struct net *net, struct connection *connection) {
    uint8_t *options = ip_payload(net) + TCP_HEADER;
    options[0] = 2; /* maximum segment size */
    options[1] = 4;
    put16(options + 2, (uint16_t)(net->mtu - IP_HEADER - TCP_HEADER));
    send_segment(net, connection->peer, connection->peer_port, connection->send_una, connection->receive_next,
                 SYN | ACK, BUFFER_SIZE, 4, 0);
    connection->receive_edge = connection->receive_next + BUFFER_SIZE;
}

/* Sends `size` bytes of the ring, the first of them numbered `seq`. */
static void send_data(struct net *net, struct connection *connection, uint32_t seq, size_t size) {
    uint8_t *to = ip_payload(net) + TCP_HEADER;
    size_t from = (connection->start + (seq - connection->send_una)) % BUFFER_SIZE;
    size_t first = size < BUFFER_SIZE - from ? size : BUFFER_SIZE - from;
    memcpy(to, connection->buffer + from, first);
    memcpy(to + first, connection->buffer, size - first);
    send_now(net, connection, seq, PSH, size);
}

/* Moves send_next over what was just sent, and watches over it. */
static void sent(struct net *net, struct connection *connection, size_t size) {
    bool again = seq_before(connection->send_next, connection->send_max);
    if (!again && !connection->timing) {
        connection->timing = true;
        connection->timed_seq = connection->send_next;
        connection->timed_at = net->now;
    }
    connection->send_next += (uint32_t)size;
    if (seq_before(connection->send_max, connection->send_next)) connection->send_max = connection->send_next;
    if (connection->timer == 0) tcp_arm(net, connection);
}

bool tcp_output(struct net *net, struct connection *connection, bool probe) {
    bool any = false;
    for (;;) {
        size_t flying = in_flight(connection);
        if (flying > connection->used) return any; /* our FIN is out: nothing follows it */
        size_t waiting = connection->used - flying;
        size_t window = connection->send_window;
        if (window > connection->congestion_window) window = connection->congestion_window;
        if (probe && window == 0) window = 1;
        if (waiting > 0) {
            size_t size = window > flying ? window - flying : 0;
            if (size > waiting) size = waiting;
            if (size > connection->mss) size = connection->mss;
            if (size == 0) {
                /* A closed window opens with a segment that may get lost: keep asking. */
                if (connection->timer == 0) tcp_arm(net, connection);
                return any;
            }
            send_data(net, connection, connection->send_next, size);
            sent(net, connection, size);
            any = true;
            continue;
        }
        if (!connection->fin_received) return any;
        send_now(net, connection, connection->send_next, FIN, 0);
        sent(net, connection, 1);
        return true;
    }
}

void tcp_retransmit_first(struct net *net, struct connection *connection) {
    size_t size = connection->used < connection->mss ? connection->used : connection->mss;
    if (size > 0) send_data(net, connection, connection->send_una, size);
    else if (in_flight(connection) > 0) send_now(net, connection, connection->send_una, FIN, 0);
    connection->timing = false; /* Karn: what was sent twice is not timed */
}

void tcp_send_reset(struct net *net, const struct segment *segment) {
    if ((segment->flags & RST) != 0) return;
    uint32_t length = (uint32_t)segment->size + ((segment->flags & SYN) != 0) + ((segment->flags & FIN) != 0);
    bool acknowledges = (segment->flags & ACK) != 0;
    uint16_t own = net->port;
    net->port = segment->destination_port; /* the port that was spoken to, which may be none of ours */
    send_segment(net, segment->source, segment->source_port, acknowledges ? segment->ack : 0,
                 acknowledges ? 0 : segment->seq + length, acknowledges ? RST : RST | ACK, 0, 0, 0);
    net->port = own;
}

void tcp_reset(struct net *net, struct connection *connection) {
    send_segment(net, connection->peer, connection->peer_port, connection->send_next, connection->receive_next,
                 RST | ACK, 0, 0, 0);
    tcp_close(net, connection);
}
