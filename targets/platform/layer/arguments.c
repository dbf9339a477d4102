/*
 * The command line without the leading --solo5:* words, which set how much Solo5's own layer logs. We log nothing, but
 * scripts that start unikernels pass them, and programs do not expect to see them.
 */
#include "layer.h"

const char *layer_skip_blanks(const char *text) {
    while (*text == ' ' || *text == '\t' || *text == '\n' || *text == '\r') text++;
    return text;
}

const char *layer_after_word(const char *text, const char *word) {
    while (*word != '\0' && *text == *word) {
        text++;
        word++;
    }
    if (*word != '\0') return NULL;
    return *text == '\0' || layer_skip_blanks(text) != text ? text : NULL;
}

const char *layer_program_arguments(const char *cmdline) {
    static const char options[][16] = {"--solo5:quiet", "--solo5:error", "--solo5:warn", "--solo5:info",
                                       "--solo5:debug"};
    const char *text = layer_skip_blanks(cmdline);
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
        const char *rest = layer_after_word(text, options[i]);
        if (rest == NULL) continue;
        text = layer_skip_blanks(rest);
        i = (size_t)-1; /* look again from the first option */
    }
    return text;
}
