/*
 * An allocator whose blocks the oracle can look at after they were freed: none is ever used again, and a table says which
 * there are. It clears nothing. library_fail(N) makes the Nth call of all give no memory.
 */
#include "heap.h"

unsigned char library_heap[4096] __attribute__((aligned(16)));
struct library_block {
  unsigned long start, size, is_freed;
} library_blocks[16];
static unsigned long taken, count, calls, fails;

void library_fail(unsigned long call) { fails = call; }

void *malloc(size_t size) {
  unsigned long start = (taken + 15) & ~15ul;
  if (++calls == fails || count == 16 || size > sizeof library_heap - start) return 0;
  taken = start + size;
  library_blocks[count++] = (struct library_block){start, size, 0};
  return library_heap + start;
}

void *calloc(size_t number, size_t size) {
  void *block = malloc(number * size);
  if (block != 0) memset(block, 0, number * size);
  return block;
}

static struct library_block *block_of(void *block) {
  /* All of the table: with a count, code that finds none would be followed that runs never come to. */
  for (unsigned long i = 0; i < 16; i++)
    if (library_heap + library_blocks[i].start == block) return &library_blocks[i];
  return 0;
}

void free(void *block) {
  struct library_block *found = block_of(block);
  if (found != 0) found->is_freed = 1;
}

void *realloc(void *old, size_t size) {
  if (old == 0) return malloc(size);
  struct library_block *found = block_of(old);
  void *block = malloc(size);
  if (block == 0) return 0;
  memcpy(block, old, found->size < size ? found->size : size);
  free(old);
  return block;
}

void *aligned_alloc(size_t alignment, size_t size) {
  (void)alignment;
  return malloc(size);
}
