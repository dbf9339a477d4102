/*
 * A TCP connection of the echo server (RFC 9293), and what the three parts of TCP call of one another.
 *
 *   tcp_input.c   what a segment does to a connection
 *   tcp_output.c  which segments a connection sends
 *   tcp_timer.c   the table of connections, their timers and the choice of sequence numbers
 *
 * An echo server sends what it received, so one ring buffer holds both: bytes enter when they arrive in order, are sent,
 * and leave when the peer has acknowledged them. The room left is the window that the peer sees. Sequence numbers of
 * the send side, oldest first:
 *
 *   send_una  ... send_next ... send_una + used (+ 1 for our FIN)
 *   |  in flight  |   waiting   |
 */
#ifndef TCP_H
#define TCP_H

#include "net.h"

#define TCP_HEADER 20u
#define CONNECTIONS 32
#define BUFFER_SIZE 16384u /* at most 65535: we do not scale windows */

#define RTO_FIRST SECOND
#define RTO_MIN (200 * MILLISECOND)
#define RTO_MAX (60 * SECOND)
#define RETRIES_MAX 8u       /* then the connection is given up */
#define SYN_RETRIES_MAX 4u   /* of an answer to a SYN */
#define IDLE_MAX (600 * SECOND)
#define EVICT_AFTER (60 * SECOND) /* an idle connection may be dropped for a new one */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

struct connection {
    enum { CLOSED, SYN_RECEIVED, OPEN } state;
    uint32_t peer;
    uint16_t peer_port;

    uint32_t send_una;    /* oldest number that the peer has not acknowledged */
    uint32_t send_next;   /* number of the next byte to send */
    uint32_t send_max;    /* highest send_next so far; send_next steps back for retransmission */
    uint32_t send_window; /* as the peer last said */
    uint32_t window_seq, window_ack; /* the segment that said so (RFC 9293 SND.WL1, SND.WL2) */
    uint32_t receive_next;
    uint32_t receive_edge; /* receive_next + window, as last told to the peer */
    size_t mss;            /* bytes of data per segment that we may send */
    bool fin_received;     /* the peer sends no more */

    /* Congestion control: RFC 5681. */
    size_t congestion_window, threshold;
    unsigned duplicates;

    /* Retransmission: RFC 6298. `timer` is 0 when nothing is in flight. */
    solo5_time_t timer, rto, rtt, rtt_variance;
    unsigned retries;
    bool timing; /* one byte at a time is timed ... */
    uint32_t timed_seq;
    solo5_time_t timed_at;

    solo5_time_t last_heard;
    size_t start, used; /* ring: the byte numbered send_una, and how many there are */
    uint8_t buffer[BUFFER_SIZE];
};

/* A received segment: header and bounds checked, checksum right. */
struct segment {
    uint32_t source;
    uint16_t source_port, destination_port;
    uint32_t seq, ack, window;
    uint8_t flags;
    const uint8_t *options;
    size_t options_size;
    const uint8_t *data;
    size_t size;
};

/* Differences of sequence numbers wrap: a is before b when b is less than 2^31 ahead. */
static inline bool seq_before(uint32_t a, uint32_t b) { return (int32_t)(a - b) < 0; }
static inline uint32_t in_flight(const struct connection *c) { return c->send_next - c->send_una; }

/* tcp_output.c */
bool tcp_output(struct net *net, struct connection *connection, bool probe); /* true when something was sent */
void tcp_send_ack(struct net *net, struct connection *connection);
void tcp_send_syn_ack(struct net *net, struct connection *connection);
void tcp_retransmit_first(struct net *net, struct connection *connection);
void tcp_send_reset(struct net *net, const struct segment *segment); /* to a segment that belongs nowhere */
void tcp_reset(struct net *net, struct connection *connection);      /* tells the peer and forgets the connection */
uint32_t tcp_window(const struct connection *connection);

/* tcp_timer.c */
struct connection *tcp_find(uint32_t peer, uint16_t peer_port);
struct connection *tcp_take(struct net *net); /* a closed one, or NULL */
void tcp_close(struct net *net, struct connection *connection);
uint32_t tcp_first_sequence(const struct net *net, uint32_t peer, uint16_t peer_port);
void tcp_arm(const struct net *net, struct connection *connection);
void tcp_measure(struct connection *connection, solo5_time_t rtt);

#endif
