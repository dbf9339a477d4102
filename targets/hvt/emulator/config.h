/*
 * What the host wants, from the kernel command line that `casemate boot` writes:
 *
 *   mem=BYTES                                memory that the guest sees
 *   console=TRANSPORT                        virtio-mmio transport of the guest's console
 *   block=INDEX:TRANSPORT:BLOCK-SIZE         a block device for the manifest's entry INDEX
 *   net=INDEX:TRANSPORT:MTU:MAC              a network device; MAC is 12 hexadecimal digits
 *   args=HEX                                 the guest's command line
 *
 * separated by single spaces, numbers in decimal. The host is trusted; a word that does not parse is a mistake in
 * ours and ends the run.
 */
#ifndef CONFIG_H
#define CONFIG_H

#include "base.h"

#define TRANSPORTS 24
#define MANIFEST_ENTRIES 64
#define COMMAND_LINE_SIZE 8192

enum device_type { DEVICE_BLOCK = 1, DEVICE_NET = 2 };

struct device_config {
    u32 index;     /* in the manifest */
    u32 type;      /* enum device_type */
    u32 transport; /* below TRANSPORTS */
    u16 block_size;
    u16 mtu;
    u8 mac[6];
};

struct config {
    u64 memory;
    u32 console;
    u32 device_count;
    struct device_config device[TRANSPORTS];
    char command_line[COMMAND_LINE_SIZE];
};

/* Parses `text` into the one configuration there is. */
const struct config *read_config(const char *text);

#endif
