/*
 * A root task of so many pages that protects and seals itself, as every image's start-up code does, and says how long that
 * took: "sealed PAGES TICKS", the ticks of the processor's counter, in hexadecimal.
 */
#include "guest.h"
#include "stage0.h"

_Noreturn void sel4_stage0(struct sel4_bootinfo *info);

static volatile char pages[PAGES][SEL4_PAGE] __attribute__((aligned(SEL4_PAGE)));

static void put(const char *text) {
    for (; *text != '\0'; text++) sel4_send_number(SEL4_SYS_PUTCHAR, (unsigned char)*text);
}

static void put_hex(uint64_t value) {
    char text[20];
    size_t at = sizeof text - 1;
    text[at] = '\0';
    do {
        text[--at] = "0123456789abcdef"[value & 15];
        value >>= 4;
    } while (value != 0);
    put(" 0x");
    put(text + at);
}

/* The layer's, which is not here. */
void *memset(void *to, int byte, size_t size) {
    for (char *at = to; size > 0; size--) *at++ = (char)byte;
    return to;
}

_Noreturn void sel4_stage0(struct sel4_bootinfo *info) {
    sel4_info = info;
    sel4_buffer = info->ipc_buffer;
    uint64_t start = arch_ticks();
    sel4_protect();
    sel4_seal(NULL, 0);
    uint64_t ticks = arch_ticks() - start;
    pages[PAGES - 1][0] = 1;
    put("sealed");
    put_hex((uint64_t)(sel4_image_end - sel4_image) / SEL4_PAGE);
    put_hex(ticks);
    put("\n");
    for (;;) sel4_send_number(SEL4_SYS_YIELD, 0);
}
