/*
 * Formatted text: see print.h. All output goes through `put`, the only place that writes, and it knows the limit.
 */
#include "print.h"

#include <solo5.h>
#include <stdbool.h>
#include <stdint.h>

struct sink {
    char *out;
    size_t size;   /* bytes of `out` */
    size_t length; /* bytes that the text has so far */
};

static void put(struct sink *sink, char c) {
    if (sink->length + 1 < sink->size) sink->out[sink->length] = c;
    sink->length++;
}

static void put_padding(struct sink *sink, size_t used, size_t width, char pad) {
    for (; used < width; used++) put(sink, pad);
}

static void put_text(struct sink *sink, const char *text, size_t width) {
    size_t length = 0;
    if (text == NULL) text = "(null)";
    while (text[length] != '\0') length++;
    put_padding(sink, length, width, ' ');
    for (size_t i = 0; i < length; i++) put(sink, text[i]);
}

static void put_number(struct sink *sink, uint64_t value, unsigned base, bool negative, size_t width, char pad) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    size_t used = count + negative;
    if (negative && pad == '0') put(sink, '-');
    put_padding(sink, used, width, pad);
    if (negative && pad != '0') put(sink, '-');
    while (count > 0) put(sink, digits[--count]);
}

enum length { INT, LONG, LONG_LONG, SIZE };

static uint64_t next_unsigned(va_list *arguments, enum length length) {
    switch (length) {
    case LONG: return va_arg(*arguments, unsigned long);
    case LONG_LONG: return va_arg(*arguments, unsigned long long);
    case SIZE: return va_arg(*arguments, size_t);
    default: return va_arg(*arguments, unsigned);
    }
}

static int64_t next_signed(va_list *arguments, enum length length) {
    switch (length) {
    case LONG: return va_arg(*arguments, long);
    case LONG_LONG: return va_arg(*arguments, long long);
    case SIZE: return (int64_t)va_arg(*arguments, size_t);
    default: return va_arg(*arguments, int);
    }
}

/* Prints one conversion; `pattern` is behind its '%'. Returns the first character after it. */
static const char *put_conversion(struct sink *sink, const char *pattern, va_list *arguments) {
    const char *start = pattern;
    char pad = ' ';
    size_t width = 0;
    enum length length = INT;

    if (*pattern == '0') {
        pad = '0';
        pattern++;
    }
    while (*pattern >= '0' && *pattern <= '9' && width < 100) width = width * 10 + (size_t)(*pattern++ - '0');
    if (*pattern == 'z') {
        length = SIZE;
        pattern++;
    } else {
        for (; *pattern == 'l' && length < LONG_LONG; pattern++) length++;
    }
    switch (*pattern) {
    case 'c': put(sink, (char)va_arg(*arguments, int)); break;
    case 's': put_text(sink, va_arg(*arguments, const char *), width); break;
    case 'd': {
        int64_t value = next_signed(arguments, length);
        put_number(sink, value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0, width, pad);
        break;
    }
    case 'u': put_number(sink, next_unsigned(arguments, length), 10, false, width, pad); break;
    case 'x': put_number(sink, next_unsigned(arguments, length), 16, false, width, pad); break;
    case '%': put(sink, '%'); break;
    default: put(sink, '%'); return start;
    }
    return pattern + 1;
}

size_t format_list(char *out, size_t size, const char *pattern, va_list arguments) {
    struct sink sink = {.out = out, .size = size};
    va_list list;
    va_copy(list, arguments);
    while (*pattern != '\0') {
        if (*pattern != '%') put(&sink, *pattern++);
        else pattern = put_conversion(&sink, pattern + 1, &list);
    }
    va_end(list);
    if (size > 0) out[sink.length < size ? sink.length : size - 1] = '\0';
    return sink.length;
}

size_t format(char *out, size_t size, const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    size_t length = format_list(out, size, pattern, arguments);
    va_end(arguments);
    return length;
}

void print(const char *pattern, ...) {
    char text[1024];
    va_list arguments;
    va_start(arguments, pattern);
    size_t length = format_list(text, sizeof text, pattern, arguments);
    va_end(arguments);
    solo5_console_write(text, length < sizeof text ? length : sizeof text - 1);
}
