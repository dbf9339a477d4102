/*
 * The probes' unikernel: `NAME [ADDRESS]` on the command line, one probe per boot, because most of them end the guest.
 *
 * Exit status 0: the probe got through. 2: no such probe. A guest that was stopped ends otherwise.
 */
#include "probe.h"

uintptr_t heap_start, heap_end;
static char name[32];

bool equal(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) left++, right++;
    return *left == *right;
}

void say(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}

void say_hex(uint64_t value) {
    char text[19] = "0x";
    size_t size = 2;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;
        if (digit != 0 || size > 2 || shift == 0) text[size++] = "0123456789abcdef"[digit];
    }
    text[size] = '\0';
    say(text);
}

void tries(uintptr_t low, uintptr_t high) {
    say("probe ");
    say(name);
    say(" tries ");
    say_hex(low);
    say(" ");
    say_hex(high);
    say("\n");
}

void succeeded(uint64_t value) {
    say("probe ");
    say(name);
    say(" succeeded ");
    say_hex(value);
    say("\n");
}

void nothing_found(void) {
    say("probe ");
    say(name);
    say(" found nothing\n");
}

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

static uintptr_t hexadecimal(const char *text) {
    uintptr_t value = 0;
    if (text[0] == '0' && text[1] == 'x') text += 2;
    for (;; text++) {
        if (*text >= '0' && *text <= '9') value = value << 4 | (uintptr_t)(*text - '0');
        else if (*text >= 'a' && *text <= 'f') value = value << 4 | (uintptr_t)(*text - 'a' + 10);
        else return value;
    }
}

int solo5_app_main(const struct solo5_start_info *info) {
    const char *text = info->cmdline;
    size_t size = 0;
    heap_start = info->heap_start;
    heap_end = heap_start + info->heap_size;
    for (; *text != '\0' && *text != ' ' && size < sizeof name - 1; text++) name[size++] = *text;
    while (*text == ' ') text++;
    if (equal(name, "control")) {
        control();
        return 0;
    }
    if (probe_memory(name, hexadecimal(text), text) || probe_stack(name) || probe_undo(name)) return 0;
    say("probe: no such probe\n");
    return 2;
}
