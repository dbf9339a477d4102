/* CRC-32 a bit at a time, base64 without a table, and a DNS query with EDNS: the same algorithms as the TypeScript that
 * is lowered (examples/contracts/crc32.ts, base64.ts, examples/dns/query.ts), as C is written by hand. */
#include "hand.h"

uint32_t hand_crc32(const uint8_t *bytes, size_t length) {
  uint32_t crc = 0xffffffff;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ 0xedb88320 : crc >> 1;
  }
  return ~crc;
}

static char digit(unsigned value) {
  int bits = (int)value;
  return (char)(bits + 65 + ((25 - bits) >> 8 & 6) - ((51 - bits) >> 8 & 75) - ((61 - bits) >> 8 & 15) +
                ((62 - bits) >> 8 & 3));
}

size_t hand_base64(char *to, const uint8_t *from, size_t length) {
  char *at = to;
  for (const uint8_t *end = from + length; from < end; from += 3, at += 4) {
    unsigned a = from[0], b = from[1], c = from[2];
    at[0] = digit(a >> 2);
    at[1] = digit((a & 3) << 4 | b >> 4);
    at[2] = digit((b & 15) << 2 | c >> 6);
    at[3] = digit(c & 63);
  }
  return (size_t)(at - to);
}

enum { HEADER = 12, OPT = 41, SMALL = 512, LARGE = 1232, FORMAT_ERROR = 1, NOT_IMPLEMENTED = 4, BAD_VERSION = 16 };

static uint16_t read16(const uint8_t *at) { return (uint16_t)(at[0] << 8 | at[1]); }

static size_t name_end(const uint8_t *message, size_t start, size_t end) {
  size_t limit = end - start < 255 ? end : start + 255;
  size_t at = start;
  while (at < limit) {
    size_t length = message[at];
    if (length == 0) return at + 1;
    if (length > 63 || limit - at <= length) return 0;
    at += 1 + length;
  }
  return 0;
}

static size_t skip_name(const uint8_t *message, size_t at, size_t end) {
  while (at < end) {
    size_t length = message[at];
    if (length == 0) return at + 1;
    if (length >= 192) return end - at >= 2 ? at + 2 : 0;
    if (length > 63 || end - at <= length) return 0;
    at += 1 + length;
  }
  return 0;
}

static bool additional(const uint8_t *message, size_t at, size_t end, unsigned count, struct hand_query *query,
                       unsigned *version) {
  for (unsigned i = 0; i < count; i++) {
    size_t fields = skip_name(message, at, end);
    if (fields == 0 || end - fields < 10) return false;
    size_t length = read16(message + fields + 8);
    if (length > end - fields - 10) return false;
    if (read16(message + fields) == OPT) {
      if (query->extended || message[at] != 0) return false;
      query->extended = true;
      size_t room = read16(message + fields + 2);
      query->room = room < SMALL ? SMALL : room > LARGE ? LARGE : room;
      *version = message[fields + 5];
    }
    at = fields + 10 + length;
  }
  return at == end;
}

static bool refuse(struct hand_query *query, uint16_t error) {
  *query = (struct hand_query){ .id = query->id, .flags = query->flags, .error = error, .room = SMALL };
  return true;
}

bool hand_parse_query(const uint8_t *message, size_t length, struct hand_query *query) {
  if (length < HEADER) return false;
  *query = (struct hand_query){ .id = read16(message), .flags = read16(message + 2), .room = SMALL };
  if (query->flags & 0x8000) return false;
  if (query->flags & 0x7800) return refuse(query, NOT_IMPLEMENTED);
  if (read16(message + 4) != 1 || read16(message + 6) != 0 || read16(message + 8) != 0)
    return refuse(query, FORMAT_ERROR);
  size_t end = name_end(message, HEADER, length);
  if (end == 0 || length - end < 4) return refuse(query, FORMAT_ERROR);
  unsigned version = 0;
  if (!additional(message, end + 4, length, read16(message + 10), query, &version))
    return refuse(query, FORMAT_ERROR);
  query->error = version == 0 ? 0 : BAD_VERSION;
  query->name_start = HEADER;
  query->name_end = end;
  query->type = read16(message + end);
  query->class = read16(message + end + 2);
  return true;
}
