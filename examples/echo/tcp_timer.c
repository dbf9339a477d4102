/*
 * The table of connections, their timers, and the choice of first sequence numbers.
 */
#include "siphash.h"
#include "tcp.h"

static struct connection connections[CONNECTIONS];
static uint64_t secret[2];

/*
 * The key of the sequence numbers. Solo5's interface has no source of randomness: clocks and the device's address are
 * all there is, so an attacker who knows the moment of the start to the nanosecond could guess it.
 */
void tcp_init(struct net *net) {
    uint64_t seed[2] = {solo5_clock_wall(), solo5_clock_monotonic()};
    secret[0] = siphash(seed, net->mac, sizeof net->mac);
    seed[1] ^= solo5_clock_monotonic() << 32;
    secret[1] = siphash(seed, net->mac, sizeof net->mac);
    net->next_id = (uint16_t)siphash(secret, net->mac, sizeof net->mac);
}

/* RFC 6528: a clock of about 4 microseconds plus a keyed hash of the connection's names. */
uint32_t tcp_first_sequence(const struct net *net, uint32_t peer, uint16_t peer_port) {
    uint8_t names[12];
    put32(names, peer);
    put32(names + 4, net->address);
    put16(names + 8, peer_port);
    put16(names + 10, net->port);
    return (uint32_t)(net->now >> 12) + (uint32_t)siphash(secret, names, sizeof names);
}

struct connection *tcp_find(uint32_t peer, uint16_t peer_port) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct connection *connection = &connections[i];
        if (connection->state != CLOSED && connection->peer == peer && connection->peer_port == peer_port)
            return connection;
    }
    return NULL;
}

/* How willingly a connection is given up for a new one: a free one first, then one half open, then an idle one. */
static unsigned dispensable(const struct net *net, const struct connection *connection) {
    if (connection->state == CLOSED) return 3;
    if (connection->state == SYN_RECEIVED) return 2;
    return net->now - connection->last_heard > EVICT_AFTER;
}

struct connection *tcp_take(struct net *net) {
    struct connection *chosen = &connections[0];
    for (unsigned i = 1; i < CONNECTIONS; i++) {
        struct connection *other = &connections[i];
        unsigned mine = dispensable(net, chosen), its = dispensable(net, other);
        if (its > mine || (its == mine && other->last_heard < chosen->last_heard)) chosen = other;
    }
    if (dispensable(net, chosen) == 0) return NULL;
    if (chosen->state == OPEN) tcp_reset(net, chosen);
    chosen->state = CLOSED;
    return chosen;
}

void tcp_close(struct net *net, struct connection *connection) {
    connection->state = CLOSED;
    connection->timer = 0;
    connection->last_heard = net->now;
}

void tcp_arm(const struct net *net, struct connection *connection) { connection->timer = net->now + connection->rto; }

/* RFC 6298, section 2, in units of a nanosecond. */
void tcp_measure(struct connection *connection, solo5_time_t rtt) {
    if (connection->rtt == 0) {
        connection->rtt = rtt;
        connection->rtt_variance = rtt / 2;
    } else {
        solo5_time_t error = rtt > connection->rtt ? rtt - connection->rtt : connection->rtt - rtt;
        connection->rtt_variance = (3 * connection->rtt_variance + error) / 4;
        connection->rtt = (7 * connection->rtt + rtt) / 8;
    }
    solo5_time_t rto = connection->rtt + 4 * connection->rtt_variance;
    connection->rto = rto < RTO_MIN ? RTO_MIN : rto > RTO_MAX ? RTO_MAX : rto;
}

static solo5_time_t deadline_of(const struct connection *connection) {
    if (connection->state == CLOSED) return UINT64_MAX;
    solo5_time_t idle = connection->last_heard + IDLE_MAX;
    return connection->timer != 0 && connection->timer < idle ? connection->timer : idle;
}

/* Nothing came back in time: send again from the oldest byte, more slowly. */
static void time_out(struct net *net, struct connection *connection) {
    unsigned limit = connection->state == SYN_RECEIVED ? SYN_RETRIES_MAX : RETRIES_MAX;
    if (connection->retries++ == limit) {
        if (connection->state == SYN_RECEIVED) tcp_close(net, connection);
        else tcp_reset(net, connection);
        return;
    }
    connection->rto = connection->rto * 2 < RTO_MAX ? connection->rto * 2 : RTO_MAX;
    connection->timing = false;
    connection->timer = 0;
    if (connection->state == SYN_RECEIVED) {
        tcp_arm(net, connection);
        tcp_send_syn_ack(net, connection);
        return;
    }
    size_t half = in_flight(connection) / 2;
    connection->threshold = half > 2 * connection->mss ? half : 2 * connection->mss;
    connection->congestion_window = connection->mss;
    connection->duplicates = 0;
    connection->send_next = connection->send_una;
    tcp_output(net, connection, true);
}

void tcp_tick(struct net *net) {
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        struct connection *connection = &connections[i];
        if (deadline_of(connection) > net->now) continue;
        if (connection->timer != 0 && connection->timer <= net->now) time_out(net, connection);
        else if (connection->state == SYN_RECEIVED) tcp_close(net, connection);
        else tcp_reset(net, connection);
    }
}

solo5_time_t tcp_deadline(void) {
    solo5_time_t first = UINT64_MAX;
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        solo5_time_t deadline = deadline_of(&connections[i]);
        if (deadline < first) first = deadline;
    }
    return first;
}
