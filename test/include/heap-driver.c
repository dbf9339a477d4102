/*
 * Random calls of the heap of casemate/heap.h, each held against what was asked before: every block keeps what was written
 * to it, and none lies in another one. Prints how many calls there were, and how many bytes of the heap are not zero in
 * the end. With a second argument: one way to misuse it, which must not return.
 */
#include <stdio.h>
#define CASEMATE_HEAP_CODE
#include <casemate/heap.h>

static _Alignas(16) unsigned char arena[1 << 15];
static struct { unsigned char *block; size_t size; unsigned char seed; } live[64];
static uint64_t state;

static unsigned draw(unsigned below) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(state >> 33) % below;
}
static unsigned char at(unsigned i, size_t k) { return (unsigned char)(live[i].seed + k * 7 + 1) | 1; }
static void need(int holds, const char *what) {
    if (holds) return;
    printf("broken: %s\n", what);
    fflush(stdout);
    __builtin_trap();
}
static void write_all(unsigned i) {
    live[i].seed = (unsigned char)draw(256);
    for (size_t k = 0; k < live[i].size; k++) live[i].block[k] = at(i, k);
}
static void check(unsigned i, size_t size) {
    for (size_t k = 0; k < size; k++) need(live[i].block[k] == at(i, k), "a block keeps what is written to it");
}
static void place(unsigned i) {
    unsigned char *p = live[i].block;
    need((uintptr_t)p % 16 == 0, "blocks are aligned");
    need(p >= arena && p + live[i].size <= arena + sizeof arena, "blocks are in the heap");
    for (unsigned j = 0; j < 64; j++)
        need(j == i || live[j].block == NULL || p + live[i].size <= live[j].block || live[j].block + live[j].size <= p,
             "blocks are apart");
}

int main(int count, char **arguments) {
    state = (uint64_t)arguments[1][0];
    need(malloc(1) == NULL, "there is nothing before there is a heap");
    casemate_heap_init(arena + 1, sizeof arena - 3);
    if (count > 2) {
        unsigned char *p = malloc(24), *q = malloc(24);
        switch (arguments[2][0]) {
        case 'd': free(p); free(p); break;
        case 'm': free(p); free(q); free(q); break;
        case 'i': free(p + 16); break;
        case 'o': free(arena + sizeof arena); break;
        case 'u': free(&state); break;
        case 'w': for (int i = 0; i < 40; i++) p[i] = 1; free(q); break;
        case 'r': free(p); (void)!realloc(p, 99); break;
        case 't': casemate_heap_init(arena, sizeof arena); break;
        }
        return 0;
    }
    need(calloc((size_t)-1 / 4, 8) == NULL && malloc((size_t)-1) == NULL && malloc(sizeof arena) == NULL, "no room is NULL");
    free(NULL);
    unsigned calls = 0, none = 0;
    for (; calls < 20000; calls++) {
        unsigned i = draw(64), what = draw(8);
        size_t size = draw(4) == 0 ? draw(3000) : draw(100);
        if (live[i].block == NULL) {
            live[i].block = what == 0 ? calloc(size, 1) : malloc(size);
            if (live[i].block == NULL) { none++; continue; }
            live[i].size = size;
            place(i);
            if (what == 0) for (size_t k = 0; k < size; k++) need(live[i].block[k] == 0, "calloc gives zeros");
            write_all(i);
        } else if (what < 3) {
            unsigned char *other = realloc(live[i].block, size);
            if (other == NULL) { none++; check(i, live[i].size); continue; }
            live[i].block = other;
            check(i, size < live[i].size ? size : live[i].size);
            live[i].size = size;
            place(i);
            write_all(i);
        } else {
            check(i, live[i].size);
            free(live[i].block);
            live[i].block = NULL;
        }
    }
    for (unsigned i = 0; i < 64; i++) {
        if (live[i].block != NULL) check(i, live[i].size);
        free(live[i].block);
    }
    unsigned left = 0;
    /* Behind the head of the one block that there is. */
    unsigned char *all = malloc(sizeof arena - 64);
    need(all != NULL, "what is free comes together again");
    free(all);
    for (unsigned char *p = all; p < arena + sizeof arena; p++) left += *p != 0;
    printf("%u calls, none %s, left %u\n", calls, none > 0 ? "at times" : "never", left);
    return 0;
}
