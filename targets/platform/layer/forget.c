/*
 * Variables that hold secrets are set to zeros before a guest ends, whatever ends it: memory outlives the guest, in dumps
 * and in whatever the machine runs next. Which variables these are the build says (secrets.c).
 */
#include "layer.h"

void layer_forget_secrets(void) {
    /* A trap in here ends the guest, too, and comes here again. */
    static volatile bool begun;
    if (begun) return;
    begun = true;
    for (size_t i = 0; i < layer_secret_variable_count; i++) {
        const struct layer_secret_variable *variable = &layer_secret_variables[i];
        for (size_t at = 0; at < variable->size; at++) variable->start[at] = 0;
    }
}
