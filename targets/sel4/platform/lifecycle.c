/*
 * How a root task ends. Where the machine has a device that powers it off, by that; else, where the kernel has a system call
 * for it (debug builds), by stopping the kernel; else by doing nothing for good, after the last word that `casemate boot`
 * waits for.
 */
#include "abi.h"
#include "guest.h"
#include "waiting.h"

#define POWER_OFF 0x5555u /* to a sifive,test0: all is well */

static void power_off(void) {
    struct fdt_range place = layer_machine.places[MACHINE_SIFIVE_TEST].registers;
    volatile uint32_t *test = place.size >= 4 ? layer_registers(place.address, 4) : NULL;
    if (test != NULL) *test = POWER_OFF;
}

_Noreturn void layer_end(int status) {
    layer_forget_secrets();
    layer_tell_boot(status);
    power_off();
#if SEL4_HAS_HALT
    sel4_send_number(SEL4_SYS_HALT, 0);
#endif
    for (;;) layer_idle();
}
