/*
 * The probes' unikernel: a probe's name on the command line, one probe per boot, because most of them end the guest.
 *
 * Exit status 0: the probe got through. 2: no such probe. A guest that was stopped ends otherwise. `where` is no probe:
 * it says where this boot has put everything, for whoever counts distinct addresses.
 */
#include "probe.h"

extern uintptr_t __stack_chk_guard;

/* The mode of satp, and whether there was entropy to draw addresses from. */
static void say_machine(void) {
    say("machine ");
    say_hex(satp() >> 60);
    say(layer_boot->has_entropy ? " entropy\n" : " -\n");
}

static void say_place(const char *what, uint64_t address) {
    say(what);
    say(" ");
    say_hex(address);
    say("\n");
}

/* Found by looking at itself where that can be done: the program counter, the stack pointer. */
static void where(void) {
    uintptr_t pc;
    __asm__ volatile("auipc %0, 0" : "=r"(pc));
    say_place("pc", pc);
    say_place("stack", (uintptr_t)__builtin_frame_address(0));
    say_place("heap", layer_boot->heap);
    say_place("trap-stack", layer_boot->trap_stack_low);
    say_place("boot-block", (uintptr_t)layer_boot);
    say_place("canary", __stack_chk_guard);
}

/* The control: does what every probe does, to memory where all of it is allowed. */
static void control(void) {
    say_machine();
    volatile uint8_t *heap = (uint8_t *)heap_page();
    *heap = 37;
    tries((uintptr_t)heap, (uintptr_t)heap);
    succeeded(*heap + code_in_rodata[1]);
}

int solo5_app_main(const struct solo5_start_info *info) {
    take_name(info->cmdline);
    if (equal(probe_name, "control")) return control(), 0;
    if (equal(probe_name, "where")) return where(), 0;
    if (probe_memory(probe_name) || probe_stack(probe_name) || probe_sweep(probe_name) || probe_undo(probe_name))
        return 0;
    say("probe: no such probe\n");
    return 2;
}
