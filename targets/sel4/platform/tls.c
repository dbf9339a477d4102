/*
 * Thread-local storage on x86-64: where the template of a thread's variables is (the layout puts its sizes beside it), and
 * how the thread pointer is set, by the instruction or by the kernel, as it was configured.
 */
#include "abi.h"
#include "guest.h"
#include "tls.h"

/* targets/sel4/layout.ts */
extern const char layer_tls_start[];
extern const struct {
    uint64_t file_size; /* bytes with an initial value */
    uint64_t size;
    uint64_t alignment;
} layer_tls_template;

struct tls_template layer_find_tls_template(void) {
    struct tls_template result = {layer_tls_start, layer_tls_template.file_size, 0, 1};
    if (layer_tls_template.alignment > 1) result.alignment = layer_tls_template.alignment;
    result.size = align_up(layer_tls_template.size, result.alignment);
    return result;
}

solo5_result_t solo5_set_tls_base(uintptr_t base) {
    /* A user's address: the instruction would fault on one that is not canonical. */
    if (base >> 47 != 0) return SOLO5_R_EINVAL;
#if SEL4_HAS_FSGSBASE
    __asm__ volatile("wrfsbase %0" : : "r"(base) : "memory");
#else
    sel4_send_number(SEL4_SYS_SET_TLS_BASE, base);
#endif
    return SOLO5_R_OK;
}
