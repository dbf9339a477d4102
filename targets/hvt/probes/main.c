/*
 * The probes' unikernel: `NAME [ADDRESS]` on the command line, one probe per boot, because most of them end the guest.
 *
 * Exit status 0: the probe got through. 2: no such probe. A guest that was stopped ends otherwise.
 */
#include "probe.h"

uintptr_t heap_start, heap_end;

/*
 * What the CPU offers for execute-only text, so that the judge need not know processor models; and an address of
 * code, for the probes that want a stub when there is none.
 */
static void say_machine(void) {
    uint32_t eax = 0, ebx, ecx = 0, edx;
    __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    uint32_t highest = eax;
    eax = 7, ebx = 0, ecx = 0;
    if (highest >= 7) __asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
    say(ebx >> 20 & 1 ? "machine smap" : "machine -");
    say(ecx >> 3 & 1 ? " pku " : " - ");
    say_hex(text_address());
    say("\n");
}

/* The control: does what every probe does, to memory where all of it is allowed. */
static void control(void) {
    say_machine();
    volatile uint8_t *heap = (uint8_t *)heap_start;
    *heap = 41;
    tries(heap_start, heap_start);
    succeeded(*heap + code_in_rodata[1] - 41u);
}

int solo5_app_main(const struct solo5_start_info *info) {
    const char *text = take_name(info->cmdline);
    heap_start = info->heap_start;
    heap_end = heap_start + info->heap_size;
    if (equal(probe_name, "control")) {
        control();
        return 0;
    }
    if (probe_memory(probe_name, hexadecimal(text), text) || probe_stack(probe_name) || probe_undo(probe_name)) return 0;
    say("probe: no such probe\n");
    return 2;
}
