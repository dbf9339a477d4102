/*
 * Invocations of the capabilities that outlive the seal.
 */
#ifndef ASK_H
#define ASK_H

#include "abi.h"

/* A message of `count` words, at most two. The kernel's error; the answer's first word goes to `answer` if not NULL. */
static inline uint64_t sel4_ask(sel4_slot slot, uint64_t label, uint64_t count, uint64_t first, uint64_t second,
                                uint64_t *answer) {
    uint64_t words[SEL4_MESSAGE_REGISTERS] = {first, second, 0, 0};
    uint64_t error = sel4_call(slot, sel4_message_info(label, 0, count), words) >> 12;
    if (answer != NULL) *answer = words[0];
    return error;
}

#endif
