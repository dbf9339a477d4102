/*
 * From a boot block to the program: each part of the layer made ready in the order in which they need one another, then
 * solo5_app_main.
 *
 * rv_start itself is compiled without stack protection, and never returns: it sets the canary that every other function
 * expects to stay the same.
 */
#include "platform.h"

const struct boot_block *rv_boot;
struct machine rv_machine;

_Noreturn void rv_start(const struct boot_block *boot);

/* Constructors of C and C++ code: targets/riscv64/layout.ts. */
extern void (*const __init_array_start[])(void);
extern void (*const __init_array_end[])(void);

/* Apart, so that what it calls can be told from its name: targets/riscv64/platform.ts. */
static __attribute__((noinline)) void run_constructors(void) {
    for (void (*const *constructor)(void) = __init_array_start; constructor < __init_array_end; constructor++)
        (*constructor)();
}

static struct solo5_start_info info; /* the program keeps a pointer to it */

static __attribute__((noinline)) void prepare(void) {
    if (rv_boot->magic != BOOT_MAGIC || rv_boot->fdt_size > FDT_LARGEST) rv_abort("the boot block is none");
    rv_console_init();
    const char *wrong =
        rv_machine_read(&rv_machine, (const void *)rv_boot->fdt, (uint32_t)rv_boot->fdt_size, rv_boot->hart);
    if (wrong != NULL) rv_abort_because("the device tree is damaged", wrong);
    info.cmdline = rv_machine.bootargs.size > 0 ? (const char *)rv_machine.bootargs.data : "";
    info.cmdline = rv_take_options(info.cmdline);
    rv_tell_boot(-1);
    if (rv_machine.timebase_frequency == 0 || rv_machine.timebase_frequency > 10000000000u)
        rv_abort("the device tree has no timebase-frequency, or one above 10 GHz; there is no clock");
    rv_clock_init(rv_machine.timebase_frequency);
    rv_interrupts_init();
    rv_heap_init();
    rv_devices_init();
    rv_tls_init();
}

/* What is added to the canary; its lowest byte is 0. */
static __attribute__((noinline)) uint64_t more_canary(void) {
    return rv_boot->has_entropy ? 0 : rv_random_word() & ~(uint64_t)0xff;
}

static __attribute__((noinline)) _Noreturn void run(void) {
    info.heap_start = rv_heap_start();
    info.heap_size = rv_heap_end() - rv_heap_start();
    run_constructors();
    solo5_exit(solo5_app_main(&info));
}

__attribute__((no_stack_protector)) _Noreturn void rv_start(const struct boot_block *boot) {
    rv_boot = boot;
    __stack_chk_guard = boot->canary;
    prepare();
    __stack_chk_guard ^= more_canary();
    run();
}
