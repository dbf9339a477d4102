/*
 * The Internet checksum: RFC 1071.
 */
#include "wire.h"

uint32_t checksum_add(uint32_t sum, const uint8_t *bytes, size_t size) {
    uint64_t wide = sum;
    for (; size > 1; bytes += 2, size -= 2) wide += get16(bytes);
    if (size > 0) wide += (uint32_t)bytes[0] << 8;
    while (wide >> 16 != 0) wide = (wide & 0xffff) + (wide >> 16);
    return (uint32_t)wide;
}

uint16_t checksum_end(uint32_t sum) {
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

uint32_t checksum_pseudo(uint32_t source, uint32_t destination, uint8_t protocol, size_t size) {
    uint8_t header[12];
    put32(header, source);
    put32(header + 4, destination);
    header[8] = 0;
    header[9] = protocol;
    put16(header + 10, (uint16_t)size);
    return checksum_add(0, header, sizeof header);
}
