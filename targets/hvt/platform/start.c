/*
 * From the first C instruction to the program: each part of the layer made ready in the order in which they need one
 * another, then solo5_app_main.
 *
 * The canary comes first, because every function compiled with stack protection assumes that it no longer changes;
 * hvt_start itself is compiled without and never returns. Traps come second, so that any mistake after that ends
 * in a message instead of a triple fault.
 */
#include "platform.h"

struct hvt_state hvt_state;

/* Constructors of C and C++ code, when the layout collects them. */
extern void (*const __init_array_start[])(void) __attribute__((weak));
extern void (*const __init_array_end[])(void) __attribute__((weak));

static void run_constructors(void) {
    for (void (*const *constructor)(void) = __init_array_start; constructor < __init_array_end; constructor++)
        (*constructor)();
}

/* Runs with stack protection, hence apart from hvt_start; static data, because the program keeps a pointer. */
static __attribute__((noinline)) _Noreturn void run(const struct hvt_boot_info *boot) {
    static struct solo5_start_info info;
    uintptr_t heap_start, heap_end;

    hvt_traps_init();
    const struct manifest *manifest = boot->manifest;
    if (manifest == NULL || manifest->version != MANIFEST_VERSION || manifest->entries > MANIFEST_MAX)
        hvt_abort("the tender's device manifest is not of version 1 or has more than 64 entries");
    hvt_state.manifest = manifest;
    if (boot->cpu_cycle_freq == 0) hvt_abort("the tender gives a cycle frequency of 0; there is no clock");
    hvt_clock_init(boot->cpu_cycle_freq);
    hvt_memory_layout(boot, &heap_start, &heap_end);
    hvt_tls_init_first_thread(&heap_start, heap_end);
    info.cmdline = layer_program_arguments(boot->cmdline);
    info.heap_start = heap_start;
    info.heap_size = heap_end - heap_start;
    run_constructors();
    solo5_exit(solo5_app_main(&info));
}

__attribute__((no_stack_protector)) _Noreturn void hvt_start(const struct hvt_boot_info *boot,
                                                                   uintptr_t stack_pointer) {
    hvt_state.stack_top = align_up(stack_pointer, PAGE_SIZE);
    /* A stack above the memory we are told of (memory.c) is memory too, and the host may be given what is on it. */
    hvt_state.memory_size = boot->mem_size > hvt_state.stack_top ? boot->mem_size : hvt_state.stack_top;
    hvt_canary_init();
    run(boot);
}
