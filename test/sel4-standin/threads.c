/*
 * Threads: which one runs, and the invocations of their TCBs.
 *
 * Of those that can run one of the highest priority does, until it waits, faults or yields: nothing takes the hart from
 * it, since the stand-in has no timer. When none can and no interrupt can change that, the machine ends; seL4 would idle
 * for ever.
 */
#include "standin.h"

struct thread *current;

static struct thread *threads;
static struct thread *floats_of; /* whose floating-point registers the hart has */

void keep_floats(struct registers *registers);
void set_floats(const struct registers *registers);

void add_thread(struct thread *thread) {
    thread->next = threads;
    threads = thread;
}

static struct thread **link_to(const struct thread *thread) {
    struct thread **link = &threads;
    while (*link != thread) link = &(*link)->next;
    return link;
}

/* Nobody answers it any more. */
void forget_call(const struct thread *thread) {
    for (struct thread *other = threads; other != NULL; other = other->next) {
        if (other->caller == thread) other->caller = NULL;
    }
}

void destroy_thread(struct thread *thread) {
    cancel_wait(thread);
    if (thread->caller != NULL) thread->caller->state = INACTIVE;
    *link_to(thread) = thread->next;
    thread->state = INACTIVE;
    delete_slot(&thread->cspace);
    delete_slot(&thread->vspace);
    delete_slot(&thread->buffer);
    delete_slot(&thread->handler);
    if (thread->sched_context != 0) lose_time(thread->sched_context);
    if (floats_of == thread) floats_of = NULL;
    if (current == thread) current = NULL;
}

/* The first that can run of a higher priority than `best`, else that. */
static struct thread *first_of_highest(struct thread *best) {
    for (struct thread *thread = threads; thread != NULL; thread = thread->next) {
        if (thread->state == RUNNABLE && has_time(thread) && (best == NULL || thread->priority > best->priority)) best = thread;
    }
    return best;
}

/* The first that can run of the highest priority; after the current one when that yields. */
void choose_thread(bool is_yield) {
    struct thread *best = !is_yield && current != NULL && current->state == RUNNABLE && has_time(current) ? current : NULL;
    if (is_yield) {
        struct thread **end = link_to(current);
        *end = current->next;
        while (*end != NULL) end = &(*end)->next;
        *end = current;
        current->next = NULL;
    }
    while ((best = first_of_highest(best)) == NULL) {
        if (!may_be_interrupted()) {
            say("stand-in: no thread can run\n");
            end(false);
        }
        wait_for_interrupt();
        take_interrupts();
    }
    current = best;
    use_table_of(current);
    if (!STANDIN_HAS_FPU || floats_of == current) return;
    if (floats_of != NULL) keep_floats(&floats_of->registers);
    set_floats(&current->registers);
    floats_of = current;
}

/* The words of a thread's IPC buffer, if it has one that can be written. */
uint64_t *buffer_of(const struct thread *thread) {
    const struct slot *frame = &thread->buffer;
    if (frame->kind != FRAME || frame->flags & IS_DEVICE || frame->rights != (RIGHT_READ | RIGHT_WRITE)) return NULL;
    return at(frame->object + (thread->buffer_address & ((1ull << frame->bits) - 1)));
}

/* Puts a copy of a capability into one of a thread's own slots, in place of what was there. */
static void set_own(struct slot *own, const struct slot *copy, struct slot *from) {
    delete_slot(own);
    if (copy->kind != NOTHING) insert_derived(own, copy, from, from->flags & IS_ORIGINAL);
}

static uint64_t space_from(struct message *message, unsigned first, uint64_t cspace_data, struct slot *cspace,
                           struct slot *vspace) {
    uint64_t error;
    struct slot limited = *message->extra[first];
    if (cspace_data != 0 && limited.kind == CNODE) {
        uint64_t guard_bits = cspace_data & 63;
        if (guard_bits + limited.bits > 64) limited.kind = NOTHING;
        else limited.data = (guard_bits == 0 ? 0 : cspace_data >> 6 & ((1ull << guard_bits) - 1)) << 6 | guard_bits;
    }
    if ((error = derive(&limited, cspace, message)) != NO_ERROR) return error;
    if (cspace->kind != CNODE) return ILLEGAL_OPERATION;
    if ((error = derive(message->extra[first + 1], vspace, message)) != NO_ERROR) return error;
    if (vspace->kind != TABLE || !(vspace->flags & IS_MAPPED)) return ILLEGAL_OPERATION;
    return NO_ERROR;
}

static void set_space(struct thread *thread, const struct slot *cspace, struct slot *cspace_from, const struct slot *vspace,
                      struct slot *vspace_from) {
    set_own(&thread->cspace, cspace, cspace_from);
    set_own(&thread->vspace, vspace, vspace_from);
}

/* With MCS, who hears of a thread's faults is a capability; without, the address of one. */
#if STANDIN_IS_MCS
static uint64_t invoke_set_space(struct message *message, struct thread *thread) {
    struct slot cspace, vspace, handler;
    const uint8_t grants = RIGHT_GRANT | RIGHT_GRANT_REPLY;
    if (message->length < 2 || message->extra_count < 3) return TRUNCATED_MESSAGE;
    uint64_t error = space_from(message, 1, argument(message, 0), &cspace, &vspace);
    if (error != NO_ERROR) return error;
    struct slot *from = message->extra[0];
    if (from->kind != NOTHING && (from->kind != ENDPOINT || !(from->rights & RIGHT_WRITE) || !(from->rights & grants)))
        return fail_capability(message, 1);
    derive(from, &handler, message);
    set_own(&thread->handler, &handler, from);
    set_space(thread, &cspace, message->extra[1], &vspace, message->extra[2]);
    return NO_ERROR;
}
#else
static uint64_t invoke_set_space(struct message *message, struct thread *thread) {
    struct slot cspace, vspace;
    if (message->length < 3 || message->extra_count < 2) return TRUNCATED_MESSAGE;
    uint64_t error = space_from(message, 0, argument(message, 1), &cspace, &vspace);
    if (error != NO_ERROR) return error;
    thread->fault_handler = argument(message, 0);
    set_space(thread, &cspace, message->extra[0], &vspace, message->extra[1]);
    return NO_ERROR;
}
#endif

