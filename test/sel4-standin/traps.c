/* Why a thread came here: a system call, a fault, or an interrupt. Every way out chooses who runs next. */
#include "standin.h"

enum {
    SYS_CALL = -1,
#if STANDIN_IS_MCS
    SYS_SEND = -5,
    SYS_NB_SEND = -6,
    SYS_RECV = -7,
    SYS_NB_RECV = -8,
    SYS_WAIT = -9,
    SYS_NB_WAIT = -10,
    SYS_YIELD = -11,
#else
    SYS_REPLY_RECV = -2,
    SYS_SEND = -3,
    SYS_NB_SEND = -4,
    SYS_RECV = -5,
    SYS_REPLY = -6,
    SYS_YIELD = -7,
    SYS_NB_RECV = -8,
#endif
    /* These count on from the last of the others. */
    SYS_FIRST_DEBUG = STANDIN_IS_MCS ? -12 : -9,
    SYS_DEBUG_PUTCHAR = SYS_FIRST_DEBUG,
    SYS_DEBUG_DUMP = SYS_FIRST_DEBUG - 1,
    SYS_DEBUG_HALT = SYS_FIRST_DEBUG - 2,
    SYS_DEBUG_CAP_IDENTIFY = SYS_FIRST_DEBUG - 3,
    SYS_DEBUG_SNAPSHOT = SYS_FIRST_DEBUG - 4,
    SYS_DEBUG_NAME_THREAD = SYS_FIRST_DEBUG - 5,
};

static uint64_t invoke(struct message *message) {
    switch (message->slot->kind) {
    case NOTHING:
        return fail_capability(message, 0);
    case UNTYPED:
        return invoke_untyped(message);
    case CNODE:
        return invoke_cnode(message);
    case THREAD:
        return invoke_thread(message);
    case FRAME:
        return invoke_frame(message);
    case TABLE:
        return invoke_table(message);
    case ASID_POOL:
        return invoke_asid_pool(message);
    case ASID_CONTROL:
        return invoke_asid_control(message);
    case IRQ_CONTROL:
        return invoke_irq_control(message);
    case IRQ_HANDLER:
        return invoke_irq_handler(message);
    case SCHED_CONTROL:
        return invoke_sched_control(message);
    case SCHED_CONTEXT:
        return invoke_sched_context(message);
    case NOTIFICATION:
        if (!(message->slot->rights & RIGHT_WRITE)) return fail_capability(message, 0);
        signal(message->slot->object, message->slot->data);
        return NO_ERROR;
    default:
        unimplemented("an invocation of a capability of kind", message->slot->kind);
    }
}

/* The slots of capabilities that go with a message are named after its words in the IPC buffer. */
#define FIRST_EXTRA 122u

static bool find_extra(struct message *message, uint64_t count, uint64_t *address, struct lookup_failure *failure) {
    uint64_t left;
    for (uint64_t i = 0; message->buffer != NULL && i < count; i++) {
        *address = message->buffer[FIRST_EXTRA + i];
        if (!resolve(&message->sender->cspace, *address, 64, &message->extra[i], &left, failure)) return false;
        message->extra_count++;
    }
    return true;
}

static void handle_invocation(struct thread *thread, bool is_blocking, bool is_call) {
    uint64_t info = thread->registers.x[A1], address = thread->registers.x[A0], left, length = info & 127;
    struct message message = {.sender = thread, .label = info >> 12, .buffer = buffer_of(thread), .is_call = is_call};
    struct lookup_failure failure;
    if (!resolve(&thread->cspace, address, 64, &message.slot, &left, &failure) ||
        !find_extra(&message, info >> 7 & 3, &address, &failure)) {
        if (is_blocking) raise(thread, (struct fault){FAULT_CAP, thread->registers.x[0] - 4, address, 0, failure});
        return;
    }
    if (message.slot->kind == ENDPOINT) {
        if (message.slot->rights & RIGHT_WRITE) return send(thread, message.slot, is_blocking, is_call);
        fail_capability(&message, 0);
    }
    message.length = length > 120 ? 120 : length;
    if (message.length > 4 && message.buffer == NULL) message.length = 4;
    uint64_t error = message.slot->kind == ENDPOINT ? INVALID_CAPABILITY : invoke(&message);
    if (!is_call) return;
    thread->registers.x[A0] = 0;
    thread->registers.x[A1] = error << 12 | message.answer_length;
    for (uint64_t i = 0; i < message.answer_length; i++) thread->registers.x[A2 + i] = message.answer[i];
}

static void name_thread(const struct thread *thread) {
    struct slot *slot;
    uint64_t left;
    struct lookup_failure failure;
    const uint64_t *buffer = buffer_of(thread);
    if (buffer == NULL || !resolve(&thread->cspace, thread->registers.x[A0], 64, &slot, &left, &failure) ||
        slot->kind != THREAD) {
        unimplemented("naming what is no thread, or without an IPC buffer, at", thread->registers.x[A0]);
    }
    struct thread *named = at(slot->object);
    const char *name = (const char *)(buffer + 1);
    size_t length = 0;
    while (length < sizeof named->name - 1 && name[length] != '\0') length++;
    __builtin_memset(named->name, 0, sizeof named->name);
    __builtin_memcpy(named->name, name, length);
}

