/*
 * How a guest ends: on purpose, by solo5_abort, or because the layer found something wrong.
 */
#include "platform.h"

_Noreturn void hvt_end(int status, void *cookie) {
    layer_forget_secrets();
    volatile struct hvt_halt request = {.cookie = cookie, .status = status};
    for (;;) hvt_hypercall(HVT_HALT, &request);
}

_Noreturn void hvt_abort(const char *reason) {
    layer_forget_secrets();
    hvt_console_puts("casemate: ABORT: ");
    hvt_console_puts(reason);
    hvt_console_puts("\n");
    hvt_end(SOLO5_EXIT_ABORT, NULL);
}

void solo5_exit(int status) { hvt_end(status, NULL); }

void solo5_abort(void) { hvt_abort("solo5_abort() was called"); }
