/*
 * How a root task ends. Where the machine has a device that powers it off, by that; else, where the kernel has a system call
 * for it (debug builds), by stopping the kernel; else by doing nothing for good, after the last word that `casemate boot`
 * waits for. A program with a first stage tells that, which does the same in its place.
 */
#include "abi.h"
#include "ask.h"
#include "ending.h"
#include "guest.h"
#include "waiting.h"

#define POWER_OFF 0x5555u /* to a sifive,test0: all is well */

static void power_off(void) {
    struct fdt_range place = layer_machine.places[MACHINE_SIFIVE_TEST].registers;
    volatile uint32_t *test = place.size >= 4 ? layer_registers(place.address, 4) : NULL;
    if (test != NULL) *test = POWER_OFF;
}

_Noreturn void sel4_stop(void) {
    power_off();
#if SEL4_HAS_HALT
    sel4_send_number(SEL4_SYS_HALT, 0);
#endif
    for (;;) layer_idle();
}

_Noreturn void layer_end(int status) {
    layer_forget_secrets();
    layer_tell_boot(status);
    if (layer_boot != NULL && layer_boot->capabilities.parent != 0)
        sel4_ask(layer_boot->capabilities.parent, SEL4_ENDED, 0, 0, 0, NULL);
    sel4_stop();
}
