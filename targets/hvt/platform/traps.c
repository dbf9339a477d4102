/*
 * CPU exceptions: every one of the 32 vectors has a gate, and every one ends the guest with a message.
 *
 * Nothing here tries to continue. A trap means that a protection did its work or that the program is wrong; the message
 * says which exception, where, and for a page fault what was tried on which address. All gates switch to a stack of
 * their own (IST 1), so that a program that ran out of stack is reported too. A trap inside the report ends the guest
 * without a word.
 */
#include "platform.h"

enum { SELECTOR_CODE = 0x08, SELECTOR_DATA = 0x10, SELECTOR_TSS = 0x18 };

struct trap_frame {
    uint64_t vector, error, rip, cs, rflags, rsp, ss;
};

/* What a tender's core dump reads at the cookie of a HALT, in this order. */
struct trap_cookie {
    uint64_t cr2, error, rip, cs, rflags, rsp, ss;
};

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, attributes;
    uint16_t offset_middle;
    uint32_t offset_high, reserved;
};

struct task_state {
    uint32_t reserved;
    uint64_t rsp[3], reserved2, ist[7], reserved3;
    uint16_t reserved4, io_map;
} __attribute__((packed));

struct table_pointer {
    uint16_t limit;
    uint64_t base;
} __attribute__((packed));

/*
 * A gate as it is linked: the processor's form without the handler's address, which no relocation could spread over its
 * fields, and the address as a whole. In a hardened image the start-up stub completes the gates, and they lie in pages
 * that are read-only by the time we run; else we complete them here.
 */
union linked_gate {
    struct {
        uint64_t fields;
        const char *handler;
    };
    struct gate gate;
};

extern const char hvt_trap_entries[];

/* Code segment, stack IST 1, present interrupt gate. */
#define GATE_FIELDS ((uint64_t)SELECTOR_CODE << 16 | 1ull << 32 | 0x8eull << 40)
#define GATE(n) {{GATE_FIELDS, hvt_trap_entries + 16 * (n)}}
#define GATES(n) GATE(n), GATE(n + 1), GATE(n + 2), GATE(n + 3), GATE(n + 4), GATE(n + 5), GATE(n + 6), GATE(n + 7)

extern union linked_gate hvt_gates[32];
union linked_gate hvt_gates[32] __attribute__((section(".data.rel.ro.hvt_gates"), aligned(16))) = {
    GATES(0), GATES(8), GATES(16), GATES(24)};

static uint64_t gdt[5];
static struct task_state task_state;
static uint8_t trap_stack[8192] __attribute__((aligned(16)));

static void load_gdt(void) {
    uint64_t tss = (uintptr_t)&task_state;
    gdt[SELECTOR_CODE / 8] = 0x00af9b000000ffff; /* 64-bit code, accessed */
    gdt[SELECTOR_DATA / 8] = 0x00cf93000000ffff; /* data, accessed */
    gdt[SELECTOR_TSS / 8] = (sizeof task_state - 1) | (tss & 0xffffff) << 16 | 0x89ull << 40 | (tss >> 24 & 0xff) << 56;
    gdt[SELECTOR_TSS / 8 + 1] = tss >> 32;
    struct table_pointer pointer = {.limit = sizeof gdt - 1, .base = (uintptr_t)gdt};
    uint64_t scratch;
    __asm__ volatile(
        "lgdt %[gdt]\n\t"
        "pushq %[code]\n\t"
        "leaq 1f(%%rip), %[scratch]\n\t"
        "pushq %[scratch]\n\t"
        "lretq\n"
        "1:\tmovl %[data], %%ds\n\t"
        "movl %[data], %%es\n\t"
        "movl %[data], %%ss\n\t"
        "ltr %[tss]"
        : [scratch] "=&r"(scratch)
        : [gdt] "m"(pointer), [code] "i"(SELECTOR_CODE), [data] "r"(SELECTOR_DATA), [tss] "r"((uint16_t)SELECTOR_TSS)
        : "memory");
}

static void complete_gates(void) {
    for (unsigned vector = 0; vector < 32; vector++) {
        volatile union linked_gate *linked = &hvt_gates[vector];
        if (linked->gate.offset_middle != 0) continue; /* complete: images lie above 64 KiB */
        uintptr_t entry = (uintptr_t)linked->handler;
        linked->fields |= (entry & 0xffff) | (entry >> 16 & 0xffff) << 48;
        linked->handler = (const char *)(entry >> 32);
    }
}

