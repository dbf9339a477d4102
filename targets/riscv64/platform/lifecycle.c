/*
 * How a guest ends: by power-off, which firmware knows how to do: by SBI's SRST, else by its legacy call.
 */
#include "platform.h"
#include "sbi.h"

_Noreturn void layer_end(int status) {
    layer_forget_secrets();
    layer_tell_boot(status);
    /* Shutdown; the reason is "none" or "system failure". */
    sbi_call(SBI_SRST, 0, 0, status == 0 ? 0 : 1, 0);
    sbi_call(SBI_LEGACY_SHUTDOWN, 0, 0, 0, 0);
    /* The firmware cannot: nothing more will run. */
    __asm__ volatile("csrw sie, zero");
    for (;;) __asm__ volatile("wfi");
}
