/*
 * Thread-local storage (System V ABI for x86-64, variant II).
 *
 * A thread's block is the image of its variables followed by the thread control block, which the thread pointer names:
 *
 *   | variables, size rounded up to their alignment | self | ... | canary at 0x28 | ... |
 *                                                   ^ thread pointer (FS base)
 *
 * Where the variables' template is, and how the thread pointer is set, the target knows.
 */
#include "tls.h"

struct control_block {
    uintptr_t self;
    uintptr_t reserved[4];
    uintptr_t canary; /* %fs:0x28, read by objects compiled with the default stack protector */
    uintptr_t unused[2];
};

_Static_assert(offsetof(struct control_block, canary) == 0x28, "the ABI's canary is at %fs:0x28");

#define SMALLEST_ALIGNMENT 64u

static size_t block_alignment(const struct tls_template *template) {
    return template->alignment > SMALLEST_ALIGNMENT ? template->alignment : SMALLEST_ALIGNMENT;
}

static uintptr_t thread_pointer(const struct tls_template *template, uintptr_t tls) {
    return align_up(tls + template->size, block_alignment(template));
}

size_t solo5_tls_size(void) {
    struct tls_template template = layer_find_tls_template();
    return template.size + block_alignment(&template) - 1 + sizeof(struct control_block);
}

uintptr_t solo5_tls_tp_offset(uintptr_t tls) {
    struct tls_template template = layer_find_tls_template();
    return thread_pointer(&template, tls);
}

solo5_result_t solo5_tls_init(uintptr_t tls) {
    if (tls == 0) return SOLO5_R_EINVAL;
    struct tls_template template = layer_find_tls_template();
    struct control_block *control = (struct control_block *)thread_pointer(&template, tls);
    char *variables = (char *)control - template.size;
    memset(variables, 0, template.size);
    memcpy(variables, template.image, template.file_size);
    *control = (struct control_block){.self = (uintptr_t)control, .canary = __stack_chk_guard};
    return SOLO5_R_OK;
}
