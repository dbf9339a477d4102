/* What subjects with memory of their own use: C's allocator, without the headers of any library. */
#include <stddef.h>

void *malloc(size_t size);
void *calloc(size_t number, size_t size);
void *realloc(void *old, size_t size);
void *aligned_alloc(size_t alignment, size_t size);
void free(void *block);
void *memset(void *to, int value, size_t size);
void *memcpy(void *to, const void *from, size_t size);

/* The call of an allocator that gives no memory, counted from 1. */
void library_fail(unsigned long call);
