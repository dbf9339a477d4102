/*
 * What the platform layers of all targets share: helpers that know nothing of a machine. Nothing of this is for
 * programs: they see solo5.h. Names begin with layer_ so that they meet none of a program's own.
 */
#ifndef LAYER_H
#define LAYER_H

#include "solo5.h"

#define PAGE_SIZE 4096u

/* `alignment` is a power of two. */
static inline uintptr_t align_up(uintptr_t value, uintptr_t alignment) {
    return (value + alignment - 1) & ~(alignment - 1);
}

/* A target's mem.c. */
void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *left, const void *right, size_t size);

/* arguments.c: the text without leading blanks. */
const char *layer_skip_blanks(const char *text);

/* arguments.c: the text after `word` when `text` begins with exactly that word, else NULL. */
const char *layer_after_word(const char *text, const char *word);

/* arguments.c: the command line without the leading words that are Solo5's own. */
const char *layer_program_arguments(const char *cmdline);

/* secrets.c, or the build's own: variables of the program that hold secrets. */
struct layer_secret_variable {
    volatile unsigned char *start;
    size_t size;
};
extern const struct layer_secret_variable layer_secret_variables[];
extern const size_t layer_secret_variable_count;

/* forget.c: sets the program's secret variables to zeros; once, whoever asks first. */
void layer_forget_secrets(void);

#endif
