/*
 * Slots: where capabilities lie, how they are found, what was derived from what, and what goes with the last one.
 *
 * Children of a capability are those that follow it in the list, deeper than it. Only an original has children that are
 * copies: what Untyped_Retype made, or a badge was given to.
 */
#include "standin.h"

static struct slot head;

struct slot *list_head(void) { return at(physical_of_own(&head)); }

static uint32_t number_of(const struct slot *slot) { return (uint32_t)(physical_of(slot) >> SLOT_BITS); }

static struct slot *numbered(uint32_t number) { return number == 0 ? NULL : at((uint64_t)number << SLOT_BITS); }

struct slot *next_of(const struct slot *slot) { return numbered(slot->next); }

static void link_after(struct slot *to, struct slot *before) {
    struct slot *after = next_of(before);
    to->previous = number_of(before);
    to->next = before->next;
    before->next = number_of(to);
    if (after != NULL) after->previous = number_of(to);
}

static void put(struct slot *to, const struct slot *capability, struct slot *before, uint32_t depth) {
    *to = *capability;
    to->depth = depth;
    link_after(to, before);
}

void insert_first(struct slot *to, const struct slot *capability) { put(to, capability, list_head(), 1); }

void insert_derived(struct slot *to, const struct slot *capability, struct slot *from, bool is_child) {
    put(to, capability, from, from->depth + (is_child ? 1 : 0));
}

/* Takes a slot out of the list; what was derived from it is then derived from what it was derived from. */
static void unlink(struct slot *slot) {
    struct slot *after = next_of(slot), *before = numbered(slot->previous);
    for (struct slot *child = after; child != NULL && child->depth > slot->depth; child = next_of(child)) child->depth--;
    before->next = slot->next;
    if (after != NULL) after->previous = slot->previous;
    *slot = (struct slot){0};
}

void move_slot(struct slot *to, struct slot *from) {
    struct slot *after = next_of(from), *before = numbered(from->previous);
    *to = *from;
    before->next = number_of(to);
    if (after != NULL) after->previous = number_of(to);
    *from = (struct slot){0};
}

bool has_children(const struct slot *slot) {
    const struct slot *next = next_of(slot);
    return next != NULL && next->depth > slot->depth;
}

/* Whether no other capability names the same object. */
bool is_final(const struct slot *slot) {
    for (struct slot *other = next_of(list_head()); other != NULL; other = next_of(other)) {
        if (other != slot && other->kind == slot->kind && other->object == slot->object) return false;
    }
    return true;
}

void delete_slot(struct slot *slot) {
    struct slot gone = *slot;
    if (gone.kind == NOTHING) return;
    bool final = gone.kind != FRAME && gone.kind != UNTYPED && is_final(slot);
    if (gone.kind == FRAME) unmap_frame(slot);
    if (gone.kind == TABLE) unmap_table(slot, final);
    unlink(slot);
    if (!final) return;
    if (gone.kind == ASID_POOL) set_pool(gone.data, 0);
    if (gone.kind == ENDPOINT || gone.kind == NOTIFICATION) free_waiting(gone.object);
    if (gone.kind == IRQ_HANDLER) lose_handler(gone.object);
    if (gone.kind == SCHED_CONTEXT) lose_time(gone.object);
    if (gone.kind == THREAD) destroy_thread(at(gone.object));
    if (gone.kind == CNODE) {
        struct slot *slots = at(gone.object);
        for (uint64_t i = 0; i < 1ull << gone.bits; i++) delete_slot(&slots[i]);
    }
}

void revoke_slot(struct slot *slot) {
    while (slot->kind != NOTHING && has_children(slot)) delete_slot(next_of(slot));
}

uint64_t derive(const struct slot *from, struct slot *derived, struct message *message) {
    *derived = *from;
    derived->flags &= (uint8_t)~IS_ORIGINAL;
    switch (from->kind) {
    case UNTYPED:
        message->answer_length = 0;
        if (has_children(from)) return REVOKE_FIRST;
        break;
    case FRAME:
        derived->data = 0;
        derived->flags &= (uint8_t)~IS_MAPPED;
        break;
    case TABLE:
        message->answer_length = 0;
        if (!(from->flags & IS_MAPPED)) return ILLEGAL_OPERATION;
        break;
    case IRQ_CONTROL:
        derived->kind = NOTHING;
        break;
    default:
        break;
    }
    return NO_ERROR;
}

/* A frame that only writing is left of has no rights at all. */
void limit_rights(struct slot *capability, uint64_t rights) {
    if (capability->kind == FRAME) {
        capability->rights &= (uint8_t)rights;
        if (!(capability->rights & RIGHT_READ)) capability->rights = 0;
    } else if (capability->kind == ENDPOINT || capability->kind == NOTIFICATION) {
        capability->rights &= (uint8_t)rights;
    }
}

static bool lookup_fails(struct lookup_failure *failure, uint64_t kind, uint64_t first, uint64_t second, uint64_t third) {
    *failure = (struct lookup_failure){{kind, first, second, third}, kind};
    return false;
}

/* Kinds of failures, which are also how many words they have. */
enum { INVALID_ROOT = 1, DEPTH_MISMATCH = 3, GUARD_MISMATCH = 4 };

bool resolve(const struct slot *root, uint64_t address, uint64_t bits, struct slot **slot, uint64_t *left,
             struct lookup_failure *failure) {
    if (root->kind != CNODE) return lookup_fails(failure, INVALID_ROOT, 0, 0, 0);
    for (;;) {
        uint64_t guard_bits = root->data & 63, guard = root->data >> 6, level = root->bits + guard_bits;
        uint64_t found = guard_bits == 0 || guard_bits > bits ? 0 : address >> (bits - guard_bits) & ((1ull << guard_bits) - 1);
        if (guard_bits > bits || found != guard) return lookup_fails(failure, GUARD_MISMATCH, bits, guard, guard_bits);
        if (level > bits) return lookup_fails(failure, DEPTH_MISMATCH, bits, level, 0);
        bits -= level;
        *slot = (struct slot *)at(root->object) + (address >> bits & ((1ull << root->bits) - 1));
        *left = bits;
        if (bits == 0 || (*slot)->kind != CNODE) return true;
        root = *slot;
    }
}

uint64_t find_for_cnode(struct message *message, const struct slot *root, uint64_t address, uint64_t bits, bool is_source,
                        struct slot **slot) {
    struct lookup_failure failure;
    uint64_t left;
    if (root->kind != CNODE) {
        lookup_fails(&failure, INVALID_ROOT, 0, 0, 0);
        return fail_lookup(message, is_source, &failure);
    }
    if (bits < 1 || bits > 64) return fail_range(message, 1, 64);
    if (!resolve(root, address, bits, slot, &left, &failure)) return fail_lookup(message, is_source, &failure);
    if (left != 0) {
        lookup_fails(&failure, DEPTH_MISMATCH, left, 0, 0);
        return fail_lookup(message, is_source, &failure);
    }
    return NO_ERROR;
}
