/* What the test guests share: plain lines of "name value" on the console. */
#include <solo5.h>

static inline void say(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}

static inline void say_number(const char *name, uint64_t value) {
    char digits[21];
    size_t at = sizeof digits;
    digits[--at] = '\0';
    do digits[--at] = (char)('0' + value % 10);
    while ((value /= 10) != 0);
    say(name);
    say(" ");
    say(digits + at);
    say("\n");
}