static bool handle_debug_call(struct thread *thread, int64_t number) {
#if STANDIN_PRINTING
    if (number == SYS_DEBUG_PUTCHAR) {
        char text[2] = {(char)thread->registers.x[A0], '\0'};
        say(text);
        return true;
    }
    if (number == SYS_DEBUG_HALT) {
        say("Debug halt syscall from user thread ");
        say_hex((uint64_t)thread);
        say(" \"");
        say(thread->name);
        say("\"\nhalting...\n");
        end(true);
    }
    if (number == SYS_DEBUG_NAME_THREAD) {
        name_thread(thread);
        return true;
    }
    if (number == SYS_DEBUG_DUMP || number == SYS_DEBUG_CAP_IDENTIFY || number == SYS_DEBUG_SNAPSHOT) {
        unimplemented("debug system call", (uint64_t)-number);
    }
#else
    (void)name_thread;
    (void)thread;
    (void)number;
#endif
    return false;
}

void handle_system_call(struct thread *thread) {
    int64_t number = (int64_t)thread->registers.x[A7];
    bool is_yield = false;
    thread->registers.x[0] += 4;
    switch (number) {
    case SYS_CALL:
        handle_invocation(thread, true, true);
        break;
    case SYS_SEND:
        handle_invocation(thread, true, false);
        break;
    case SYS_NB_SEND:
        handle_invocation(thread, false, false);
        break;
#if STANDIN_IS_MCS
    case SYS_WAIT:
        receive(thread, true, false);
        break;
    case SYS_NB_WAIT:
        receive(thread, false, false);
        break;
#else
    case SYS_REPLY:
        reply(thread);
        break;
    case SYS_REPLY_RECV:
        reply(thread);
        receive(thread, true, false);
        break;
#endif
    case SYS_RECV:
        receive(thread, true, STANDIN_IS_MCS);
        break;
    case SYS_NB_RECV:
        receive(thread, false, STANDIN_IS_MCS);
        break;
    case SYS_YIELD:
        is_yield = true;
        break;
    default:
        if (handle_debug_call(thread, number)) break;
        if (number < 0 && number > SYS_FIRST_DEBUG) unimplemented("system call", (uint64_t)-number);
        const uint64_t ip = thread->registers.x[0] - 4;
        raise(thread, (struct fault){.kind = FAULT_UNKNOWN_SYSCALL, .ip = ip, .first = (uint64_t)number});
        break;
    }
    choose_thread(is_yield);
}

static uint64_t read_scause(void) {
    uint64_t value;
    __asm__ volatile("csrr %0, scause" : "=r"(value));
    return value;
}

static uint64_t read_stval(void) {
    uint64_t value;
    __asm__ volatile("csrr %0, stval" : "=r"(value));
    return value;
}

/* Causes; page faults are told as the access faults that they amount to. */
enum {
    FETCH_ACCESS = 1,
    LOAD_ACCESS = 5,
    STORE_ACCESS = 7,
    CALL_FROM_USER = 8,
    FETCH_PAGE = 12,
    LOAD_PAGE = 13,
    STORE_PAGE = 15,
};

static uint64_t status_of(uint64_t cause) {
    if (cause == FETCH_PAGE || cause == FETCH_ACCESS) return FETCH_ACCESS;
    if (cause == LOAD_PAGE || cause == LOAD_ACCESS) return LOAD_ACCESS;
    return cause == STORE_PAGE || cause == STORE_ACCESS ? STORE_ACCESS : 0;
}

struct registers *trap(void);

struct registers *trap(void) {
    uint64_t cause = read_scause(), ip = current->registers.x[0];
    if (cause >> 63) {
        take_interrupts();
        choose_thread(false);
        return &current->registers;
    }
    if (cause == CALL_FROM_USER) {
        handle_system_call(current);
        return &current->registers;
    }
    struct fault fault = {.kind = FAULT_USER_EXCEPTION, .ip = ip, .first = cause};
    if (status_of(cause) != 0)
        fault = (struct fault){.kind = FAULT_VM, .ip = ip, .first = read_stval(), .second = status_of(cause)};
    raise(current, fault);
    choose_thread(false);
    return &current->registers;
}

_Noreturn void own_fault(uint64_t cause, uint64_t pc, uint64_t value);

_Noreturn void own_fault(uint64_t cause, uint64_t pc, uint64_t value) {
    say("stand-in: a mistake of its own: trap ");
    say_decimal(cause);
    say(" at ");
    say_hex(pc);
    say(" with ");
    say_hex(value);
    say("\n");
    end(false);
}
