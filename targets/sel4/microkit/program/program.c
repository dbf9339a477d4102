/*
 * From Microkit's entry to the platform layer, in a protection domain.
 *
 * Nothing is protected or sealed here: Microkit maps a program with the rights of its segments and gives it no capability
 * that could change them. What there is besides the program (a heap, a device tree, registers of devices) Microkit has
 * mapped too, and its tool has written where into the words below, in the file: they are read-only like the page that
 * they lie on. The boot block is made of them, and the layer is the one of a root task.
 *
 * The domain has one thread and no other entry points: it is entered once, and nobody notifies or calls it.
 *
 * Sources: Microkit's manual, "System Description File"; its libmicrokit, for the names and sizes of the first six words
 * and the slots of capabilities.
 */
#include "guest.h"
#include "stage0.h"

#if defined(__x86_64__)
#include "hardware-random.h"
#endif

/* start-*.S calls this, here as in a root task; a domain has no BootInfo. */
_Noreturn void sel4_stage0(struct sel4_bootinfo *info);

/* Written in the file, by names that must stay. */
#define WRITTEN __attribute__((used, section(".rodata.microkit")))

/* Every program's. */
const volatile char microkit_name[64] WRITTEN = {0};
const volatile bool microkit_passive WRITTEN = false;
const volatile uint64_t microkit_irqs WRITTEN = 0;
const volatile uint64_t microkit_notifications WRITTEN = 0;
const volatile uint64_t microkit_pps WRITTEN = 0;
const volatile uint64_t microkit_ioports WRITTEN = 0;

/* Ours; 0: there is none. The generated system sets them (targets/sel4/microkit/program-system.ts). */
const volatile uint64_t casemate_heap_physical WRITTEN = 0;
const volatile uint64_t casemate_tree WRITTEN = 0;
const volatile uint64_t casemate_tree_size WRITTEN = 0;
const volatile uint64_t casemate_clock WRITTEN = 0; /* what the kernel measured of x86-64's counter */
const volatile uint64_t casemate_console_ports WRITTEN = 0;
const volatile uint64_t casemate_clock_ports WRITTEN = 0;

/* A window to registers: where it is, what is there, and how much. */
#define WINDOW(i) \
    const volatile uint64_t casemate_window_##i WRITTEN = 0; \
    const volatile uint64_t casemate_window_##i##_physical WRITTEN = 0; \
    const volatile uint64_t casemate_window_##i##_size WRITTEN = 0;
WINDOW(0)
WINDOW(1)
WINDOW(2)
WINDOW(3)
WINDOW(4)
WINDOW(5)
WINDOW(6)
WINDOW(7)

/* Slots of I/O ports, by the identifiers that the generated system gives. */
enum { PORT_SLOTS = 394, CONSOLE_PORTS = 0, CLOCK_PORTS = 1 };

static struct boot_block boot;

static void add_range(uint64_t address, uint64_t physical, uint64_t size, uint64_t kind) {
    if (address != 0 && physical != 0 && boot.range_count < BOOT_MOST_RANGES)
        boot.ranges[boot.range_count++] = (struct boot_range){address, physical, size, kind};
}

static void add_windows(void) {
#define ADD(i) \
    add_range(casemate_window_##i, casemate_window_##i##_physical, casemate_window_##i##_size, BOOT_REGISTERS)
    ADD(0);
    ADD(1);
    ADD(2);
    ADD(3);
    ADD(4);
    ADD(5);
    ADD(6);
    ADD(7);
}

#if defined(__x86_64__)

/* A chunk of BootInfo: with its header or without. */
static uint64_t megahertz(const volatile uint32_t *chunk) { return chunk[0] == SEL4_EXTRA_TSC_FREQUENCY ? chunk[4] : chunk[0]; }

static void find_machine(void) {
    if (casemate_clock != 0) boot.frequency = megahertz((const volatile uint32_t *)casemate_clock) * 1000000;
    boot.command_line = (uintptr_t)sel4_arguments;
    if (casemate_console_ports != 0) boot.capabilities.console_ports = PORT_SLOTS + CONSOLE_PORTS;
    if (casemate_clock_ports != 0) boot.capabilities.clock_ports = PORT_SLOTS + CLOCK_PORTS;
    boot.has_entropy = 1;
    for (unsigned i = 0; i < 4; i++)
        if ((boot.seed[i] = hardware_random()) == 0) boot.has_entropy = 0;
}

#else

/* A tree that was given when the system was built is no secret, and neither is a seed in it. */
static void find_machine(void) {
    boot.fdt = casemate_tree;
    boot.fdt_size = casemate_tree == 0 ? 0 : casemate_tree_size;
}

#endif

__attribute__((no_stack_protector)) _Noreturn void sel4_stage0(struct sel4_bootinfo *info) {
    (void)info;
    boot.magic = BOOT_MAGIC;
    boot.stack_low = (uintptr_t)sel4_stack_low;
    boot.stack_top = (uintptr_t)sel4_stack_top;
    boot.heap = sel4_settings.heap;
    boot.heap_size = sel4_settings.heap_size;
    add_range(boot.heap, casemate_heap_physical, boot.heap_size, BOOT_HEAP);
    add_windows();
    find_machine();
    /* As in a root task (stage0/entropy.c): without a seed, as unpredictable as the counter at start-up. */
    boot.canary = (boot.seed[3] ^ arch_ticks() * 0x9e3779b97f4a7c15u) & ~(uint64_t)0xff;
    boot.seed[3] = 0;
    layer_start(&boot);
}
