/*
 * What the files of the root task's start-up code share. It runs before the platform layer, with the capabilities that
 * the kernel gives a root task, and leaves the program with none. Names begin with sel4_.
 */
#ifndef STAGE0_H
#define STAGE0_H

#include "abi.h"
#include "boot.h"

#define SEL4_PAGE 4096u
#define SEL4_LARGE_PAGE (1u << 21)

/* The linker script's (targets/sel4/layout.ts): what lies where in the image. Bounds are whole pages. */
extern char sel4_image[], sel4_text_end[], sel4_read[], sel4_read_end[], sel4_write[], sel4_write_end[];
extern char sel4_stack_low[], sel4_stack_top[], sel4_image_end[];

/*
 * What a build decides once the image is linked (targets/sel4/settings.ts writes it): the values here say where it is.
 */
struct sel4_settings {
    uint64_t magic;
    uint64_t text_rights; /* SEL4_READ where code is read as data, else 0 */
    uint64_t heap;        /* its address, and its size: whole large pages */
    uint64_t heap_size;
    uint64_t devices; /* where device registers are mapped */
};
extern const volatile struct sel4_settings sel4_settings;
#define SEL4_SETTINGS_MAGIC 0x31305345344c4553u /* "SEL4ES01" */

/* arguments.c, on x86-64: text, or nothing. */
#define SEL4_ARGUMENTS_SIZE 2048
extern const volatile char sel4_arguments[SEL4_ARGUMENTS_SIZE];

/*
 * invoke.c: the error of an invocation, 0 when it was done. `info` is sel4_message_info's; words beyond the fourth and
 * capabilities that go with the message are put into the IPC buffer before.
 */
uint64_t sel4_invoke(sel4_slot slot, uint64_t info, uint64_t first, uint64_t second, uint64_t third, uint64_t fourth);
/* invoke.c: the first word of the last answer. */
extern uint64_t sel4_answer;

/* invoke.c: says "casemate: ABORT: start-up: <what>: seL4 error <error>" where there is a console, and ends. */
_Noreturn void sel4_give_up(const char *what, uint64_t error);
/* invoke.c: gives up when there is an error. */
void sel4_require(const char *what, uint64_t error);

/* stage0.c: the boot block's pages, which have nothing else in them. */
extern struct boot_block *const sel4_boot_block;
#define SEL4_BOOT_BLOCK_PAGES ((sizeof(struct boot_block) + SEL4_PAGE - 1) / SEL4_PAGE)

/* Set once, by sel4_stage0. */
extern struct sel4_bootinfo *sel4_info;
extern struct sel4_ipc_buffer *sel4_buffer;

/* objects.c: makes `count` objects of a type from an untyped, from the first free slot on; the kernel's error. */
uint64_t sel4_retype(sel4_slot untyped, uint64_t type, uint64_t bits, uint64_t count);
/* objects.c: the same; gives up when it cannot, else the first one's slot. */
sel4_slot sel4_make(sel4_slot untyped, uint64_t type, uint64_t bits, uint64_t count);
/* objects.c: so many pages of memory, zeros; the first one's slot, the others follow. */
sel4_slot sel4_make_frames(size_t count);
/* objects.c: the smallest untyped of ordinary memory, not yet given away, of at least 1 << bits bytes; gives up without. */
sel4_slot sel4_take_untyped(unsigned bits);
/* objects.c: maps a frame, and the tables that it needs; gives up when it cannot. */
void sel4_map(sel4_slot frame, uint64_t address, uint64_t rights, uint64_t attributes);
/* objects.c: from now on pages are mapped in this address space; at first it is the root task's. */
void sel4_map_in(sel4_slot vspace);
/* objects.c: CNode_Copy of a capability of the root task's, with all rights; the kernel's error. */
uint64_t sel4_copy_to(sel4_slot cnode, uint64_t to, uint64_t depth, sel4_slot from);
/* objects.c: the physical address of a frame. */
uint64_t sel4_physical(sel4_slot frame);
/* objects.c: Page_Map of a frame that may be mapped already; the kernel's error. */
uint64_t sel4_page_map(sel4_slot frame, uint64_t address, uint64_t rights, uint64_t attributes);
/* objects.c: deletes from a space whose slots are found by `depth` bits of their address; the kernel's error. */
uint64_t sel4_delete_in(sel4_slot cnode, sel4_slot slot, uint64_t depth);
/* objects.c: the same, from the root task's own. */
uint64_t sel4_delete(sel4_slot slot);
/* objects.c: the first slot that nothing was put into. */
sel4_slot sel4_free_slot(void);
/* objects.c: the same, and whoever asks puts something into it. */
sel4_slot sel4_take_slot(void);

/* protect.c: gives every page of the image the rights of its segment, and takes the rest away. */
void sel4_protect(void);
/* protect.c: gives whole pages of the image other rights. */
void sel4_protect_range(const char *start, const char *end, uint64_t rights, uint64_t attributes);

/* heap.c: maps the heap at an address; adds its range to the boot block. */
void sel4_make_heap(struct boot_block *block, uint64_t address);

/*
 * resources.c: finds the device tree and devices; adds what of them the layer needs to the boot block. Capabilities that
 * must outlive the seal go to `keep`; the layer names them SEL4_KEPT, SEL4_KEPT + 1, ...; returns how many.
 */
#define SEL4_KEPT 16
#define SEL4_MOST_KEPT 10
size_t sel4_find_resources(struct boot_block *block, sel4_slot keep[SEL4_MOST_KEPT]);
/* devices.c, or ports.c, which has none: the i-th page of registers, and where it is mapped; 0 when there are not so many. */
sel4_slot sel4_register_frame(size_t i, uint64_t *address);

/*
 * Slots of the capability space that a program has: 1 << SEL4_SPACE_BITS. What is kept begins at SEL4_KEPT, where no
 * capability was before that could undo anything: none must answer to its name.
 */
#define SEL4_SPACE_BITS 5u
/* The endpoint at which a first stage hears of its program, in the program's space. */
#define SEL4_PARENT 31u
/* seal.c: a new space with what is kept; its slot. */
sel4_slot sel4_make_space(const sel4_slot *keep, size_t count);
/*
 * seal.c: TCB_SetSpace; the kernel's error. `handler` hears of faults, in our space, and `name` is its name in the thread's:
 * kernels with scheduling contexts want the one, others the other; 0: nobody does.
 */
uint64_t sel4_set_space(sel4_slot thread, sel4_slot handler, uint64_t name, sel4_slot space, sel4_slot vspace);

/* seal.c: gives up every capability, and tries every way back. `keep` names slots whose capabilities stay, from SEL4_KEPT on. */
void sel4_seal(const sel4_slot *keep, size_t count);

#endif
