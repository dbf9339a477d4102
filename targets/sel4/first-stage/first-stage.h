/*
 * What the files of the first stage share. An image with new addresses at every start is two: the kernel starts it at the
 * addresses that the build drew, and this code runs it again in an address space that did not exist before, at
 * addresses that it draws itself, as a thread that has nothing but what it keeps and an endpoint to its parent.
 */
#ifndef FIRST_STAGE_H
#define FIRST_STAGE_H

#include "stage0.h"

/* Where the program will be: the first address of each part. */
struct places {
    uint64_t image;
    uint64_t stack; /* the lowest usable address */
    uint64_t heap;
    uint64_t devices;
    uint64_t tables; /* the IPC buffer, and a page further what the kernel told of the machine */
};

/* draw.c: places, a seed and a canary of the program's own from the boot block's, which is replaced. */
void sel4_draw(struct boot_block *block, struct places *places);

/* copy.c: the image's pages, in the program's address space; `block` becomes its boot block, `buffer` its IPC buffer. */
void sel4_copy_image(const struct places *places, const struct boot_block *block, sel4_slot vspace, uint64_t buffer);

/* watch.c: hears how the program ends, says it, and ends. */
_Noreturn void sel4_watch(sel4_slot endpoint);

/* spawn.c: starts the program; what the root task still does is watch it. `block` is the root task's own. */
_Noreturn void sel4_spawn(struct boot_block *block, const sel4_slot *keep, size_t kept);

/* program-*.S: where the program's thread begins, with its boot block as the argument. */
extern char sel4_program[];

/* A copy of a frame's capability, which can be mapped a second time. */
sel4_slot sel4_second_frame(sel4_slot frame);

#endif
