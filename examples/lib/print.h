/*
 * Formatted text without a C library: the printf conversions that the examples use.
 *
 * %c %s %d %u %x %% with the lengths l, ll and z, a width, and 0 for padding with zeros. Anything else is printed as it
 * stands, so that a mistake shows.
 */
#ifndef PRINT_H
#define PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* Writes at most `size` bytes including the final NUL, and returns the length that the whole text has. */
size_t format(char *out, size_t size, const char *pattern, ...) __attribute__((format(printf, 3, 4)));
size_t format_list(char *out, size_t size, const char *pattern, va_list arguments);

/* To the console; lines longer than 1023 bytes are cut. */
void print(const char *pattern, ...) __attribute__((format(printf, 1, 2)));

#endif
