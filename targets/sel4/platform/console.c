/*
 * The console: the kernel's, where it prints for us; else a serial port of the machine, by its registers or its I/O ports.
 *
 * Which port that is the device tree says, by the kinds that we know. It is used as firmware has left it, one byte after
 * another. Without one, what is said is lost: the program runs on, as it does where nobody reads.
 */
#include "ask.h"
#include "guest.h"

void layer_console_init(void) {}

#if SEL4_HAS_PUTCHAR

static void put_byte(uint8_t byte) { sel4_send_number(SEL4_SYS_PUTCHAR, byte); }

#elif defined(__x86_64__)

/* A 16550 at its usual place. */
enum { DATA = 0x3f8, LINE_STATUS = 0x3fd, IS_EMPTY = 0x20 };

/* A port that never gets ready must not stop the program. */
#define PATIENCE 100000u

static void put_byte(uint8_t byte) {
    uint64_t ports = layer_boot->capabilities.console_ports, status = 0;
    if (ports == 0) return;
    for (unsigned i = 0; i < PATIENCE && !(status & IS_EMPTY); i++)
        if (sel4_ask(ports, SEL4_LABEL_IO_PORT_IN8, 1, LINE_STATUS, 0, &status) != SEL4_NO_ERROR) return;
    sel4_ask(ports, SEL4_LABEL_IO_PORT_OUT8, 2, DATA, byte, NULL);
}

#else

/* How a serial port is written to: registers by byte offset. */
static const struct port {
    enum machine_place place;
    uint8_t width; /* of a register */
    uint8_t data, status;
    uint32_t mask, ready; /* of the status, when it takes a byte */
} ports[] = {
    {MACHINE_NS16550A, 1, 0, 5, 0x20, 0x20},
    /* Its data register's highest bit: full. */
    {MACHINE_SIFIVE_UART, 4, 0, 0, 1u << 31, 0},
    {MACHINE_PL011, 4, 0, 0x18, 0x20, 0},
};

#define PORTS (sizeof ports / sizeof ports[0])
#define SPAN 0x20u /* bytes of registers that are used */

/* A port that never gets ready must not stop the program. */
#define PATIENCE 10000000u

static const struct port *port;
static volatile uint8_t *registers;

static uint32_t get(unsigned offset) {
    volatile uint8_t *at = registers + offset;
    return port->width == 1 ? *at : *(volatile uint32_t *)at;
}

/* Until the tree has been read there is none: it is looked for again with every text. */
static bool find_port(void) {
    for (size_t i = 0; i < PORTS && registers == NULL; i++) {
        struct fdt_range range = layer_machine.places[ports[i].place].registers;
        port = &ports[i];
        if (range.size >= SPAN) registers = layer_registers(range.address, SPAN);
    }
    return registers != NULL;
}

static void put_byte(uint8_t byte) {
    for (unsigned i = 0; i < PATIENCE && (get(port->status) & port->mask) != port->ready; i++) {}
    if (port->width == 1) registers[port->data] = byte;
    else *(volatile uint32_t *)(registers + port->data) = byte;
}

#endif

void solo5_console_write(const char *buf, size_t size) {
#if !SEL4_HAS_PUTCHAR && !defined(__x86_64__)
    if (!find_port()) return;
#endif
    for (size_t i = 0; i < size; i++) put_byte((uint8_t)buf[i]);
}
