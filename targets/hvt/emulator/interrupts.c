/*
 * Interrupt descriptors, the local APIC's timer and the second I/O APIC, to which QEMU's microvm wires the virtio-mmio
 * transports: transport N to pin N, but transport 0 to pin 2, so nothing is put there. Sources: Intel SDM volume 3,
 * chapters 6 and 11; 82093AA datasheet.
 */
#include "interrupts.h"

#include "clock.h"
#include "config.h"
#include "report.h"
#include "virtio.h"

enum { VECTOR_TIMER = 0x40, VECTOR_DEVICE = 0x41, VECTOR_SPURIOUS = 0xff, EXCEPTIONS = 32, VECTORS = 256 };

#define LOCAL_APIC 0xfee00000ul
#define IO_APIC 0xfec10000ul
enum { APIC_EOI = 0x0b0, APIC_SPURIOUS = 0x0f0 };
enum { APIC_TIMER = 0x320, APIC_TIMER_COUNT = 0x380, APIC_TIMER_DIVIDE = 0x3e0 };
enum { IO_APIC_SELECT = 0x00, IO_APIC_WINDOW = 0x10, IO_APIC_VERSION = 1, IO_APIC_ENTRIES = 0x10 };
enum { ENTRY_LEVEL = 1u << 15 };

/* A poll of memory costs less than sleeping and waking up: most device requests end within these. */
enum { POLLS_BEFORE_SLEEP = 200 };

struct gate {
    u16 offset_low, selector;
    u8 stack, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

static struct gate gates[VECTORS] __attribute__((aligned(16)));

/* One stub per vector, ENTRY_SIZE bytes apart; in start.S. */
extern char interrupt_entries[];
enum { ENTRY_SIZE = 16 };

struct interrupt_frame {
    u64 vector, error, instruction;
};

static volatile u32 *local_apic(u32 at) { return (volatile u32 *)(LOCAL_APIC + at); }

static void io_apic_write(u32 at, u32 value) {
    *(volatile u32 *)(IO_APIC + IO_APIC_SELECT) = at;
    *(volatile u32 *)(IO_APIC + IO_APIC_WINDOW) = value;
}

static u32 io_apic_read(u32 at) {
    *(volatile u32 *)(IO_APIC + IO_APIC_SELECT) = at;
    return *(volatile u32 *)(IO_APIC + IO_APIC_WINDOW);
}

void interrupts_init(void) {
    for (u32 i = 0; i < VECTORS; i++) {
        u64 entry = (u64)interrupt_entries + i * ENTRY_SIZE;
        gates[i] = (struct gate){(u16)entry, 8, 0, 0x8e, (u16)(entry >> 16), (u32)(entry >> 32), 0};
    }
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) table = {sizeof gates - 1, (u64)gates};
    __asm__ volatile("lidt %0" : : "m"(table));
    /* The old interrupt controllers stay quiet. */
    out8(0x21, 0xff);
    out8(0xa1, 0xff);
    *local_apic(APIC_SPURIOUS) = 0x100 | VECTOR_SPURIOUS;
    *local_apic(APIC_TIMER_DIVIDE) = 0xb; /* by 1 */
    *local_apic(APIC_TIMER) = VECTOR_TIMER; /* once per count written */
    u32 pins = (io_apic_read(IO_APIC_VERSION) >> 16 & 0xff) + 1;
    if (pins < TRANSPORTS) broken("the second I/O APIC has %u pins; %u wanted", pins, (u32)TRANSPORTS);
}

void interrupts_enable_transport(u32 transport) {
    io_apic_write(IO_APIC_ENTRIES + 2 * transport + 1, 0); /* to processor 0 */
    io_apic_write(IO_APIC_ENTRIES + 2 * transport, ENTRY_LEVEL | VECTOR_DEVICE);
}

/* Called by every stub. */
void handle_interrupt(const struct interrupt_frame *frame);
void handle_interrupt(const struct interrupt_frame *frame) {
    if (frame->vector < EXCEPTIONS) {
        u64 address;
        __asm__("mov %%cr2, %0" : "=r"(address));
        broken("the emulator met exception %lu, error %lx, at %lx, CR2 %lx", frame->vector, frame->error,
               frame->instruction, address);
    }
    if (frame->vector == VECTOR_SPURIOUS) return;
    if (frame->vector == VECTOR_DEVICE) virtio_acknowledge_interrupts();
    *local_apic(APIC_EOI) = 0;
}

/* QEMU's local APIC counts nanoseconds; were it to count anything else, wait_until would only wake up more often. */
static void arm_timer(u64 deadline, u64 now) {
    u64 nanoseconds = deadline == NEVER ? 0 : cycles_to_nanoseconds(deadline - now) + 1;
    *local_apic(APIC_TIMER_COUNT) = (u32)minimum(nanoseconds, UINT32_MAX);
}

bool wait_until(bool (*ready)(const void *), const void *argument, u64 deadline) {
    for (u32 polls = 0;; polls++) {
        if (ready(argument)) return true;
        u64 now = read_tsc();
        if (now >= deadline) return false;
        if (polls < POLLS_BEFORE_SLEEP) continue;
        arm_timer(deadline, now);
        /* STI takes effect after HLT has begun: an interrupt cannot slip in between and leave us asleep. */
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
}
