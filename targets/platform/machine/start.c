/*
 * From a boot block to the program: each part of the layer made ready in the order in which they need one another, then
 * solo5_app_main.
 *
 * layer_start itself is compiled without stack protection, and never returns: it sets the canary that every other
 * function expects to stay the same.
 */
#include "guest.h"

const struct boot_block *layer_boot;
struct machine layer_machine;

/* Constructors of C and C++ code: the target's layout. */
extern void (*const __init_array_start[])(void);
extern void (*const __init_array_end[])(void);

/* Apart, so that what it calls can be told from its name: the target's platform.ts. */
static __attribute__((noinline)) void run_constructors(void) {
    for (void (*const *constructor)(void) = __init_array_start; constructor < __init_array_end; constructor++)
        (*constructor)();
}

static struct solo5_start_info info; /* the program keeps a pointer to it */

/* Gives the initial thread its variables. */
static void init_first_thread(void) {
    uintptr_t block = (uintptr_t)layer_take_memory(solo5_tls_size());
    solo5_tls_init(block);
    solo5_set_tls_base(solo5_tls_tp_offset(block));
}

/* Returns the command line that it holds. */
static const char *read_tree(void) {
    const void *tree = (const void *)layer_boot->fdt;
    const char *wrong = layer_machine_read(&layer_machine, tree, (uint32_t)layer_boot->fdt_size, layer_boot->hart);
    if (wrong != NULL) layer_abort_because("the device tree is damaged", wrong);
    return layer_machine.bootargs.size > 0 ? (const char *)layer_machine.bootargs.data : "";
}

static __attribute__((noinline)) void prepare(void) {
    if (layer_boot->magic != BOOT_MAGIC || layer_boot->fdt_size > FDT_LARGEST) layer_abort("the boot block is none");
    layer_console_init();
    info.cmdline = layer_take_options(ARCH_HAS_TREE ? read_tree() : (const char *)layer_boot->command_line);
    layer_tell_boot(-1);
    uint64_t frequency = arch_frequency(&layer_machine);
    if (frequency == 0 || frequency > 10000000000u)
        layer_abort(ARCH_NO_FREQUENCY ", or one above 10 GHz; there is no clock");
    layer_clock_init(frequency);
    layer_interrupts_init();
    layer_heap_init();
    layer_devices_init();
    init_first_thread();
}

/* What is added to the canary; its lowest byte is 0. */
static __attribute__((noinline)) uint64_t more_canary(void) {
    return layer_boot->has_entropy ? 0 : layer_random_word() & ~(uint64_t)0xff;
}

static __attribute__((noinline)) _Noreturn void run(void) {
    info.heap_start = layer_heap_start();
    info.heap_size = layer_heap_end() - layer_heap_start();
    run_constructors();
    solo5_exit(solo5_app_main(&info));
}

__attribute__((no_stack_protector)) _Noreturn void layer_start(const struct boot_block *boot) {
    layer_boot = boot;
    __stack_chk_guard = boot->canary;
    prepare();
    __stack_chk_guard ^= more_canary();
    run();
}
