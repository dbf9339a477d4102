/*
 * A heap for unikernels: malloc, calloc, realloc and free over the memory that a guest is started with. One C file of a
 * program defines CASEMATE_HEAP_CODE before it includes this and so has the code; all others have the declarations.
 *
 *     #define CASEMATE_HEAP_CODE
 *     #include <casemate/heap.h>
 *     int solo5_app_main(const struct solo5_start_info *info) {
 *         casemate_heap_init((void *)info->heap_start, info->heap_size);
 *
 * Blocks lie one after another, each with a head of 16 bytes that says how large it is, whether it is in use, and a check
 * word over both and its place. A head that does not fit its check word, memory that is freed twice or that no call gave
 * end the program by __builtin_trap, before anything is written. Addresses are multiples of 16.
 *
 * With CASEMATE_HEAP_WIPES, which a build with "secrets": {"wipe": true} sets, memory is zeros from when it is freed on:
 * free, and what realloc leaves behind, clear it through a volatile pointer, and a record says so (secrets.h).
 * The first block that is large enough is taken, so a call takes as long as there are blocks. One thread.
 */
#ifndef CASEMATE_HEAP_H
#define CASEMATE_HEAP_H

#include <stddef.h>
#include <stdint.h>

/* Gives `size` bytes from `start` on to the heap, once, before all other calls. Fewer than 64 hold no block. */
void casemate_heap_init(void *start, size_t size);

/* As C has them: NULL where there is no room, and for calloc where the product is none. malloc(0) is a block of 16 bytes. */
void *malloc(size_t size);
void *calloc(size_t count, size_t size);
/* realloc(p, 0) leaves a block of 16 bytes. */
void *realloc(void *block, size_t size);
void free(void *block);

#ifdef CASEMATE_HEAP_CODE

#include "secrets.h"

struct casemate_head {
    /* Bytes with the head, a multiple of 16; the lowest bit: in use. */
    size_t size;
    size_t check;
};

enum { CASEMATE_UNIT = 16 };

static uintptr_t casemate_heap_start, casemate_heap_end;

static size_t casemate_check(const struct casemate_head *head) {
    return (head->size ^ (uintptr_t)head) * (size_t)0x9e3779b97f4a7c15u + 0x5ea1;
}

static void casemate_write_head(struct casemate_head *head, size_t size) {
    head->size = size;
    head->check = casemate_check(head);
}

static size_t casemate_size(const struct casemate_head *head) { return head->size & ~(size_t)(CASEMATE_UNIT - 1); }
static int casemate_is_used(const struct casemate_head *head) { return (head->size & 1) != 0; }

/* The head at an address, or the end of the program. */
static struct casemate_head *casemate_head_at(uintptr_t at) {
    struct casemate_head *head = (struct casemate_head *)at;
    if (head->check != casemate_check(head)) __builtin_trap();
    size_t size = casemate_size(head);
    if (size < sizeof *head || size > casemate_heap_end - at) __builtin_trap();
    return head;
}

/* The block behind one; NULL at the end. */
static struct casemate_head *casemate_next(const struct casemate_head *head) {
    uintptr_t at = (uintptr_t)head + casemate_size(head);
    return at == casemate_heap_end ? NULL : casemate_head_at(at);
}

static void casemate_clear(void *from, size_t size) {
#ifdef CASEMATE_HEAP_WIPES
    volatile unsigned char *at = (volatile unsigned char *)from;
    for (size_t i = 0; i < size; i++) at[i] = 0;
#else
    (void)from;
    (void)size;
#endif
}

/* Takes the free blocks behind a block in, as one. Their heads become part of its room. */
static void casemate_merge(struct casemate_head *head) {
    size_t used = head->size & 1;
    for (struct casemate_head *next = casemate_next(head); next != NULL && !casemate_is_used(next);) {
        size_t size = casemate_size(head) + casemate_size(next);
        casemate_clear(next, sizeof *next);
        casemate_write_head(head, size | used);
        next = casemate_next(head);
    }
}

/* Bytes of a block with room for so many, head and all; 0: there is none so large. */
static size_t casemate_block_size(size_t size) {
    if (size > (size_t)-1 / 2) return 0;
    size_t room = size == 0 ? CASEMATE_UNIT : (size + CASEMATE_UNIT - 1) & ~(size_t)(CASEMATE_UNIT - 1);
    return room + sizeof(struct casemate_head);
}

