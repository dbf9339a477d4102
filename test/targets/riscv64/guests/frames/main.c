/*
 * Sends every Ethernet frame back as it came, the two addresses exchanged. A frame of type 0x88b6, which is for local
 * experiments like 0x88b5, ends it: then it says how many frames and bytes it has read.
 */
#include <solo5.h>

#include "print.h"

static void exchange_addresses(uint8_t *frame) {
    for (int i = 0; i < SOLO5_NET_ALEN; i++) {
        uint8_t byte = frame[i];
        frame[i] = frame[SOLO5_NET_ALEN + i];
        frame[SOLO5_NET_ALEN + i] = byte;
    }
}

int solo5_app_main(const struct solo5_start_info *info) {
    static uint8_t frame[9014];
    solo5_handle_t net;
    struct solo5_net_info device;
    unsigned long long frames = 0, bytes = 0;
    size_t size;
    (void)info;
    if (solo5_net_acquire("net0", &net, &device) != SOLO5_R_OK) return 1;
    print("ready, MTU %u\n", (unsigned)device.mtu);
    for (;;) {
        while (solo5_net_read(net, frame, sizeof frame, &size) == SOLO5_R_OK) {
            if (frame[12] == 0x88 && frame[13] == 0xb6) {
                print("read %llu frames, %llu bytes\n", frames, bytes);
                return 0;
            }
            frames++, bytes += size;
            exchange_addresses(frame);
            if (solo5_net_write(net, frame, size) != SOLO5_R_OK) return 2;
        }
        solo5_yield(UINT64_MAX, NULL);
    }
}
