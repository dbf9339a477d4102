/*
 * Messages from thread to thread through endpoints, signals through notifications, and faults, which are messages that the
 * stand-in sends for a thread.
 * A fault that nobody handles is said on the console, with the same words as a debug kernel's, and its thread stops.
 */
#include "standin.h"

static struct thread *thread_numbered(uint32_t number) { return number == 0 ? NULL : at((uint64_t)number << 4); }
static uint32_t number_of(const struct thread *thread) { return (uint32_t)(physical_of(thread) >> 4); }

/* Endpoints and notifications begin with who waits for them. */
static void await(uint64_t object, struct thread *thread, enum thread_state state) {
    struct queue *queue = at(object);
    thread->queued = NULL;
    thread->awaited = object;
    thread->state = state;
    if (queue->first == 0) queue->first = number_of(thread);
    else thread_numbered(queue->last)->queued = thread;
    queue->last = number_of(thread);
}

static void leave(struct thread *thread) {
    struct queue *queue = at(thread->awaited);
    struct thread *before = NULL;
    for (struct thread *waiting = thread_numbered(queue->first); waiting != thread; waiting = waiting->queued) before = waiting;
    uint32_t after = thread->queued == NULL ? 0 : number_of(thread->queued);
    if (before == NULL) queue->first = after;
    else before->queued = thread->queued;
    if (after == 0) queue->last = before == NULL ? 0 : number_of(before);
}

/* The first that waits, which no longer does; NULL: nobody. */
static struct thread *take_first(uint64_t object) {
    struct thread *thread = thread_numbered(((struct queue *)at(object))->first);
    if (thread != NULL) leave(thread);
    return thread;
}

void cancel_wait(struct thread *thread) {
    if (thread->state == SENDING || thread->state == RECEIVING) leave(thread);
    if (thread->state == AWAITING_REPLY) forget_call(thread);
    thread->fault.kind = FAULT_NONE;
}

/* A thread that waited, or had faulted, will try again what it was at. */
void go_back(struct thread *thread) {
    bool waited = thread->state != RUNNABLE && thread->state != INACTIVE;
    if (thread->fault.kind != FAULT_NONE) thread->registers.x[0] = thread->fault.ip;
    else if (waited) thread->registers.x[0] -= 4;
    cancel_wait(thread);
}

/* They try again, and find nothing there. */
void free_waiting(uint64_t object) {
    struct queue *queue = at(object);
    while (queue->first != 0) {
        struct thread *thread = thread_numbered(queue->first);
        go_back(thread);
        thread->state = RUNNABLE;
    }
}

void signal(uint64_t object, uint64_t badge) {
    struct notification *notification = at(object);
    struct thread *thread = take_first(object);
    if (thread != NULL) {
        thread->registers.x[A0] = badge;
        thread->state = RUNNABLE;
        return;
    }
    notification->is_active = true;
    notification->badges |= badge;
}

static void receive_signal(struct thread *receiver, uint64_t object, bool is_blocking) {
    struct notification *notification = at(object);
    if (notification->is_active) {
        receiver->registers.x[A0] = notification->badges;
        notification->is_active = false;
        notification->badges = 0;
    } else if (is_blocking) {
        await(object, receiver, RECEIVING);
    } else {
        receiver->registers.x[A0] = 0;
    }
}

#define MOST_WORDS 120u

static void put_word(struct thread *receiver, uint64_t index, uint64_t word) {
    uint64_t *buffer = buffer_of(receiver);
    if (index < 4) receiver->registers.x[A2 + index] = word;
    else if (buffer != NULL) buffer[1 + index] = word;
}

static uint64_t word_of(const struct thread *sender, uint64_t index) {
    const uint64_t *buffer = buffer_of(sender);
    if (index < 4) return sender->registers.x[A2 + index];
    return buffer == NULL ? 0 : buffer[1 + index];
}

