/*
 * Scheduling contexts of an MCS kernel, as far as giving a thread time goes: one that has a context that was configured
 * runs, any other waits for one. What budgets and periods are is not looked at.
 */
#include "standin.h"

#if STANDIN_IS_MCS

bool has_time(const struct thread *thread) {
    return thread->sched_context != 0 && ((const struct sched_context *)at(thread->sched_context))->is_configured;
}

void lose_time(uint64_t object) {
    struct sched_context *context = at(object);
    if (context->thread != 0) ((struct thread *)at(context->thread))->sched_context = 0;
    context->thread = 0;
}

/* Words of a call that sets time: budget, period, refills, badge, flags. */
#define TIME_WORDS 5u

uint64_t invoke_sched_control(struct message *message) {
    if (message->label != LABEL_SchedControlConfigureFlags) return ILLEGAL_OPERATION;
    if (message->extra_count < 1 || message->length < TIME_WORDS) return TRUNCATED_MESSAGE;
    if (message->extra[0]->kind != SCHED_CONTEXT) return fail_capability(message, 1);
    struct sched_context *context = at(message->extra[0]->object);
    context->is_configured = true;
    return NO_ERROR;
}

uint64_t invoke_sched_context(struct message *message) {
    if (message->label == LABEL_SchedContextUnbind)
        unimplemented("an invocation of a scheduling context, label", message->label);
    if (message->label != LABEL_SchedContextBind) return ILLEGAL_OPERATION;
    if (message->extra_count < 1) return TRUNCATED_MESSAGE;
    if (message->extra[0]->kind == NOTIFICATION) unimplemented("SchedContext_Bind of a notification", 0);
    if (message->extra[0]->kind != THREAD) return fail_capability(message, 1);
    struct sched_context *context = at(message->slot->object);
    struct thread *thread = at(message->extra[0]->object);
    if (context->thread != 0 || thread->sched_context != 0) return ILLEGAL_OPERATION;
    context->thread = physical_of(thread);
    thread->sched_context = message->slot->object;
    return NO_ERROR;
}

#else

bool has_time(const struct thread *thread) {
    (void)thread;
    return true;
}

void lose_time(uint64_t object) { (void)object; }

uint64_t invoke_sched_control(struct message *message) {
    (void)message;
    return ILLEGAL_OPERATION;
}

uint64_t invoke_sched_context(struct message *message) { return invoke_sched_control(message); }

#endif
