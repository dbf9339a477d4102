/*
 * echo: TCP and UDP echo servers and answers to pings, on the network device "net0".
 *
 *   echo [--ip=ADDRESS/BITS] [--gateway=ADDRESS] [--port=PORT] [--connections=N] [--seconds=N]
 *
 * Without --connections (end after so many TCP connections) and --seconds it runs for ever.
 */
#include <solo5.h>

#include "net.h"
#include "print.h"
#include "text.h"

/* Frames taken before timers are looked at again. */
#define BATCH 64

struct options {
    uint64_t connections, seconds; /* 0: no limit */
};

/* An address in dotted form at the start of `text`. Returns what follows, or NULL. */
static const char *parse_address(const char *text, uint32_t *address) {
    uint64_t byte;
    *address = 0;
    for (int i = 0; i < 4; i++) {
        if (i > 0 && *text++ != '.') return NULL;
        text = text_number(text, 255, &byte);
        if (text == NULL) return NULL;
        *address = *address << 8 | (uint32_t)byte;
    }
    return text;
}

static bool parse_ip(const char *text, struct net *net) {
    uint64_t bits;
    text = parse_address(text, &net->address);
    if (text == NULL || *text != '/' || !text_is_number(text + 1, 32, &bits) || bits < 1) return false;
    net->mask = (uint32_t)(0xffffffffull << (32 - bits));
    uint8_t first = (uint8_t)(net->address >> 24);
    return first != 0 && first != 127 && first < 224;
}

static bool parse_option(const char *argument, struct net *net, struct options *options) {
    const char *value;
    uint64_t number;
    if ((value = text_after(argument, "--ip=")) != NULL) return parse_ip(value, net);
    if ((value = text_after(argument, "--gateway=")) != NULL) {
        value = parse_address(value, &net->gateway);
        return value != NULL && *value == '\0';
    }
    if ((value = text_after(argument, "--port=")) != NULL) {
        if (!text_is_number(value, 65535, &number) || number == 0) return false;
        net->port = (uint16_t)number;
        return true;
    }
    if ((value = text_after(argument, "--connections=")) != NULL)
        return text_is_number(value, UINT32_MAX, &options->connections);
    if ((value = text_after(argument, "--seconds=")) != NULL) return text_is_number(value, UINT32_MAX, &options->seconds);
    return false;
}

static void print_address(uint32_t address) {
    print("%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255, address & 255);
}

static void receive(struct net *net) {
    static uint8_t frame[65536 + ETHERNET_HEADER];
    size_t size;
    for (int i = 0; i < BATCH; i++) {
        if (solo5_net_read(net->device, frame, sizeof frame, &size) != SOLO5_R_OK) return;
        if (size < ETHERNET_HEADER) continue;
        switch (get16(frame + 12)) {
        case ETHERTYPE_ARP: arp_receive(net, frame, size); break;
        case ETHERTYPE_IP: ip_receive(net, frame, size); break;
        default: break;
        }
    }
}

static solo5_time_t earlier(solo5_time_t left, solo5_time_t right) { return left < right ? left : right; }

static void serve(struct net *net, const struct options *options) {
    solo5_time_t end = options->seconds == 0 ? UINT64_MAX : solo5_clock_monotonic() + options->seconds * SECOND;
    for (;;) {
        net->now = solo5_clock_monotonic();
        receive(net);
        net->now = solo5_clock_monotonic();
        arp_tick(net);
        tcp_tick(net);
        if (net->now >= end) return;
        if (options->connections != 0 && net->counted.connections >= options->connections) return;
        solo5_yield(earlier(end, earlier(arp_deadline(net), tcp_deadline())), NULL);
    }
}

int solo5_app_main(const struct solo5_start_info *info) {
    static struct arguments arguments;
    static struct net net;
    struct options options = {0};
    struct solo5_net_info device;

    net.address = 10u << 24 | 2 << 8 | 15; /* 10.0.2.15/24 */
    net.mask = 0xffffff00;
    net.gateway = 10u << 24 | 2 << 8 | 2;
    net.port = 7;
    const char *wrong = split_arguments(info->cmdline, &arguments);
    for (size_t i = 0; wrong == NULL && i < arguments.count; i++) {
        if (!parse_option(arguments.at[i], &net, &options)) wrong = arguments.at[i];
    }
    if (wrong != NULL) {
        print("echo: wrong argument: %s\n"
              "usage: echo [--ip=ADDRESS/BITS] [--gateway=ADDRESS] [--port=PORT] [--connections=N] [--seconds=N]\n",
              wrong);
        return 2;
    }
    if (solo5_net_acquire("net0", &net.device, &device) != SOLO5_R_OK || device.mtu < MTU_MIN) {
        print("echo: there is no network device \"net0\" with an MTU of at least %u\n", MTU_MIN);
        return 1;
    }
    memcpy(net.mac, device.mac_address, sizeof net.mac);
    /* A gateway that cannot be reached directly is none. */
    if ((net.gateway & net.mask) != (net.address & net.mask)) net.gateway = 0;
    net.mtu = device.mtu < MTU_MAX ? device.mtu : MTU_MAX;
    tcp_init(&net);

    print("echo: listening on ");
    print_address(net.address);
    print(" port %u (tcp, udp)\n", net.port);
    serve(&net, &options);
    print("echo: %llu connections, %llu bytes, %llu datagrams, %llu pings\n",
          (unsigned long long)net.counted.connections, (unsigned long long)net.counted.bytes,
          (unsigned long long)net.counted.datagrams, (unsigned long long)net.counted.pings);
    return 0;
}
