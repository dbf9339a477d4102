/*
 * A root task that does nothing but say one line: what any root task on this kernel takes.
 */
#include "abi.h"

_Noreturn void sel4_stage0(struct sel4_bootinfo *info);

_Noreturn void sel4_stage0(struct sel4_bootinfo *info) {
    (void)info;
    for (const char *text = "an empty root task\n"; *text != '\0'; text++)
        sel4_send_number(SEL4_SYS_PUTCHAR, (unsigned char)*text);
    for (;;) sel4_send_number(SEL4_SYS_YIELD, 0);
}
