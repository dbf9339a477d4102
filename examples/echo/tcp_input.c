/*
 * What a segment does to a connection: RFC 9293, 3.10.7, for a server that never opens and closes only after its peer.
 *
 * Only data in order is taken; a segment beyond a hole is dropped and answered with what we still wait for, so the peer
 * sends it again. Resets and SYNs inside the window are met with a challenge (RFC 5961): a stranger would have to guess
 * the exact number.
 */
#include "tcp.h"

static bool parse(const struct net *net, const struct packet *packet, struct segment *segment) {
    const uint8_t *tcp = packet->payload;
    if (packet->size < TCP_HEADER) return false;
    size_t header = (size_t)(tcp[12] >> 4) * 4;
    if (header < TCP_HEADER || header > packet->size) return false;
    uint32_t sum = checksum_pseudo(packet->source, net->address, PROTOCOL_TCP, packet->size);
    if (checksum_end(checksum_add(sum, tcp, packet->size)) != 0) return false;
    *segment = (struct segment){
        .source = packet->source,
        .source_port = get16(tcp),
        .destination_port = get16(tcp + 2),
        .seq = get32(tcp + 4),
        .ack = get32(tcp + 8),
        .flags = tcp[13] & (FIN | SYN | RST | PSH | ACK),
        .window = get16(tcp + 14),
        .options = tcp + TCP_HEADER,
        .options_size = header - TCP_HEADER,
        .data = tcp + header,
        .size = packet->size - header,
    };
    return segment->source_port != 0;
}

/* Data bytes per segment that we may send: the peer's option (536 without), within our own limits. */
static size_t segment_size(const struct net *net, const struct segment *segment) {
    size_t mss = 536, own = net->mtu - IP_HEADER - TCP_HEADER;
    for (size_t i = 0; i < segment->options_size;) {
        uint8_t kind = segment->options[i];
        if (kind == 0) break; /* end of options */
        if (kind == 1) {      /* padding */
            i++;
            continue;
        }
        if (segment->options_size - i < 2) break;
        size_t size = segment->options[i + 1];
        if (size < 2 || size > segment->options_size - i) break;
        if (kind == 2 && size == 4) mss = get16(segment->options + i + 2);
        i += size;
    }
    if (mss < 64) mss = 64; /* a tiny one would make us send a flood */
    return mss < own ? mss : own;
}

static void accept(struct net *net, const struct segment *segment) {
    struct connection *connection = tcp_take(net);
    if (connection == NULL) return; /* the peer will try again */
    uint32_t first = tcp_first_sequence(net, segment->source, segment->source_port);
    size_t mss = segment_size(net, segment);
    /* Field by field: the ring's 16 KiB need no clearing. */
    connection->state = SYN_RECEIVED;
    connection->peer = segment->source;
    connection->peer_port = segment->source_port;
    connection->send_una = first;
    connection->send_next = connection->send_max = first + 1;
    connection->send_window = segment->window;
    connection->window_seq = segment->seq;
    connection->window_ack = 0;
    connection->receive_next = connection->receive_edge = segment->seq + 1;
    connection->mss = mss;
    connection->fin_received = false;
    connection->congestion_window = mss > 1095 ? 3 * mss : 4 * mss; /* RFC 5681, 3.1 */
    connection->threshold = BUFFER_SIZE;
    connection->duplicates = 0;
    connection->rto = RTO_FIRST;
    connection->rtt = connection->rtt_variance = 0;
    connection->retries = 0;
    connection->timing = true;
    connection->timed_seq = first;
    connection->timed_at = net->now;
    connection->last_heard = net->now;
    connection->start = connection->used = 0;
    tcp_arm(net, connection);
    tcp_send_syn_ack(net, connection);
}

/* RFC 9293, 3.10.7.4, first check: some of the segment lies in the window. */
static bool is_acceptable(const struct connection *connection, const struct segment *segment) {
    uint32_t length = (uint32_t)segment->size + ((segment->flags & SYN) != 0) + ((segment->flags & FIN) != 0);
    uint32_t window = connection->receive_edge - connection->receive_next;
    uint32_t from = segment->seq - connection->receive_next; /* distances from receive_next; wrap when before it */
    uint32_t last = from + length - 1;
    if (length == 0) return from == 0 || from < window;
    return from < window || last < window;
}

static void update_window(struct connection *connection, const struct segment *segment) {
    if (seq_before(segment->seq, connection->window_seq) ||
        (segment->seq == connection->window_seq && seq_before(segment->ack, connection->window_ack)))
        return;
    connection->send_window = segment->window;
    connection->window_seq = segment->seq;
    connection->window_ack = segment->ack;
}

static void grow_congestion_window(struct connection *connection, uint32_t acknowledged) {
    size_t by = connection->congestion_window < connection->threshold
                    ? (acknowledged < connection->mss ? acknowledged : connection->mss)
                    : connection->mss * connection->mss / connection->congestion_window + 1;
    connection->congestion_window += by;
    if (connection->congestion_window > BUFFER_SIZE) connection->congestion_window = BUFFER_SIZE;
}

/* A third duplicate acknowledgement says that one segment was lost and later ones arrived: RFC 5681, 3.2. */
static void count_duplicate(struct net *net, struct connection *connection) {
    if (++connection->duplicates != 3) return;
    size_t half = in_flight(connection) / 2;
    connection->threshold = half > 2 * connection->mss ? half : 2 * connection->mss;
    connection->congestion_window = connection->threshold;
    tcp_retransmit_first(net, connection);
}

