/*
 * What the files of the root task share. It tries every call that ours make, and the mistakes that can be made with
 * each, and says what came of it: one line for each, "> what: error words...". Nothing in a line depends on where a
 * kernel puts things, so that a kernel and its stand-in must say the same.
 */
#ifndef ROOT_H
#define ROOT_H

#include "abi.h"

/* A test tries another. */
#ifndef TRIED_LABEL
#define TRIED_LABEL SEL4_LABEL_PAGE_MAP
#endif

extern char root_image[], root_read[], root_write[], root_end[], child_start[];

extern struct sel4_bootinfo *info;
extern struct sel4_ipc_buffer *buffer;
extern sel4_slot free_slot;
extern uint64_t answered[4];

/* What goes with a call. */
struct call {
    uint64_t slot_count, slots[3];
    uint64_t word_count, words[16];
};

#define CALL(...) ((struct call){__VA_ARGS__})

/* say.c */
void put(const char *text);
void put_hex(uint64_t value);
void tell(const char *what, uint64_t value);
uint64_t quietly(sel4_slot slot, uint64_t label, struct call call);
uint64_t try(const char *what, sel4_slot slot, uint64_t label, struct call call);
sel4_slot frame_at(const char *page);
struct call map(uint64_t address, uint64_t rights, uint64_t attributes);
struct call retype(uint64_t type, uint64_t bits, uint64_t first, uint64_t count);
/* The smallest untyped of so many bits or more. */
sel4_slot untyped_of(unsigned bits, bool is_device);

/* image.c, memory.c, capabilities.c, threads.c, interrupts.c */
void tell_bootinfo(void);
void try_frames(void);
void try_memory(void);
void try_capabilities(void);
void try_spaces(void);
void try_threads(void);
void try_interrupts(void);

#endif
