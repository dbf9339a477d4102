/*
 * The probes' unikernel: a probe's name on the command line, one probe per boot, because most of them end the guest.
 *
 * Exit status 0: the probe got through, or was refused and says so. 2: no such probe. A guest that was stopped ends
 * otherwise. `where` is no probe: it says where this boot has put everything, for whoever counts distinct addresses.
 */
#include "probe.h"

extern const uint8_t code_in_rodata[];

static void say_place(const char *what, uint64_t address) {
    say(what);
    say(" ");
    say_hex(address);
    say("\n");
}

static void where(void) {
    say_place("image", (uintptr_t)sel4_image);
    say_place("stack", (uintptr_t)__builtin_frame_address(0));
    say_place("heap", layer_boot->heap);
    say_place("boot-block", (uintptr_t)layer_boot);
    say_place("canary", layer_boot->canary);
    say_place("entropy", layer_boot->has_entropy);
}

/* The control: does what every probe does, to memory where all of it is allowed. */
static void control(void) {
    volatile uint8_t *heap = (uint8_t *)heap_page();
    *heap = 37;
    tries((uintptr_t)heap, (uintptr_t)heap);
    succeeded((uint64_t)*heap + code_in_rodata[1]);
}

int solo5_app_main(const struct solo5_start_info *info) {
    take_name(info->cmdline);
    if (equal(probe_name, "control")) return control(), 0;
    if (equal(probe_name, "where")) return where(), 0;
    if (probe_memory(probe_name) || probe_stack(probe_name) || probe_capabilities(probe_name)) return 0;
    say("probe: no such probe\n");
    return 2;
}
