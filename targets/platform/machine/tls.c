/*
 * Thread-local storage, variant I: a thread's variables follow its control block, which a C library may want.
 *
 *   RISC-V    | 16 bytes | variables |           AArch64   | 16 bytes, and to the variables' alignment | variables |
 *                        ^ thread pointer (tp)             ^ thread pointer (tpidr_el0)
 *
 * The template of the variables comes from the linker script, which puts their sizes beside it: images of these targets
 * do not load their program headers.
 */
#include "guest.h"

/* the target's layout */
extern const char layer_tls_start[];
extern const struct {
    uint64_t file_size; /* bytes with an initial value */
    uint64_t size;
    uint64_t alignment;
} layer_tls_template;

/* So that 16 bytes of control block are a whole number of it. */
#define SMALLEST_ALIGNMENT 16u

static size_t block_alignment(void) {
    size_t alignment = layer_tls_template.alignment;
    return alignment > SMALLEST_ALIGNMENT ? alignment : SMALLEST_ALIGNMENT;
}

size_t solo5_tls_size(void) {
    size_t alignment = block_alignment();
    return ARCH_TLS_BEFORE + ARCH_TLS_GAP(alignment) + layer_tls_template.size + alignment - 1;
}

uintptr_t solo5_tls_tp_offset(uintptr_t tls) { return align_up(tls + ARCH_TLS_BEFORE, block_alignment()); }

solo5_result_t solo5_tls_init(uintptr_t tls) {
    if (tls == 0) return SOLO5_R_EINVAL;
    char *variables = (char *)solo5_tls_tp_offset(tls) + ARCH_TLS_GAP(block_alignment());
    memset((void *)tls, 0, (uintptr_t)variables - tls);
    memcpy(variables, layer_tls_start, layer_tls_template.file_size);
    memset(variables + layer_tls_template.file_size, 0, layer_tls_template.size - layer_tls_template.file_size);
    return SOLO5_R_OK;
}

solo5_result_t solo5_set_tls_base(uintptr_t base) {
    arch_set_thread_pointer(base);
    return SOLO5_R_OK;
}
