/*
 * Where C calls verified code without keeping to its preconditions: which one, on the console, and the end. Nothing that
 * was proved holds from there on, so nothing more is run.
 */
#include <solo5.h>

#include "casemate-lowered.h"

static void say(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}

void casemate_precondition_failed(const char *function, const char *clause) {
    say("casemate: a caller broke a precondition of ");
    say(function);
    say(": ");
    say(clause);
    say("\n");
    solo5_abort();
}