static uint64_t fault_words(struct thread *receiver, const struct thread *sender) {
    const struct fault *fault = &sender->fault;
    const uint64_t *x = sender->registers.x;
    uint64_t words[16] = {fault->ip}, length = 1;
    switch (fault->kind) {
    case FAULT_CAP:
        words[length++] = fault->first;
        words[length++] = fault->second;
        for (uint64_t i = 0; i < fault->lookup.count; i++) words[length++] = fault->lookup.words[i];
        break;
    case FAULT_UNKNOWN_SYSCALL:
        words[length++] = x[SP];
        words[length++] = x[RA];
        for (unsigned i = 0; i < 7; i++) words[length++] = x[A0 + i];
        words[length++] = fault->first;
        break;
    case FAULT_USER_EXCEPTION:
        words[length++] = x[SP];
        words[length++] = fault->first;
        words[length++] = fault->second;
        break;
    default:
        words[length++] = fault->first;
        words[length++] = fault->second == 1;
        words[length++] = fault->second;
        break;
    }
    for (uint64_t i = 0; i < length; i++) put_word(receiver, i, words[i]);
    return length;
}

static void transfer(struct thread *sender, struct thread *receiver, uint64_t badge) {
    uint64_t info = sender->registers.x[A1], label = info >> 12, length = info & 127;
    if (sender->fault.kind != FAULT_NONE) {
        label = sender->fault.kind;
        length = fault_words(receiver, sender);
    } else {
        if (info >> 7 & 3) unimplemented("capabilities sent to another thread", info >> 7 & 3);
        if (length > MOST_WORDS) length = MOST_WORDS;
        if (length > 4 && (buffer_of(sender) == NULL || buffer_of(receiver) == NULL)) length = 4;
        for (uint64_t i = 0; i < length; i++) put_word(receiver, i, word_of(sender, i));
    }
    receiver->registers.x[A0] = badge;
    receiver->registers.x[A1] = label << 12 | length;
}

/* What becomes of a sender whose message has arrived. With MCS nobody answers: that would take a reply object. */
static void arrived(struct thread *sender, struct thread *receiver) {
    if (!sender->is_call) {
        sender->state = RUNNABLE;
    } else if (sender->may_grant_reply && !STANDIN_IS_MCS) {
        sender->state = AWAITING_REPLY;
        receiver->caller = sender;
    } else {
        sender->state = INACTIVE;
    }
}

static void send_from(struct thread *sender, const struct slot *capability, bool is_blocking, bool is_call) {
    struct endpoint *endpoint = at(capability->object);
    sender->is_call = is_call;
    sender->badge = capability->data;
    sender->may_grant_reply = capability->rights & (RIGHT_GRANT | RIGHT_GRANT_REPLY);
    if (endpoint->queue.first != 0 && endpoint->is_receiving) {
        struct thread *receiver = take_first(capability->object);
        transfer(sender, receiver, sender->badge);
        receiver->state = RUNNABLE;
        arrived(sender, receiver);
    } else if (is_blocking) {
        endpoint->is_receiving = false;
        await(capability->object, sender, SENDING);
    }
}

void send(struct thread *sender, const struct slot *capability, bool is_blocking, bool is_call) {
    sender->fault.kind = FAULT_NONE;
    send_from(sender, capability, is_blocking, is_call);
}

static void say_fault(const struct fault *fault) {
    switch (fault->kind) {
    case FAULT_CAP:
        say("cap fault in ");
        say(fault->second ? "receive" : "send");
        say(" phase at address ");
        say_hex(fault->first);
        break;
    case FAULT_UNKNOWN_SYSCALL:
        say("unknown syscall ");
        say_hex(fault->first);
        break;
    case FAULT_USER_EXCEPTION:
        say("user exception ");
        say_hex(fault->first);
        say(" code ");
        say_hex(fault->second);
        break;
    default:
        say(fault->second == 1 ? "vm fault on code at address " : "vm fault on data at address ");
        say_hex(fault->first);
        say(" with status ");
        say_hex(fault->second);
        break;
    }
}

