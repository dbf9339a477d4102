/*
 * Words for the console, and words from the command line: see say.h.
 */
#include "say.h"

char probe_name[32];

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

static void begin(const char *word) {
    say("probe ");
    say(probe_name);
    say(word);
}

void tries(uintptr_t low, uintptr_t high) {
    begin(" tries ");
    say_hex(low);
    say(" ");
    say_hex(high);
    say("\n");
}

void succeeded(uint64_t value) {
    begin(" succeeded ");
    say_hex(value);
    say("\n");
}

void nothing_found(void) { begin(" found nothing\n"); }

uintptr_t hexadecimal(const char *text) {
    uintptr_t value = 0;
    if (text[0] == '0' && text[1] == 'x') text += 2;
    for (;; text++) {
        if (*text >= '0' && *text <= '9') value = value << 4 | (uintptr_t)(*text - '0');
        else if (*text >= 'a' && *text <= 'f') value = value << 4 | (uintptr_t)(*text - 'a' + 10);
        else return value;
    }
}

const char *take_name(const char *text) {
    size_t size = 0;
    for (; *text != '\0' && *text != ' ' && size < sizeof probe_name - 1; text++) probe_name[size++] = *text;
    while (*text == ' ') text++;
    return text;
}
