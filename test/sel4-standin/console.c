/* What the stand-in says, through the firmware's console, and how it ends the machine. */
#include "standin.h"

static long firmware(long extension, long function, long first, long second) {
    register long a0 __asm__("a0") = first;
    register long a1 __asm__("a1") = second;
    register long a6 __asm__("a6") = function;
    register long a7 __asm__("a7") = extension;
    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a6), "r"(a7) : "memory");
    return a0;
}

#define SBI_CONSOLE_PUTCHAR 1

void say(const char *text) {
    for (; *text != '\0'; text++) firmware(SBI_CONSOLE_PUTCHAR, 0, *text, 0);
}

/* As seL4 prints addresses. */
void say_hex(uint64_t value) {
    if (value == 0) return say("0");
    char digits[19] = "0x";
    unsigned count = 1;
    while (count < 16 && value >> 4 * count != 0) count++;
    for (unsigned i = 0; i < count; i++) digits[2 + i] = "0123456789abcdef"[value >> 4 * (count - 1 - i) & 15];
    digits[2 + count] = '\0';
    say(digits);
}

void say_decimal(uint64_t value) {
    char digits[21];
    char *first = digits + 20;
    *first = '\0';
    do *--first = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    say(first);
}

#define TEST_PASS 0x5555u
#define TEST_FAIL 0x13333u /* status 1 */

/* The machine's exit status tells a fault from an end that was asked for. */
_Noreturn void end(bool well) {
    *(volatile uint32_t *)at(TEST_DEVICE) = well ? TEST_PASS : TEST_FAIL;
    for (;;) __asm__ volatile("wfi");
}

_Noreturn void unimplemented(const char *what, uint64_t number) {
    say("stand-in: no answer to ");
    say(what);
    say(" ");
    say_decimal(number);
    say(": it stands in for no more of seL4 than our root tasks use; add it, from what a real kernel answers\n");
    end(false);
}
