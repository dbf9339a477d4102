/*
 * The console, through the firmware: SBI's DBCN extension where there is one, else the legacy call for one character.
 *
 * DBCN takes physical addresses, and firmware reads them with no regard to our page tables. It is given a buffer of
 * ours, never the program's pointer: what the program may not read, it cannot have printed.
 */
#include "platform.h"
#include "sbi.h"

static bool has_dbcn;
static char buffer[256] __attribute__((aligned(256))); /* in one page */

void layer_console_init(void) { has_dbcn = sbi_has(SBI_DBCN); }

/* Calls that take nothing, one after another, until the rest of a text is lost. */
#define PATIENCE 1000000u

static void write_buffer(size_t size) {
    /* Without one the text is lost: an error would want to be told of here, too. */
    uint64_t address = layer_find_physical(buffer, sizeof buffer);
    if (address == NO_PHYSICAL) return;
    size_t done = 0;
    for (unsigned idle = 0; done < size && idle < PATIENCE; idle++) {
        struct sbi_result result = sbi_call(SBI_DBCN, 0, size - done, address + done, 0);
        if (result.error != 0 || result.value > size - done) return;
        if (result.value > 0) idle = 0;
        done += result.value;
    }
}

void solo5_console_write(const char *buf, size_t size) {
    if (!has_dbcn) {
        for (size_t i = 0; i < size; i++) sbi_call(SBI_LEGACY_PUTCHAR, 0, (unsigned char)buf[i], 0, 0);
        return;
    }
    while (size > 0) {
        size_t part = size < sizeof buffer ? size : sizeof buffer;
        memcpy(buffer, buf, part);
        write_buffer(part);
        buf += part;
        size -= part;
    }
}
