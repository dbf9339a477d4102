/*
 * What remains of the root task: it waits for the program's end, which is a message of the program's or the kernel's word
 * that it was stopped, and says on the console which.
 *
 * Messages come from a program that may be hostile. Nothing of them is used but numbers to print, and the first ends it all.
 *
 * Source: the seL4 reference manual 13.0, section 6.2 (faults); libsel4's shared_types.bf (their numbers) and the order of
 * words in each fault's message.
 */
#include "first-stage.h"
#include "guest.h"
#include "ending.h"

/* Labels of faults. A program's own message has one that is none of these: targets/sel4/platform/lifecycle.c. */
enum {
    CAPABILITY_FAULT = 1,
    UNKNOWN_SYSCALL = 2,
    USER_EXCEPTION = 3,
#if SEL4_IS_MCS
    MEMORY_FAULT = 6,
#else
    MEMORY_FAULT = 5,
#endif
};

/* What an access was that was no fetch of an instruction, by the machine's word. */
static const char *access(uint64_t status) {
#if defined(__riscv)
    return status == 7 || status == 15 || status == 6 ? "writing" : "reading"; /* scause: access, page, misaligned */
#elif defined(__x86_64__)
    return status >> 1 & 1 ? "writing" : "reading";
#else
    return status >> 6 & 1 ? "writing" : "reading";
#endif
}

static void say_at(uint64_t pc) {
    layer_put(" at ");
    layer_put_hex(pc);
}

static void say_memory_fault(const uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    layer_put(words[2] != 0 ? "executing" : access(words[3]));
    layer_put(" ");
    layer_put_hex(words[1]);
    say_at(words[0]);
    layer_put(", status ");
    layer_put_hex(words[3]);
}

static void say_fault(uint64_t label, const uint64_t words[SEL4_MESSAGE_REGISTERS]) {
    layer_put("casemate: ABORT: fault: ");
    switch (label) {
    case MEMORY_FAULT: say_memory_fault(words); break;
    case CAPABILITY_FAULT:
        layer_put("no capability ");
        layer_put_hex(words[1]);
        say_at(words[0]);
        break;
    case UNKNOWN_SYSCALL: layer_put("an unknown system call"); break;
    case USER_EXCEPTION:
        layer_put("an exception");
        say_at(words[0]);
        break;
    default:
        layer_put("of kind ");
        layer_put_hex(label);
        break;
    }
    layer_put("\n");
}

/* The command line; the program has been given the same. */
static const char *arguments(void) {
    if (!ARCH_HAS_TREE) return (const char *)layer_boot->command_line;
    return layer_machine.bootargs.size > 0 ? (const char *)layer_machine.bootargs.data : "";
}

_Noreturn void sel4_watch(sel4_slot endpoint) {
    uint64_t words[SEL4_MESSAGE_REGISTERS];
    uint64_t label = sel4_wait(endpoint, words) >> 12;
    /* The program has said its last word itself. */
    if (label == SEL4_ENDED) sel4_stop();
    say_fault(label, words);
    /* The words for `casemate boot` among them are what this is for. */
    layer_take_options(arguments());
    layer_end(SOLO5_EXIT_ABORT);
}
