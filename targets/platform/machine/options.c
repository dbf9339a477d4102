/*
 * Words in front of the program's arguments that are for the layer, and never reach the program:
 *
 *   --casemate:console=TOKEN          say "casemate-TOKEN: begin" at the start and "casemate-TOKEN: exit STATUS" at the end
 *   --casemate:device=NAME@ADDRESS    the manifest's device NAME is the one whose registers are at ADDRESS, hexadecimal
 *   --solo5:...                       Solo5's own, which mean nothing here
 *
 * The first is how `casemate boot` tells the guest's console from the firmware's, and learns the exit status of a machine
 * that has no other way to pass one on: TOKEN is new for every boot, so that no program prints such a line by accident.
 */
#include "guest.h"

#define MOST_BINDINGS 16

static struct binding bindings[MOST_BINDINGS];

static size_t binding_count;
static const char *token;
static size_t token_size;

/* The text after `prefix`, or NULL. */
static const char *after(const char *text, const char *prefix) {
    for (; *prefix != '\0'; prefix++, text++) {
        if (*text != *prefix) return NULL;
    }
    return text;
}

static size_t word_size(const char *text) {
    size_t size = 0;
    while (text[size] != '\0' && layer_skip_blanks(text + size) == text + size) size++;
    return size;
}

/* A hexadecimal number of 1 to 16 digits that takes all of the word. */
static bool read_hex(const char *text, size_t size, uint64_t *value) {
    *value = 0;
    for (size_t i = 0; i < size; i++) {
        char digit = text[i];
        unsigned number = digit >= '0' && digit <= '9' ? (unsigned)(digit - '0')
                          : digit >= 'a' && digit <= 'f' ? (unsigned)(digit - 'a') + 10
                                                         : 16;
        if (number == 16) return false;
        *value = *value << 4 | number;
    }
    return size >= 1 && size <= 16;
}

static void take_device(const char *word, size_t size) {
    size_t at = 0;
    while (at < size && word[at] != '@') at++;
    if (at == 0 || at == size || binding_count == MOST_BINDINGS) layer_abort("--casemate:device= must be NAME@ADDRESS");
    struct binding *binding = &bindings[binding_count++];
    binding->name = word;
    binding->name_size = at;
    if (!read_hex(word + at + 1, size - at - 1, &binding->address))
        layer_abort("--casemate:device=: the address must be hexadecimal");
}

const char *layer_take_options(const char *cmdline) {
    for (;;) {
        const char *text = layer_program_arguments(cmdline), *word;
        if ((word = after(text, "--casemate:console=")) != NULL) {
            token = word;
            token_size = word_size(word);
        } else if ((word = after(text, "--casemate:device=")) != NULL) take_device(word, word_size(word));
        else return text;
        cmdline = word + word_size(word);
    }
}

const struct binding *layer_binding(size_t i) { return i < binding_count ? &bindings[i] : NULL; }

void layer_tell_boot(int status) {
    if (token == NULL) return;
    layer_put("casemate-");
    solo5_console_write(token, token_size);
    if (status < 0) layer_put(": begin\n");
    else {
        layer_put(": exit ");
        layer_put_decimal((unsigned)status & 255);
        /* QEMU's serial port holds back up to two bytes while nobody reads its output, and forgets them at power-off. */
        layer_put("\n\n");
    }
}
