/*
 * Thread-local storage (RISC-V psABI, variant I): the thread pointer names the first of a thread's variables.
 *
 *   | 16 bytes that a C library may want | variables |
 *                                        ^ thread pointer (tp)
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

#define CONTROL_BLOCK 16u
#define SMALLEST_ALIGNMENT 16u

static size_t block_alignment(void) {
    size_t alignment = layer_tls_template.alignment;
    return alignment > SMALLEST_ALIGNMENT ? alignment : SMALLEST_ALIGNMENT;
}

size_t solo5_tls_size(void) { return CONTROL_BLOCK + layer_tls_template.size + block_alignment() - 1; }

uintptr_t solo5_tls_tp_offset(uintptr_t tls) { return align_up(tls + CONTROL_BLOCK, block_alignment()); }

solo5_result_t solo5_tls_init(uintptr_t tls) {
    if (tls == 0) return SOLO5_R_EINVAL;
    char *variables = (char *)solo5_tls_tp_offset(tls);
    memset((void *)tls, 0, (uintptr_t)variables - tls);
    memcpy(variables, layer_tls_start, layer_tls_template.file_size);
    memset(variables + layer_tls_template.file_size, 0, layer_tls_template.size - layer_tls_template.file_size);
    return SOLO5_R_OK;
}

solo5_result_t solo5_set_tls_base(uintptr_t base) {
    arch_set_thread_pointer(base);
    return SOLO5_R_OK;
}

void layer_tls_init(void) {
    uintptr_t block = (uintptr_t)layer_take_memory(solo5_tls_size());
    solo5_tls_init(block);
    solo5_set_tls_base(solo5_tls_tp_offset(block));
}