/* Where a thread's faults go; NULL: nowhere. */
static const struct slot *handler_of(struct thread *thread) {
    struct slot *handler = &thread->handler;
    uint64_t left;
    struct lookup_failure failure;
    const uint8_t grants = RIGHT_GRANT | RIGHT_GRANT_REPLY;
    if (!STANDIN_IS_MCS && !resolve(&thread->cspace, thread->fault_handler, 64, &handler, &left, &failure)) return NULL;
    return handler->kind == ENDPOINT && handler->rights & RIGHT_WRITE && handler->rights & grants ? handler : NULL;
}

void raise(struct thread *thread, struct fault fault) {
    const struct slot *handler = handler_of(thread);
    thread->fault = fault;
    if (handler != NULL) return send_from(thread, handler, true, true);
    if (STANDIN_IS_MCS) {
        say("Found thread has no fault handler");
    } else {
        say("Caught cap fault in send phase at address ");
        say_hex(thread->fault_handler);
    }
    say("\nwhile trying to handle:\n");
    say_fault(&fault);
    say("\nin thread ");
    say_hex((uint64_t)thread);
    say(" \"");
    say(thread->name);
    say("\" at address ");
    say_hex(fault.ip);
    say("\n");
    thread->state = INACTIVE;
}

static void fail_receive(struct thread *receiver, uint64_t address, const struct lookup_failure *failure) {
    raise(receiver, (struct fault){FAULT_CAP, receiver->registers.x[0] - 4, address, 1, *failure});
}

void receive(struct thread *receiver, bool is_blocking, bool with_reply) {
    struct slot *capability;
    uint64_t left, address = receiver->registers.x[A0];
    struct lookup_failure failure;
    if (!resolve(&receiver->cspace, address, 64, &capability, &left, &failure))
        return fail_receive(receiver, address, &failure);
    if ((capability->kind != ENDPOINT && capability->kind != NOTIFICATION) || !(capability->rights & RIGHT_READ)) {
        return fail_receive(receiver, address, &(struct lookup_failure){{2, 0}, 2});
    }
    if (with_reply && capability->kind == ENDPOINT) unimplemented("receiving with a reply object, at", address);
    /* Who was to be answered no longer is. */
    if (receiver->caller != NULL) receiver->caller->state = INACTIVE;
    receiver->caller = NULL;
    if (capability->kind == NOTIFICATION) return receive_signal(receiver, capability->object, is_blocking);
    struct endpoint *endpoint = at(capability->object);
    if (endpoint->queue.first != 0 && !endpoint->is_receiving) {
        struct thread *sender = take_first(capability->object);
        transfer(sender, receiver, sender->badge);
        arrived(sender, receiver);
    } else if (is_blocking) {
        endpoint->is_receiving = true;
        await(capability->object, receiver, RECEIVING);
    } else {
        receiver->registers.x[A0] = 0;
    }
}

void reply(struct thread *sender) {
    struct thread *caller = sender->caller;
    uint64_t info = sender->registers.x[A1], label = info >> 12, length = info & 127;
    if (caller == NULL) return;
    sender->caller = NULL;
    if (caller->fault.kind == FAULT_NONE) {
        transfer(sender, caller, 0);
        caller->state = RUNNABLE;
        return;
    }
    /* It goes on where it faulted; after some faults where the answer says. */
    bool is_vm = caller->fault.kind == FAULT_VM || caller->fault.kind == FAULT_CAP;
    caller->registers.x[0] = caller->fault.ip;
    if (!is_vm && length > 0) caller->registers.x[0] = word_of(sender, 0);
    if (!is_vm && length > 1) caller->registers.x[SP] = word_of(sender, 1);
    caller->state = is_vm || label == 0 ? RUNNABLE : INACTIVE;
    caller->fault.kind = FAULT_NONE;
}
