/*
 * Interrupts of devices, through the machine's PLIC: each has one handler's capability, and a notification that it
 * signals. From when it has come until its handler acknowledges it, it does not come again.
 *
 * They come while a thread runs, and while none can; the stand-in itself is never interrupted.
 *
 * Source: RISC-V Platform-Level Interrupt Controller Specification 1.0.0.
 */
#include "standin.h"

#define PLIC 0xc000000ull
#define PRIORITY(irq) (PLIC + 4 * (irq))
#define ENABLE(context, irq) (PLIC + 0x2000 + 0x80 * (context) + (irq) / 32 * 4)
#define THRESHOLD(context) (PLIC + 0x200000 + 0x1000 * (context))
#define CLAIM(context) (THRESHOLD(context) + 4)

#define MOST_IRQ 96u /* the last stands for seL4's timer */

#define EXTERNAL (1u << 9)

/* Supervisor mode's on this hart. */
static uint64_t context;

static struct slot targets[MOST_IRQ + 1];
static bool is_issued[MOST_IRQ + 1] = {[MOST_IRQ] = true};

static volatile uint32_t *word_at(uint64_t address) { return at(address); }

static struct slot *target_of(uint64_t irq) { return at(physical_of_own(&targets[irq])); }

static void enable(uint64_t irq, bool on) {
    uint32_t bit = 1u << irq % 32;
    volatile uint32_t *word = word_at(ENABLE(context, irq));
    *word = on ? *word | bit : *word & ~bit;
}

void start_interrupts(uint64_t hart) {
    context = 2 * hart + 1;
    for (uint64_t irq = 1; irq < MOST_IRQ; irq++) {
        *word_at(PRIORITY(irq)) = 1;
        enable(irq, false);
    }
    *word_at(THRESHOLD(context)) = 0;
    __asm__ volatile("csrw sie, %0" ::"r"(EXTERNAL));
}

/* Takes what has come. */
void take_interrupts(void) {
    uint32_t irq;
    while ((irq = *word_at(CLAIM(context))) != 0) {
        enable(irq, false);
        *word_at(CLAIM(context)) = irq;
        struct slot *target = target_of(irq);
        if (target->kind == NOTIFICATION) signal(target->object, target->data);
    }
}

/* Whether anything can still come. */
bool may_be_interrupted(void) {
    for (uint64_t irq = 1; irq <= MOST_IRQ; irq++) {
        if (is_issued[irq] && target_of(irq)->kind == NOTIFICATION) return true;
    }
    return false;
}

void wait_for_interrupt(void) { __asm__ volatile("wfi"); }

void lose_handler(uint64_t irq) {
    enable(irq, false);
    delete_slot(target_of(irq));
    is_issued[irq] = false;
}

uint64_t invoke_irq_control(struct message *message) {
    struct slot *to;
    if (message->label != LABEL_IRQIssueIRQHandler) {
        if (message->label != LABEL_RISCVIRQIssueIRQHandlerTrigger) return ILLEGAL_OPERATION;
        /* This machine's interrupts are as they are. */
        return message->length < 4 || message->extra_count < 1 ? TRUNCATED_MESSAGE : ILLEGAL_OPERATION;
    }
    if (message->length < 3 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    uint64_t irq = argument(message, 0);
    if (irq < 1 || irq > MOST_IRQ) return fail_range(message, 1, MOST_IRQ);
    if (is_issued[irq]) return REVOKE_FIRST;
    uint64_t error = find_for_cnode(message, message->extra[0], argument(message, 1), argument(message, 2), false, &to);
    if (error != NO_ERROR) return error;
    if (to->kind != NOTHING) return DELETE_FIRST;
    is_issued[irq] = true;
    insert_derived(to, &(struct slot){.kind = IRQ_HANDLER, .object = irq}, message->slot, true);
    enable(irq, true);
    return NO_ERROR;
}

uint64_t invoke_irq_handler(struct message *message) {
    uint64_t irq = message->slot->object;
    struct slot *from = message->extra[0], copy;
    switch (message->label) {
    case LABEL_IRQAckIRQ:
        enable(irq, true);
        return NO_ERROR;
    case LABEL_IRQSetIRQHandler:
        if (message->extra_count < 1) return TRUNCATED_MESSAGE;
        if (from->kind != NOTIFICATION || !(from->rights & RIGHT_WRITE)) return fail_capability(message, 0);
        derive(from, &copy, message);
        delete_slot(target_of(irq));
        insert_derived(target_of(irq), &copy, from, from->flags & IS_ORIGINAL);
        return NO_ERROR;
    case LABEL_IRQClearIRQHandler:
        delete_slot(target_of(irq));
        return NO_ERROR;
    default:
        return ILLEGAL_OPERATION;
    }
}
