/* Invocations of CNodes: capabilities are copied, moved, deleted. */
#include "standin.h"

/* What a word of data makes of a capability: of an endpoint or a notification its badge, of a CNode its guard. */
static uint64_t set_data(struct slot *capability, uint64_t data, bool keep) {
    if (capability->kind == ENDPOINT || capability->kind == NOTIFICATION) {
        if (keep || capability->data != 0) {
            capability->kind = NOTHING;
        } else {
            capability->data = data;
            if (data != 0) capability->flags |= IS_ORIGINAL;
        }
    } else if (capability->kind == CNODE) {
        uint64_t guard_bits = data & 63;
        if (guard_bits + capability->bits > 64) {
            capability->kind = NOTHING;
        } else {
            uint64_t mask = guard_bits == 0 ? 0 : (1ull << guard_bits) - 1;
            capability->data = (data >> 6 & mask) << 6 | guard_bits;
        }
    }
    return NO_ERROR;
}

static uint64_t make_copy(struct message *message, struct slot *from, struct slot *to, bool is_mint) {
    struct slot limited = *from, copy;
    if (message->length < (is_mint ? 6u : 5u)) return TRUNCATED_MESSAGE;
    limit_rights(&limited, argument(message, 4));
    if (is_mint) set_data(&limited, argument(message, 5), false);
    uint8_t badged = is_mint && limited.kind != CNODE && limited.data != from->data ? IS_ORIGINAL : 0;
    uint64_t error = derive(&limited, &copy, message);
    if (error != NO_ERROR) return error;
    if (copy.kind == NOTHING) return ILLEGAL_OPERATION;
    copy.flags |= badged;
    insert_derived(to, &copy, from, from->flags & IS_ORIGINAL);
    return NO_ERROR;
}

static uint64_t move(struct message *message, struct slot *from, struct slot *to, bool is_mutate) {
    if (is_mutate) {
        struct slot changed = *from;
        if (message->length < 5) return TRUNCATED_MESSAGE;
        set_data(&changed, argument(message, 4), true);
        if (changed.kind == NOTHING) return ILLEGAL_OPERATION;
        from->data = changed.data;
    }
    move_slot(to, from);
    return NO_ERROR;
}

static uint64_t fill(struct message *message, struct slot *to) {
    struct slot *from;
    if (message->length < 4 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    if (to->kind != NOTHING) return DELETE_FIRST;
    uint64_t depth = argument(message, 3);
    uint64_t error = find_for_cnode(message, message->extra[0], argument(message, 2), depth, true, &from);
    if (error != NO_ERROR) return error;
    if (from->kind == NOTHING) return fail_lookup(message, true, &(struct lookup_failure){{2, depth}, 2});
    if (message->label == LABEL_CNodeCopy) return make_copy(message, from, to, false);
    if (message->label == LABEL_CNodeMint) return make_copy(message, from, to, true);
    return move(message, from, to, message->label == LABEL_CNodeMutate);
}

static bool is_known(uint64_t label) {
    switch (label) {
    case LABEL_CNodeRevoke:
    case LABEL_CNodeDelete:
    case LABEL_CNodeCancelBadgedSends:
    case LABEL_CNodeCopy:
    case LABEL_CNodeMint:
    case LABEL_CNodeMove:
    case LABEL_CNodeMutate:
    case LABEL_CNodeRotate:
#if !STANDIN_IS_MCS
    case LABEL_CNodeSaveCaller:
#endif
        return true;
    default:
        return false;
    }
}

uint64_t invoke_cnode(struct message *message) {
    struct slot *slot;
    if (!is_known(message->label)) return ILLEGAL_OPERATION;
    if (message->length < 2) return TRUNCATED_MESSAGE;
    uint64_t error = find_for_cnode(message, message->slot, argument(message, 0), argument(message, 1), false, &slot);
    if (error != NO_ERROR) return error;
    switch (message->label) {
    case LABEL_CNodeCopy:
    case LABEL_CNodeMint:
    case LABEL_CNodeMove:
    case LABEL_CNodeMutate:
        return fill(message, slot);
    case LABEL_CNodeRevoke:
        revoke_slot(slot);
        return NO_ERROR;
    case LABEL_CNodeDelete:
        delete_slot(slot);
        return NO_ERROR;
    default:
        unimplemented("an invocation of a CNode, label", message->label);
    }
}
