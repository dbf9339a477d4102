/*
 * What thread-local storage on x86-64 (tls.c) needs of a target.
 */
#ifndef TLS_H
#define TLS_H

#include "layer.h"

/* The initial values of a thread's variables. */
struct tls_template {
    const char *image;
    size_t file_size; /* of the image; what follows is 0 */
    size_t size;      /* rounded up to alignment */
    size_t alignment;
};

struct tls_template layer_find_tls_template(void);

extern uintptr_t __stack_chk_guard;

#endif