/* Leaves what a block has beyond `size` bytes as a free block, where that is one. */
static void casemate_split(struct casemate_head *head, size_t size) {
    size_t rest = casemate_size(head) - size;
    if (rest < sizeof *head + CASEMATE_UNIT) return;
    struct casemate_head *other = (struct casemate_head *)((uintptr_t)head + size);
    casemate_write_head(other, rest);
    casemate_write_head(head, size | (head->size & 1));
}

void casemate_heap_init(void *start, size_t size) {
    uintptr_t from = ((uintptr_t)start + CASEMATE_UNIT - 1) & ~(uintptr_t)(CASEMATE_UNIT - 1);
    uintptr_t end = ((uintptr_t)start + size) & ~(uintptr_t)(CASEMATE_UNIT - 1);
    if (casemate_heap_start != 0 || end < (uintptr_t)start) __builtin_trap();
    if (size < 64) return;
    casemate_heap_start = from;
    casemate_heap_end = end;
    casemate_write_head((struct casemate_head *)from, end - from);
}

CASEMATE_KEPT void *malloc(size_t size) {
    size_t wanted = casemate_block_size(size);
    if (casemate_heap_start == 0 || wanted == 0) return NULL;
    for (struct casemate_head *head = casemate_head_at(casemate_heap_start); head != NULL; head = casemate_next(head)) {
        if (casemate_is_used(head)) continue;
        casemate_merge(head);
        if (casemate_size(head) < wanted) continue;
        casemate_split(head, wanted);
        casemate_write_head(head, head->size | 1);
        return head + 1;
    }
    return NULL;
}

CASEMATE_KEPT void *calloc(size_t count, size_t size) {
    if (size != 0 && count > (size_t)-1 / size) return NULL;
    unsigned char *block = (unsigned char *)malloc(count * size);
    if (block == NULL) return NULL;
    /* Or a compiler takes both for what they are: a call of calloc. */
    __asm__ volatile("" : "+r"(block));
    for (size_t i = 0; i < count * size; i++) block[i] = 0;
    return block;
}

/* The head of a block in use, or the end of the program. */
static struct casemate_head *casemate_used_head(void *block) {
    uintptr_t at = (uintptr_t)block - sizeof(struct casemate_head);
    if (casemate_heap_start == 0 || at < casemate_heap_start || at >= casemate_heap_end || at % CASEMATE_UNIT != 0)
        __builtin_trap();
    struct casemate_head *head = casemate_head_at(at);
    if (!casemate_is_used(head)) __builtin_trap();
    return head;
}

CASEMATE_KEPT void free(void *block) {
    if (block == NULL) return;
    struct casemate_head *head = casemate_used_head(block);
    casemate_clear(block, casemate_size(head) - sizeof *head);
    casemate_write_head(head, casemate_size(head));
    casemate_merge(head);
}

CASEMATE_KEPT void *realloc(void *block, size_t size) {
    if (block == NULL) return malloc(size);
    struct casemate_head *head = casemate_used_head(block);
    size_t wanted = casemate_block_size(size), before = casemate_size(head);
    if (wanted == 0) return NULL;
    if (wanted <= before) {
        casemate_clear((unsigned char *)head + wanted, before - wanted);
        casemate_split(head, wanted);
        return block;
    }
    unsigned char *other = (unsigned char *)malloc(size);
    if (other == NULL) return NULL;
    for (size_t i = 0; i < before - sizeof *head; i++) other[i] = ((unsigned char *)block)[i];
    free(block);
    return other;
}

#ifdef CASEMATE_HEAP_WIPES
CASEMATE_ALLOCATOR(free, CASEMATE_FREE + CASEMATE_WIPES);
CASEMATE_ALLOCATOR(realloc, CASEMATE_REALLOC + CASEMATE_WIPES);
#else
CASEMATE_ALLOCATOR(free, CASEMATE_FREE);
CASEMATE_ALLOCATOR(realloc, CASEMATE_REALLOC);
#endif
CASEMATE_ALLOCATOR(malloc, CASEMATE_MALLOC);
CASEMATE_ALLOCATOR(calloc, CASEMATE_CALLOC);

#endif
#endif
