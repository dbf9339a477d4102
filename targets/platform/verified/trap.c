/*
 * Where C calls verified code without keeping to its preconditions, in a program for a system that we do not know: which
 * one is left where a debugger finds it, and the program ends as it does for an impossible instruction.
 */
#include "casemate-lowered.h"

/* Volatile, because nothing after it reads them. */
const char *volatile casemate_failed_function;
const char *volatile casemate_failed_clause;

void casemate_precondition_failed(const char *function, const char *clause) {
    casemate_failed_function = function;
    casemate_failed_clause = clause;
    __builtin_trap();
}