#define BUFFER_ALIGNMENT 1024u

static uint64_t buffer_from(struct message *message, const struct slot *from, uint64_t address, struct slot *buffer) {
    uint64_t error = derive(from, buffer, message);
    if (error != NO_ERROR) return error;
    if (buffer->kind != FRAME || buffer->flags & IS_DEVICE) return ILLEGAL_OPERATION;
    return address % BUFFER_ALIGNMENT != 0 ? ALIGNMENT_ERROR : NO_ERROR;
}

static uint64_t invoke_set_buffer(struct message *message, struct thread *thread) {
    struct slot buffer = {0};
    if (message->length < 1 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    uint64_t address = argument(message, 0), error;
    if (address != 0 && (error = buffer_from(message, message->extra[0], address, &buffer)) != NO_ERROR) return error;
    thread->buffer_address = address;
    set_own(&thread->buffer, &buffer, message->extra[0]);
    return NO_ERROR;
}

static uint64_t invoke_configure(struct message *message, struct thread *thread) {
    struct slot cspace, vspace, buffer = {0};
    const unsigned first = STANDIN_IS_MCS ? 0 : 1;
    if (message->length < 3 + first || message->extra_count < 3) return TRUNCATED_MESSAGE;
    uint64_t address = argument(message, 2 + first), error;
    if (address != 0 && (error = buffer_from(message, message->extra[2], address, &buffer)) != NO_ERROR) return error;
    if ((error = space_from(message, 0, argument(message, first), &cspace, &vspace)) != NO_ERROR) return error;
    if (first == 1) thread->fault_handler = argument(message, 0);
    set_space(thread, &cspace, message->extra[0], &vspace, message->extra[1]);
    thread->buffer_address = address;
    set_own(&thread->buffer, &buffer, message->extra[2]);
    return NO_ERROR;
}

/* Which of x0 to x31 the words of a seL4_UserContext are; x0 stands for the program counter. */
static const uint8_t context_order[] = {0,  1,  2,  3,  8,  9,  18, 19, 20, 21, 22, 23, 24, 25, 26, 27,
                                        10, 11, 12, 13, 14, 15, 16, 17, 5,  6,  7,  28, 29, 30, 31, 4};

static uint64_t invoke_write_registers(struct message *message, struct thread *thread) {
    if (message->length < 2) return TRUNCATED_MESSAGE;
    uint64_t flags = argument(message, 0), count = argument(message, 1);
    if (message->length - 2 < count) return TRUNCATED_MESSAGE;
    if (thread == current) return ILLEGAL_OPERATION;
    if (flags & 1) go_back(thread);
    for (uint64_t i = 0; i < count && i < sizeof context_order; i++) {
        thread->registers.x[context_order[i]] = argument(message, (unsigned)(2 + i));
    }
    if (flags & 1) thread->state = RUNNABLE;
    return NO_ERROR;
}

static uint64_t invoke_set_priority(struct message *message, struct thread *thread, bool both) {
    if (message->length < (both ? 2u : 1u) || message->extra_count < 1) return TRUNCATED_MESSAGE;
    uint64_t maximum = argument(message, 0), priority = argument(message, both ? 1 : 0);
    if (message->extra[0]->kind != THREAD) return fail_capability(message, 1);
    const struct thread *authority = at(message->extra[0]->object);
    if (both && maximum > authority->maximum_priority) return fail_range(message, 0, authority->maximum_priority);
    if (priority > authority->maximum_priority) return fail_range(message, 0, authority->maximum_priority);
    if (both) thread->maximum_priority = (uint8_t)maximum;
    thread->priority = (uint8_t)priority;
    return NO_ERROR;
}

uint64_t invoke_thread(struct message *message) {
    struct thread *thread = at(message->slot->object);
    switch (message->label) {
    case LABEL_TCBSetSpace:
        return invoke_set_space(message, thread);
    case LABEL_TCBSetIPCBuffer:
        return invoke_set_buffer(message, thread);
    case LABEL_TCBConfigure:
        return invoke_configure(message, thread);
    case LABEL_TCBWriteRegisters:
        return invoke_write_registers(message, thread);
    case LABEL_TCBSetPriority:
        return invoke_set_priority(message, thread, false);
    case LABEL_TCBSetSchedParams:
        if (STANDIN_IS_MCS) unimplemented("an invocation of a TCB, label", message->label);
        return invoke_set_priority(message, thread, true);
    case LABEL_TCBSuspend:
        go_back(thread);
        thread->state = INACTIVE;
        return NO_ERROR;
    case LABEL_TCBResume:
        if (thread->state != RUNNABLE) go_back(thread);
        thread->state = RUNNABLE;
        return NO_ERROR;
    case LABEL_TCBSetTLSBase:
        if (message->length < 1) return TRUNCATED_MESSAGE;
        thread->registers.x[TP] = argument(message, 0);
        return NO_ERROR;
    case LABEL_TCBReadRegisters:
    case LABEL_TCBCopyRegisters:
    case LABEL_TCBSetMCPriority:
    case LABEL_TCBBindNotification:
    case LABEL_TCBUnbindNotification:
    case LABEL_TCBSetFlags:
        unimplemented("an invocation of a TCB, label", message->label);
    default:
        return ILLEGAL_OPERATION;
    }
}
