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
    rv_put("casemate: ABORT: trap: scause ");
    rv_put_hex(cause);
    rv_put(" stval ");
    rv_put_hex(value);
    rv_put(" sepc ");
    rv_put_hex(pc);
    rv_put("\n");
    rv_end(SOLO5_EXIT_ABORT);
}
