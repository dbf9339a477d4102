/* The routines that are measured, as somebody writes them in C. */
#ifndef HAND_H
#define HAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

uint32_t hand_crc32(const uint8_t *bytes, size_t length);
size_t hand_base64(char *to, const uint8_t *from, size_t length);

struct hand_query {
  uint16_t id, flags, error;
  size_t name_start, name_end;
  uint16_t type, class;
  bool extended;
  size_t room;
};
bool hand_parse_query(const uint8_t *message, size_t length, struct hand_query *query);

#endif
