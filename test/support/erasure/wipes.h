/* The ways in which programs erase memory, see wipes.c. */
#include <stddef.h>

/* name: what the idiom is known from or does. */
#define WIPES(X) \
  X(plain_memset) X(barrier) X(volatile_bytes) X(volatile_words) X(volatile_pointer) X(explicit) X(weak_hook) \
  X(memset_s) X(plain_loop) X(assembly) X(read_back) X(no_inline) X(atomic_fence) X(burn_stack) X(struct_assigned) \
  X(dispatched) X(union_words) X(nothing)

#define DECLARE(name) void wipe_##name(void *to, size_t size);
WIPES(DECLARE)

void explicit_bzero(void *to, size_t size);
