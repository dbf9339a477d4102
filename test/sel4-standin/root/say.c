/* Calls, and the lines that say what came of them. */
#include "root.h"

struct sel4_bootinfo *info;
struct sel4_ipc_buffer *buffer;
sel4_slot free_slot;

void put(const char *text) {
    for (; *text != '\0'; text++) sel4_send_number(SEL4_SYS_PUTCHAR, (unsigned char)*text);
}

void put_hex(uint64_t value) {
    char text[17];
    char *first = text + 16;
    *first = '\0';
    do *--first = "0123456789abcdef"[value & 15];
    while ((value >>= 4) != 0);
    put(first);
}

void tell(const char *what, uint64_t value) {
    put("> ");
    put(what);
    put(": ");
    put_hex(value);
    put("\n");
}

uint64_t answered[4];

uint64_t quietly(sel4_slot slot, uint64_t label, struct call call) {
    uint64_t words[4] = {call.words[0], call.words[1], call.words[2], call.words[3]};
    for (uint64_t i = 0; i < call.slot_count; i++) buffer->slots[i] = call.slots[i];
    for (uint64_t i = 4; i < call.word_count && i < 16; i++) buffer->words[i] = call.words[i];
    uint64_t answer = sel4_call(slot, sel4_message_info(label, call.slot_count, call.word_count), words);
    for (uint64_t i = 0; i < 4; i++) answered[i] = words[i];
    return answer;
}

uint64_t try(const char *what, sel4_slot slot, uint64_t label, struct call call) {
    uint64_t answer = quietly(slot, label, call);
    put("> ");
    put(what);
    put(": ");
    put_hex(answer >> 12);
    for (uint64_t i = 0; i < (answer & 127) && i < 4; i++) {
        put(" ");
        put_hex(answered[i]);
    }
    put("\n");
    return answer >> 12;
}

sel4_slot frame_at(const char *page) { return info->image_frames.start + (uint64_t)(page - root_image) / 4096; }

struct call map(uint64_t address, uint64_t rights, uint64_t attributes) {
    return CALL(1, {SEL4_SLOT_VSPACE}, 3, {address, rights, attributes});
}

struct call retype(uint64_t type, uint64_t bits, uint64_t first, uint64_t count) {
    return CALL(1, {SEL4_SLOT_CNODE}, 6, {type, bits, 0, 0, first, count});
}

sel4_slot untyped_of(unsigned bits, bool is_device) {
    uint64_t count = info->untyped.end - info->untyped.start, best = count;
    for (uint64_t i = 0; i < count; i++) {
        const struct sel4_untyped *untyped = &info->untypeds[i];
        if (untyped->is_device != is_device || untyped->bits < bits) continue;
        if (best == count || untyped->bits < info->untypeds[best].bits) best = i;
    }
    return info->untyped.start + best;
}
