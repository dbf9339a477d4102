/*
 * The console: one hypercall per write. The tender kills a guest that names memory it does not have, so a bad range is
 * dropped here: writing to the console is best effort and has no way to complain.
 */
#include "platform.h"

void solo5_console_write(const char *buf, size_t size) {
    if (size == 0 || !hvt_host_can_read(buf, size)) return;
    volatile struct hvt_puts request = {.data = buf, .size = size};
    hvt_hypercall(HVT_PUTS, &request);
}

void hvt_console_puts(const char *text) {
    size_t size = 0;
    while (text[size] != '\0') size++;
    solo5_console_write(text, size);
}
