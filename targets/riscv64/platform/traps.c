/*
 * Traps: every one ends the guest with one line that says which (scause), on what address (stval) and where (sepc).
 *
 * Nothing here tries to continue: a trap means that a protection did its work or that the program is wrong. Interrupts
 * never arrive here, because sstatus.SIE stays clear: solo5_yield only waits for them.
 */
#include "platform.h"

_Noreturn void rv_trap_report(uint64_t cause, uint64_t value, uint64_t pc);

_Noreturn void rv_trap_report(uint64_t cause, uint64_t value, uint64_t pc) {
    layer_forget_secrets();
    layer_put("casemate: ABORT: trap: scause ");
    layer_put_hex(cause);
    layer_put(" stval ");
    layer_put_hex(value);
    layer_put(" sepc ");
    layer_put_hex(pc);
    layer_put("\n");
    layer_end(SOLO5_EXIT_ABORT);
}
