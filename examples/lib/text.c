/*
 * Text and command lines: see text.h.
 */
#include "text.h"

size_t text_length(const char *text) {
    size_t length = 0;
    while (text[length] != '\0') length++;
    return length;
}

bool text_equal(const char *left, const char *right) {
    while (*left != '\0' && *left == *right) {
        left++;
        right++;
    }
    return *left == *right;
}

const char *text_after(const char *text, const char *prefix) {
    for (; *prefix != '\0'; text++, prefix++) {
        if (*text != *prefix) return NULL;
    }
    return text;
}

const char *text_number(const char *text, uint64_t limit, uint64_t *value) {
    uint64_t result = 0;
    const char *start = text;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint64_t digit = (uint64_t)(*text - '0');
        if (digit > limit || result > (limit - digit) / 10) return NULL;
        result = result * 10 + digit;
    }
    if (text == start) return NULL;
    *value = result;
    return text;
}

bool text_is_number(const char *text, uint64_t limit, uint64_t *value) {
    const char *end = text_number(text, limit, value);
    return end != NULL && *end == '\0';
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

const char *split_arguments(const char *cmdline, struct arguments *arguments) {
    size_t used = 0;
    const char *c = cmdline;

    arguments->count = 0;
    for (;;) {
        while (is_blank(*c)) c++;
        if (*c == '\0') return NULL;
        if (arguments->count == ARGUMENTS_MAX) return "too many arguments";
        arguments->at[arguments->count++] = &arguments->text[used];
        char quote = '\0';
        for (; *c != '\0' && (quote != '\0' || !is_blank(*c)); c++) {
            if (*c == quote) {
                quote = '\0';
                continue;
            }
            if (quote == '\0' && (*c == '"' || *c == '\'')) {
                quote = *c;
                continue;
            }
            if (*c == '\\' && quote != '\'' && c[1] != '\0') c++;
            if (used + 2 > sizeof arguments->text) return "the command line is too long";
            arguments->text[used++] = *c;
        }
        if (quote != '\0') return "a quote is not closed";
        if (used + 1 > sizeof arguments->text) return "the command line is too long";
        arguments->text[used++] = '\0';
    }
}
