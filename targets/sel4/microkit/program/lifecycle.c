/*
 * How a protection domain ends: it waits for good for what nobody sends. It must stop neither the machine nor the kernel,
 * which are not its own, and must not take time from domains of lower priority.
 */
#include "abi.h"
#include "guest.h"

/* Where notifications and calls would arrive. Source: libmicrokit. */
#define INPUT 1u

_Noreturn void layer_end(int status) {
    uint64_t words[SEL4_MESSAGE_REGISTERS];
    layer_forget_secrets();
    layer_tell_boot(status);
    for (;;) sel4_wait(INPUT, words);
}
