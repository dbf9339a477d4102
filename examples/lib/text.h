/*
 * Text and command lines without a C library.
 */
#ifndef TEXT_H
#define TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

size_t text_length(const char *text);
bool text_equal(const char *left, const char *right);

/* What follows `prefix` in `text`, or NULL when `text` does not begin with it. */
const char *text_after(const char *text, const char *prefix);

/*
 * A decimal number at the start of `text`, at most `limit`. Returns the first character after it, or NULL when there is
 * no number or it is too large.
 */
const char *text_number(const char *text, uint64_t limit, uint64_t *value);

/* True when `text` is one decimal number, at most `limit`, and nothing else. */
bool text_is_number(const char *text, uint64_t limit, uint64_t *value);

/* The longest command line that is split, NUL included: what a tender passes. */
#define ARGUMENTS_SIZE 8192
#define ARGUMENTS_MAX 256

struct arguments {
    size_t count;
    const char *at[ARGUMENTS_MAX];
    char text[ARGUMENTS_SIZE];
};

/*
 * Splits a command line at blanks. Single or double quotes keep blanks (and may be empty); a backslash takes the next
 * character as it is, except in single quotes. Returns NULL, or what is wrong with the line.
 */
const char *split_arguments(const char *cmdline, struct arguments *arguments);

#endif
