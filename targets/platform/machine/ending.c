/*
 * The words before a guest's end: on purpose, by solo5_abort, or because the layer found something wrong. The end itself
 * is the target's layer_end.
 */
#include "guest.h"

static _Noreturn void abort_with(const char *reason, const char *between, const char *detail) {
    layer_forget_secrets();
    layer_put("casemate: ABORT: ");
    layer_put(reason);
    layer_put(between);
    layer_put(detail);
    layer_put("\n");
    layer_end(SOLO5_EXIT_ABORT);
}

_Noreturn void layer_abort(const char *reason) { abort_with(reason, "", ""); }

_Noreturn void layer_abort_because(const char *reason, const char *detail) { abort_with(reason, ": ", detail); }

void solo5_exit(int status) { layer_end(status); }

void solo5_abort(void) { layer_abort("solo5_abort() was called"); }
