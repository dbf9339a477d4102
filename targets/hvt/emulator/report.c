/*
 * COM1, polled, as the line to the host: see report.h for what is said on it. The machine stops through QEMU's
 * isa-debug-exit device, whose status is only a sign of life: the line before it carries the verdict.
 */
#include "report.h"

#include <stdarg.h>

/* 16550 registers. */
enum { DATA = 0x3f8, INTERRUPT_ENABLE, FIFO_CONTROL, LINE_CONTROL, MODEM_CONTROL, LINE_STATUS };
enum { RECEIVED = 1, CAN_SEND = 0x20, ALL_SENT = 0x40 };

#define DEBUG_EXIT_PORT 0xf4

void report_init(void) {
    out8(INTERRUPT_ENABLE, 0);
    out8(LINE_CONTROL, 3); /* 8 bits, no parity */
    out8(FIFO_CONTROL, 1); /* 16 bytes either way */
}

static void send(char c) {
    while (!(in8(LINE_STATUS) & CAN_SEND)) {
    }
    out8(DATA, (u8)c);
}

static void send_text(const char *text) {
    while (*text != '\0') send(*text++);
}

/* Text that may come from an image: nothing in it may look like a line of ours. */
static void send_printable(const char *text) {
    for (; *text != '\0'; text++) send(*text >= ' ' && *text <= '~' ? *text : '?');
}

static void send_number(u64 value, unsigned base) {
    char digits[20];
    size_t count = 0;
    do {
        digits[count++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value != 0);
    while (count > 0) send(digits[--count]);
}

static void send_signed(i32 value) {
    if (value < 0) send('-');
    send_number(value < 0 ? 0 - (u64)value : (u64)value, 10);
}

static void send_format(const char *format, va_list arguments) {
    for (; *format != '\0'; format++) {
        if (*format != '%') {
            send(*format);
            continue;
        }
        format++;
        bool wide = *format == 'l';
        if (wide) format++;
        switch (*format) {
        case 's': send_printable(va_arg(arguments, const char *)); break;
        case 'd': send_signed(va_arg(arguments, i32)); break;
        case 'u': send_number(wide ? va_arg(arguments, u64) : va_arg(arguments, u32), 10); break;
        case 'x':
            send_text("0x");
            send_number(wide ? va_arg(arguments, u64) : va_arg(arguments, u32), 16);
            break;
        default: send(*format);
        }
    }
}

/* Whether the host has been asked for its time and has not been heard yet. */
static bool is_asked;

/*
 * A host whose answer meets a closed line drops what it has not read of ours, the verdict too. So the answer comes
 * first, unless there is no host any more: then these polls take seconds.
 */
static void await_answer(void) {
    for (u32 polls = 0; is_asked && polls < 5000000; polls++)
        if (in8(LINE_STATUS) & RECEIVED) return;
}

static _Noreturn void stop(void) {
    send('\n');
    await_answer();
    while (!(in8(LINE_STATUS) & ALL_SENT)) {
    }
    for (;;) {
        out8(DEBUG_EXIT_PORT, 0);
        __asm__ volatile("cli; hlt");
    }
}

#define DEFINE_VERDICT(name, word)              \
    _Noreturn void name(const char *format, ...) { \
        va_list arguments;                      \
        va_start(arguments, format);            \
        send_text(word);                        \
        send_format(format, arguments);         \
        stop();                                 \
    }

DEFINE_VERDICT(refuse, "refused ")
DEFINE_VERDICT(kill_guest, "killed ")
DEFINE_VERDICT(broken, "broken ")

_Noreturn void report_halted(i32 status) {
    send_text("halted ");
    send_signed(status);
    stop();
}

void ask_host_time(void) {
    is_asked = true;
    send_text("time\n");
}

u64 host_time(void) {
    u64 value = 0;
    is_asked = false;
    for (unsigned i = 0; i < 16; i++) {
        while (!(in8(LINE_STATUS) & RECEIVED)) {
        }
        u8 c = in8(DATA);
        u8 digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 16;
        if (digit > 15) broken("the host's time holds byte %u; expected a hexadecimal digit", (u32)c);
        value = value << 4 | digit;
    }
    return value;
}