/* The peer repeats what it waits for: because a segment was lost, or because its window changed or is still closed. */
static void acknowledge_nothing_new(struct net *net, struct connection *connection, const struct segment *segment) {
    bool bare = segment->size == 0 && (segment->flags & FIN) == 0;
    bool was_closed = connection->send_window == 0;
    if (bare && !was_closed && segment->window == connection->send_window && in_flight(connection) > 0) {
        count_duplicate(net, connection);
        return;
    }
    update_window(connection, segment);
    if (!was_closed) return;
    connection->retries = 0; /* it answers our probes: it is alive */
    if (connection->send_window == 0) return;
    connection->send_next = connection->send_una; /* the probe's byte was not taken */
    connection->timer = 0;
    connection->rto = RTO_FIRST;
}

/*
 * Takes the acknowledgement and window of a segment to an open connection. False when the connection ended or the
 * segment deserves no more attention.
 */
static bool acknowledge(struct net *net, struct connection *connection, const struct segment *segment) {
    if (seq_before(connection->send_max, segment->ack)) {
        tcp_send_ack(net, connection); /* for what we never sent */
        return false;
    }
    uint32_t count = segment->ack - connection->send_una;
    if (!seq_before(connection->send_una, segment->ack)) {
        /* Old acknowledgements say nothing, but data that comes with them may be new. */
        if (count == 0) acknowledge_nothing_new(net, connection, segment);
        return true;
    }
    if (connection->timing && seq_before(connection->timed_seq, segment->ack)) {
        connection->timing = false;
        tcp_measure(connection, net->now - connection->timed_at);
    }
    bool fin_acknowledged = count > connection->used;
    size_t bytes = fin_acknowledged ? connection->used : count;
    connection->start = (connection->start + bytes) % BUFFER_SIZE;
    connection->used -= bytes;
    connection->send_una = segment->ack;
    if (seq_before(connection->send_next, connection->send_una)) connection->send_next = connection->send_una;
    connection->duplicates = 0;
    connection->retries = 0;
    net->counted.bytes += bytes;
    grow_congestion_window(connection, count);
    update_window(connection, segment);
    connection->timer = 0;
    if (connection->send_una != connection->send_max) tcp_arm(net, connection);
    if (!fin_acknowledged) return true;
    net->counted.connections++;
    tcp_close(net, connection);
    return false;
}

/* Takes data in order. True when the peer is to be told where we stand. */
static bool take_data(struct connection *connection, const struct segment *segment) {
    size_t size = segment->size;
    bool fin = (segment->flags & FIN) != 0;
    if ((size == 0 && !fin) || connection->fin_received) return size > 0 || fin;
    uint32_t old = connection->receive_next - segment->seq;
    if (seq_before(connection->receive_next, segment->seq) || old > size) return true; /* a hole, or all of it old */
    size_t fresh = size - old, window = connection->receive_edge - connection->receive_next;
    size_t room = BUFFER_SIZE - connection->used;
    size_t take = fresh < window ? fresh : window;
    if (take > room) take = room;
    const uint8_t *from = segment->data + old;
    size_t at = (connection->start + connection->used) % BUFFER_SIZE;
    size_t first = take < BUFFER_SIZE - at ? take : BUFFER_SIZE - at;
    memcpy(connection->buffer + at, from, first);
    memcpy(connection->buffer, from + first, take - first);
    connection->used += take;
    connection->receive_next += (uint32_t)take;
    if (fin && take == fresh) {
        connection->fin_received = true;
        connection->receive_next++;
        if (seq_before(connection->receive_edge, connection->receive_next))
            connection->receive_edge = connection->receive_next;
    }
    return true;
}

static void to_connection(struct net *net, struct connection *connection, const struct segment *segment) {
    if (connection->state == SYN_RECEIVED && (segment->flags & (SYN | ACK | RST)) == SYN &&
        segment->seq + 1 == connection->receive_next) {
        tcp_send_syn_ack(net, connection); /* our answer got lost */
        return;
    }
    if (!is_acceptable(connection, segment)) {
        if ((segment->flags & RST) == 0) tcp_send_ack(net, connection);
        return;
    }
    if ((segment->flags & RST) != 0) {
        if (segment->seq == connection->receive_next) tcp_close(net, connection);
        else tcp_send_ack(net, connection);
        return;
    }
    if ((segment->flags & SYN) != 0) {
        tcp_send_ack(net, connection);
        return;
    }
    if ((segment->flags & ACK) == 0) return;
    if (connection->state == SYN_RECEIVED) {
        if (segment->ack != connection->send_next) {
            tcp_send_reset(net, segment);
            return;
        }
        connection->state = OPEN;
        connection->send_una = segment->ack;
        connection->timer = 0;
        connection->retries = 0;
        if (connection->timing) tcp_measure(connection, net->now - connection->timed_at);
        connection->timing = false;
        connection->send_window = segment->window;
        connection->window_seq = segment->seq;
        connection->window_ack = segment->ack;
    } else if (!acknowledge(net, connection, segment)) {
        return;
    }
    connection->last_heard = net->now;
    bool tell = take_data(connection, segment);
    uint32_t edge = connection->receive_edge;
    if (tcp_output(net, connection, false)) return;
    /* Without data to carry it: an acknowledgement that is due, or a window that has opened. */
    if (tell || connection->receive_next + tcp_window(connection) != edge) tcp_send_ack(net, connection);
}

void tcp_receive(struct net *net, const struct packet *packet) {
    struct segment segment;
    if (!parse(net, packet, &segment)) return;
    if (segment.destination_port != net->port) {
        tcp_send_reset(net, &segment);
        return;
    }
    struct connection *connection = tcp_find(segment.source, segment.source_port);
    if (connection != NULL) {
        to_connection(net, connection, &segment);
        return;
    }
    if ((segment.flags & (SYN | ACK | RST | FIN)) == SYN) accept(net, &segment);
    else if ((segment.flags & ACK) != 0) tcp_send_reset(net, &segment);
}
