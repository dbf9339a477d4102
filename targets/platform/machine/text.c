/*
 * Text and numbers on the console, for the layer's own few words: a program brings its own printing.
 */
#include "guest.h"

void layer_put(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}

static void put_number(uint64_t value, unsigned base) {
    char text[20];
    size_t at = sizeof text;
    do {
        text[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    solo5_console_write(text + at, sizeof text - at);
}

void layer_put_hex(uint64_t value) {
    layer_put("0x");
    put_number(value, 16);
}

void layer_put_decimal(uint64_t value) { put_number(value, 10); }
