/* Untyped memory becomes objects, from its start to its end; when nothing made of it is left, all of it anew, and zero. */
#include "standin.h"

static uint64_t bits_of_object(uint64_t type, uint64_t bits) {
    switch (type) {
    case OBJECT_THREAD:
        return THREAD_BITS;
    case OBJECT_ENDPOINT:
        return ENDPOINT_BITS;
    case OBJECT_NOTIFICATION:
        return NOTIFICATION_BITS;
    case OBJECT_CNODE:
        return SLOT_BITS + bits;
#if STANDIN_IS_MCS
    case OBJECT_REPLY:
        return REPLY_BITS;
#endif
    case OBJECT_HUGE_FRAME:
        return HUGE_BITS;
    case OBJECT_LARGE_FRAME:
        return LARGE_BITS;
    case OBJECT_FRAME:
    case OBJECT_TABLE:
        return PAGE_BITS;
    default:
        return bits;
    }
}

static bool is_frame(uint64_t type) {
    return type == OBJECT_HUGE_FRAME || type == OBJECT_LARGE_FRAME || type == OBJECT_FRAME;
}

static struct slot capability_of(uint64_t type, uint64_t user_bits, uint64_t bits, uint64_t object, uint8_t device) {
    struct slot made = {.bits = (uint8_t)bits, .flags = IS_ORIGINAL, .object = object};
    switch (type) {
    case OBJECT_UNTYPED:
        made.kind = UNTYPED;
        made.flags |= device;
        break;
    case OBJECT_THREAD:
        made.kind = THREAD;
        add_thread(at(object));
        break;
    case OBJECT_ENDPOINT:
        made.kind = ENDPOINT;
        made.rights = RIGHT_WRITE | RIGHT_READ | RIGHT_GRANT | RIGHT_GRANT_REPLY;
        break;
    case OBJECT_CNODE:
        made.kind = CNODE;
        made.bits = (uint8_t)user_bits;
        break;
    case OBJECT_TABLE:
        made.kind = TABLE;
        break;
#if STANDIN_IS_MCS
    case OBJECT_SCHED_CONTEXT:
        made.kind = SCHED_CONTEXT;
        break;
    case OBJECT_REPLY:
        made.kind = REPLY;
        break;
#endif
    case OBJECT_NOTIFICATION:
        made.kind = NOTIFICATION;
        made.rights = RIGHT_WRITE | RIGHT_READ;
        break;
    default:
        made.kind = FRAME;
        made.flags |= device;
        made.rights = RIGHT_WRITE | RIGHT_READ;
        break;
    }
    return made;
}

static void clear_all(struct slot *untyped) {
    if (!(untyped->flags & IS_DEVICE) && untyped->data != 0) __builtin_memset(at(untyped->object), 0, 1ull << untyped->bits);
    untyped->data = 0;
}

static uint64_t find_target(struct message *message, const struct slot **node) {
    struct slot *found;
    uint64_t depth = argument(message, 3), error;
    *node = message->extra[0];
    if (depth != 0) {
        error = find_for_cnode(message, message->extra[0], argument(message, 2), depth, false, &found);
        if (error != NO_ERROR) return error;
        *node = found;
    }
    if ((*node)->kind != CNODE) return fail_lookup(message, false, &(struct lookup_failure){{2, depth}, 2});
    return NO_ERROR;
}

uint64_t invoke_untyped(struct message *message) {
    struct slot *untyped = message->slot;
    const struct slot *node;
    uint64_t error;
    if (message->label != LABEL_UntypedRetype) return ILLEGAL_OPERATION;
    if (message->length < 6 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    uint64_t type = argument(message, 0), user_bits = argument(message, 1);
    uint64_t first = argument(message, 4), count = argument(message, 5);
    if (type >= OBJECT_TYPES) return fail_argument(message, 0);
    if (user_bits >= 64 || bits_of_object(type, user_bits) > MAX_UNTYPED_BITS) return fail_range(message, 0, MAX_UNTYPED_BITS);
    uint64_t bits = bits_of_object(type, user_bits), size = 1ull << bits;
    if (type == OBJECT_CNODE && user_bits == 0) return fail_argument(message, 1);
    if (type == OBJECT_UNTYPED && user_bits < MIN_UNTYPED_BITS) return fail_argument(message, 1);
#if STANDIN_IS_MCS
    if (type == OBJECT_SCHED_CONTEXT && user_bits < MIN_SCHED_CONTEXT_BITS) return fail_argument(message, 1);
#endif
    if ((error = find_target(message, &node)) != NO_ERROR) return error;
    uint64_t slots = 1ull << node->bits;
    if (first > slots - 1) return fail_range(message, 0, slots - 1);
    if (count < 1 || count > FAN_OUT_LIMIT) return fail_range(message, 1, FAN_OUT_LIMIT);
    if (count > slots - first) return fail_range(message, 1, slots - first);
    struct slot *to = (struct slot *)at(node->object) + first;
    for (uint64_t i = 0; i < count; i++) {
        if (to[i].kind != NOTHING) return DELETE_FIRST;
    }
    bool fresh = !has_children(untyped);
    uint64_t used = fresh ? 0 : untyped->data, left = (1ull << untyped->bits) - used;
    if (left >> bits < count) return fail_memory(message, left);
    uint8_t device = untyped->flags & IS_DEVICE;
    if (device && !is_frame(type) && type != OBJECT_UNTYPED) return fail_argument(message, 1);
    if (fresh) clear_all(untyped);
    uint64_t object = (untyped->object + used + size - 1) & ~(size - 1);
    untyped->data = object + count * size - untyped->object;
    for (uint64_t i = 0; i < count; i++) {
        struct slot made = capability_of(type, user_bits, bits, object + i * size, device);
        insert_derived(&to[i], &made, untyped, true);
    }
    return NO_ERROR;
}
