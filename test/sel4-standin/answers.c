/* What an invocation is given, and what the answer says beside the error. */
#include "standin.h"

uint64_t argument(const struct message *message, unsigned index) {
    if (index < 4) return message->sender->registers.x[A2 + index];
    return message->buffer[1 + index];
}

static uint64_t answer(struct message *message, uint64_t error, uint64_t length) {
    message->answer_length = length;
    return error;
}

uint64_t fail_argument(struct message *message, uint64_t index) {
    message->answer[0] = index;
    return answer(message, INVALID_ARGUMENT, 1);
}

uint64_t fail_capability(struct message *message, uint64_t index) {
    message->answer[0] = index;
    return answer(message, INVALID_CAPABILITY, 1);
}

uint64_t fail_range(struct message *message, uint64_t least, uint64_t most) {
    message->answer[0] = least;
    message->answer[1] = most;
    return answer(message, RANGE_ERROR, 2);
}

/* Of the failure's words, those that fit in registers: nobody has asked for more. */
uint64_t fail_lookup(struct message *message, bool is_source, const struct lookup_failure *failure) {
    message->answer[0] = is_source;
    uint64_t length = 1;
    for (uint64_t i = 0; i < failure->count && length < 4; i++) message->answer[length++] = failure->words[i];
    return answer(message, FAILED_LOOKUP, length);
}

uint64_t fail_memory(struct message *message, uint64_t left) {
    message->answer[0] = left;
    return answer(message, NOT_ENOUGH_MEMORY, 1);
}