void hvt_traps_init(void) {
    task_state.ist[0] = (uintptr_t)trap_stack + sizeof trap_stack;
    task_state.io_map = sizeof task_state; /* no I/O permission map */
    load_gdt();
    complete_gates();
    struct table_pointer pointer = {.limit = sizeof hvt_gates - 1, .base = (uintptr_t)hvt_gates};
    __asm__ volatile("lidt %0" : : "m"(pointer) : "memory");
}

static const char *const names[32] = {
    "divide error",
    "debug",
    "non-maskable interrupt",
    "breakpoint",
    "overflow",
    "bound range exceeded",
    "invalid opcode",
    "device not available",
    "double fault",
    "coprocessor segment overrun",
    "invalid task state",
    "segment not present",
    "stack-segment fault",
    "general protection",
    "page fault",
    "reserved (15)",
    "x87 floating-point error",
    "alignment check",
    "machine check",
    "SIMD floating-point error",
    "virtualization exception",
    "control protection",
    "reserved (22)",
    "reserved (23)",
    "reserved (24)",
    "reserved (25)",
    "reserved (26)",
    "reserved (27)",
    "hypervisor injection",
    "VMM communication",
    "security exception",
    "reserved (31)",
};

/* One line of output, so that one hypercall prints it. */
static char line[512];
static size_t line_size;

static void add(const char *text) {
    while (*text != '\0' && line_size < sizeof line) line[line_size++] = *text++;
}

static void add_hex(uint64_t value) {
    char text[19] = "0x";
    size_t size = 2;
    for (int shift = 60; shift >= 0; shift -= 4) {
        unsigned digit = value >> shift & 15;
        if (digit != 0 || size > 2 || shift == 0) text[size++] = "0123456789abcdef"[digit];
    }
    text[size] = '\0';
    add(text);
}

static void add_decimal(unsigned value) {
    char text[3] = {(char)('0' + value / 10), (char)('0' + value % 10), '\0'};
    add(value < 10 ? text + 1 : text);
}

/*
 * Bits of a page fault's error code: Intel SDM volume 3, section 4.7. Without EFER.NXE the CPU does not tell a fetch
 * from a read, but the faulting address does.
 */
static void add_page_fault(uint64_t error, uint64_t address, uint64_t rip) {
    bool fetch = (error & 1u << 4) != 0 || address == rip;
    add(fetch ? " executing " : error & 1u << 1 ? " writing " : " reading ");
    add_hex(address);
    if (!(error & 1)) add(" (not mapped)");
    else if (error & 1u << 5) add(" (forbidden by its protection key)");
    else if (error & 1u << 3) add(" (reserved bit set in its page table)");
    else add(" (forbidden by its page's permissions)");
}

_Noreturn void hvt_trap_report(const struct trap_frame *frame, uint64_t cr2);

_Noreturn void hvt_trap_report(const struct trap_frame *frame, uint64_t cr2) {
    static bool reporting;
    static union {
        struct trap_cookie registers;
        uint8_t bytes[HVT_COOKIE_SIZE];
    } cookie;

    if (reporting) hvt_end(SOLO5_EXIT_ABORT, NULL);
    reporting = true;
    layer_forget_secrets();
    cookie.registers = (struct trap_cookie){cr2,           frame->error, frame->rip, frame->cs,
                                            frame->rflags, frame->rsp,   frame->ss};
    add("casemate: ABORT: trap ");
    add_decimal(frame->vector & 31);
    add(" (");
    add(names[frame->vector & 31]);
    add(")");
    if (frame->vector == 14) add_page_fault(frame->error, cr2, frame->rip);
    add(": error ");
    add_hex(frame->error);
    add(", rip ");
    add_hex(frame->rip);
    add(", rsp ");
    add_hex(frame->rsp);
    add(", rflags ");
    add_hex(frame->rflags);
    add(", cr2 ");
    add_hex(cr2);
    add("\n");
    solo5_console_write(line, line_size);
    hvt_end(SOLO5_EXIT_ABORT, &cookie);
}
