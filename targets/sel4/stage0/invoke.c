/*
 * Invocations of capabilities: a message goes out, and the answer's label says what came of it.
 */
#include "stage0.h"

struct sel4_bootinfo *sel4_info;
struct sel4_ipc_buffer *sel4_buffer;
uint64_t sel4_answer;

uint64_t sel4_invoke(sel4_slot slot, uint64_t info, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth) {
    uint64_t words[SEL4_MESSAGE_REGISTERS] = {first, second, third, fourth};
    uint64_t error = sel4_call(slot, info, words) >> 12;
    sel4_answer = words[0];
    return error;
}

/* Before the layer's console is ready there is one only where the kernel prints for us. */
static void put(const char *text) {
#if SEL4_HAS_PUTCHAR
    for (; *text != '\0'; text++) sel4_send_number(SEL4_SYS_PUTCHAR, (unsigned char)*text);
#else
    (void)text;
#endif
}

_Noreturn void sel4_give_up(const char *what, uint64_t error) {
    /* libsel4 knows eleven errors. */
    char digits[] = {(char)('0' + error / 10 % 10), (char)('0' + error % 10), '\n', '\0'};
    put("casemate: ABORT: start-up: ");
    put(what);
    put(": seL4 error ");
    put(digits);
#if SEL4_HAS_HALT
    sel4_send_number(SEL4_SYS_HALT, 0);
#endif
    for (;;) sel4_send_number(SEL4_SYS_YIELD, 0);
}

void sel4_require(const char *what, uint64_t error) {
    if (error != SEL4_NO_ERROR) sel4_give_up(what, error);
}
