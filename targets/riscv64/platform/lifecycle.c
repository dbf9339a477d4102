/*
 * How a guest ends: on purpose, by solo5_abort, or because the layer found something wrong. Always by power-off, which
 * firmware knows how to do: by SBI's SRST, else by its legacy call.
 */
#include "platform.h"
#include "sbi.h"

_Noreturn void rv_end(int status) {
    layer_forget_secrets();
    rv_tell_boot(status);
    /* Shutdown; the reason is "none" or "system failure". */
    sbi_call(SBI_SRST, 0, 0, status == 0 ? 0 : 1, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
    /* The firmware cannot: nothing more will run. */
    __asm__ volatile("csrw sie, zero");
    for (;;) __asm__ volatile("wfi");
}

static _Noreturn void abort_with(const char *reason, const char *between, const char *detail) {
    layer_forget_secrets();
    rv_put("casemate: ABORT: ");
    rv_put(reason);
    rv_put(between);
    rv_put(detail);
    rv_put("\n");
    rv_end(SOLO5_EXIT_ABORT);
}

_Noreturn void rv_abort(const char *reason) { abort_with(reason, "", ""); }

_Noreturn void rv_abort_because(const char *reason, const char *detail) { abort_with(reason, ": ", detail); }

void solo5_exit(int status) { rv_end(status); }

void solo5_abort(void) { rv_abort("solo5_abort() was called"); }
