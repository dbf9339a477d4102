/* Times each routine as TypeScript lowered to C and as C written by hand: turns of a millisecond or so, one after the
 * other, both on the same bytes, whose results must be equal. Prints a line for each turn: the routine, then nanoseconds
 * of the lowered and of the hand-written one. Usage: main TURNS. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base64.h"
#include "crc32.h"
#include "hand.h"
#include "query.h"

enum { SIZE = 1536, QUERIES = 64, LONGEST = 128 };

static uint8_t bytes[SIZE];
static uint8_t messages[QUERIES][LONGEST];
static size_t lengths[QUERIES];
static volatile uint64_t sink;

static long long now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static uint64_t lowered_crc32(void) { return crc32((cm_const_u8s){ bytes, SIZE }, 0, SIZE); }
static uint64_t by_hand_crc32(void) { return hand_crc32(bytes, SIZE); }

static uint64_t sum(const uint8_t *text, size_t length) {
  uint64_t all = length;
  for (size_t i = 0; i < length; i += 97) all = all * 31 + text[i];
  return all;
}
static uint64_t lowered_base64(void) {
  static uint8_t text[SIZE / 3 * 4];
  uint32_t length = encode((cm_u8s){ text, sizeof text }, (cm_const_u8s){ bytes, SIZE }, SIZE);
  return sum(text, length);
}
static uint64_t by_hand_base64(void) {
  static char text[SIZE / 3 * 4];
  return sum((const uint8_t *)text, hand_base64(text, bytes, SIZE));
}

static uint64_t lowered_query(void) {
  uint64_t all = 0;
  for (int i = 0; i < QUERIES; i++) {
    __auto_type found = parseQuery((cm_const_u8s){ messages[i], lengths[i] }, 0, (uint32_t)lengths[i]);
    if (found.present)
      all = all * 31 + found.value.id + found.value.error + found.value.name.end + found.value.type + found.value.room;
  }
  return all;
}
static uint64_t by_hand_query(void) {
  uint64_t all = 0;
  struct hand_query query;
  for (int i = 0; i < QUERIES; i++)
    if (hand_parse_query(messages[i], lengths[i], &query))
      all = all * 31 + query.id + query.error + query.name_end + query.type + query.room;
  return all;
}

/* Questions for names of two to five labels, half of them with EDNS; every eighth is damaged. */
static void make_queries(void) {
  for (int i = 0; i < QUERIES; i++) {
    uint8_t *at = messages[i];
    const uint8_t head[] = { (uint8_t)i, 7, 1, 0, 0, 1, 0, 0, 0, 0, 0, i % 2 };
    memcpy(at, head, sizeof head);
    at += sizeof head;
    for (int label = 0; label < 2 + i % 4; label++) {
      *at = (uint8_t)(3 + (i * 7 + label * 5) % 12);
      memset(at + 1, 'a' + label, *at);
      at += 1 + *at;
    }
    *at++ = 0;
    const uint8_t tail[] = { 0, 1, 0, 1 }, opt[] = { 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0 };
    memcpy(at, tail, sizeof tail);
    at += sizeof tail;
    if (i % 2) {
      memcpy(at, opt, sizeof opt);
      at += sizeof opt;
    }
    lengths[i] = (size_t)(at - messages[i]);
    if (i % 8 == 7) messages[i][12] = 200;
  }
}

static long long turn(uint64_t (*work)(void), int repeats) {
  long long start = now();
  for (int i = 0; i < repeats; i++) sink = work();
  return now() - start;
}

int main(int argc, char **argv) {
  const struct {
    const char *name;
    uint64_t (*lowered)(void), (*by_hand)(void);
    int repeats;
  } routines[] = {
    { "crc32", lowered_crc32, by_hand_crc32, 100 },
    { "base64", lowered_base64, by_hand_base64, 400 },
    { "dns query", lowered_query, by_hand_query, 400 },
  };
  int turns = argc > 1 ? atoi(argv[1]) : 100;
  for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 2654435761u >> 13);
  make_queries();
  for (int t = 0; t < turns; t++) {
    for (size_t r = 0; r < sizeof routines / sizeof *routines; r++) {
      if (routines[r].lowered() != routines[r].by_hand()) {
        fprintf(stderr, "%s: the results differ\n", routines[r].name);
        return 1;
      }
      // Each goes first half of the time.
      long long a = 0, b = 0;
      if (t % 2) a = turn(routines[r].lowered, routines[r].repeats);
      b = turn(routines[r].by_hand, routines[r].repeats);
      if (t % 2 == 0) a = turn(routines[r].lowered, routines[r].repeats);
      printf("%s\t%lld\t%lld\n", routines[r].name, a, b);
    }
  }
  return 0;
}
