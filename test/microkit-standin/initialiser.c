/*
 * A stand-in for what Microkit starts a system with: our own root task that makes one protection domain as Microkit's tool
 * and its initialiser do, on a real kernel with MCS. It takes the place of a root task's own start-up (stage0.c) and uses the
 * rest of it.
 *
 * What is mapped is a table that the test writes from the program's headers and the generated system: segments with the
 * rights of their flags, regions with those of their maps, an IPC buffer at the top of user space, a stack below it. The
 * domain's thread gets a capability space with a notification in slot 1, and nothing else. Its faults are said on the console.
 *
 * Source: Microkit 2.3.0-dev, tool/microkit/src/capdl/builder.rs.
 */
#include "first-stage.h"
#include "guest.h"
#include "pieces.h"

#define DATA (SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER)

_Noreturn void sel4_stage0(struct sel4_bootinfo *info);

static struct boot_block boot;
struct boot_block *const sel4_boot_block = &boot;

/* Where a page is filled before the domain gets it. */
#define FILLED_AT 0x10000000u
#define SCHED_CONTEXT_BITS 7u
#define PERIOD 10000u

static sel4_slot space_of_domain;

static uint64_t rights_of(const struct piece *piece) {
    return (piece->reads ? SEL4_READ : 0) | (piece->writes ? SEL4_WRITE : 0);
}

static uint64_t attributes_of(const struct piece *piece) {
    return (piece->is_device ? SEL4_DEVICE_ATTRIBUTES : SEL4_DEFAULT_ATTRIBUTES) | (piece->executes ? 0 : SEL4_EXECUTE_NEVER);
}

/* A page of contents, zeros after them. */
static void fill(sel4_slot frame, const char *contents, uint64_t size) {
    sel4_map_in(SEL4_SLOT_VSPACE);
    sel4_map(frame, FILLED_AT, SEL4_READ | SEL4_WRITE, DATA);
    memcpy((void *)FILLED_AT, contents, size);
    sel4_require("unmapping a page", sel4_invoke(frame, sel4_message_info(SEL4_LABEL_PAGE_UNMAP, 0, 0), 0, 0, 0, 0));
    sel4_map_in(space_of_domain);
}

static void map_small(const struct piece *piece, sel4_slot frame) {
    for (uint64_t at = 0; at < piece->size; at += SEL4_PAGE, frame++) {
        uint64_t left = at < piece->filled ? piece->filled - at : 0;
        if (left > 0) fill(frame, piece->contents + at, left < SEL4_PAGE ? left : SEL4_PAGE);
        sel4_map(frame, piece->address + at, rights_of(piece), attributes_of(piece));
    }
}

static void map_large(const struct piece *piece) {
    unsigned bits = 21;
    while ((1ull << bits) < piece->size) bits++;
    sel4_slot untyped = sel4_take_untyped(bits);
    for (uint64_t at = 0; at < piece->size; at += SEL4_LARGE_PAGE)
        sel4_map(sel4_make(untyped, SEL4_OBJECT_2M, 21, 1), piece->address + at, rights_of(piece), attributes_of(piece));
}

static void map_pieces(void) {
    size_t pages = 0;
    for (size_t i = 0; i < piece_count; i++) pages += pieces[i].is_large ? 0 : (pieces[i].size + SEL4_PAGE - 1) / SEL4_PAGE;
    sel4_slot frame = sel4_make_frames(pages);
    for (size_t i = 0; i < piece_count; i++) {
        if (pieces[i].is_large) {
            map_large(&pieces[i]);
            continue;
        }
        map_small(&pieces[i], frame);
        frame += (pieces[i].size + SEL4_PAGE - 1) / SEL4_PAGE;
    }
}

static sel4_slot make_vspace(void) {
    sel4_slot vspace = sel4_make(sel4_take_untyped(SEL4_VSPACE_BITS), SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS, 1);
    sel4_buffer->slots[0] = vspace;
    sel4_require("a new address space",
                 sel4_invoke(SEL4_SLOT_ASID_POOL, sel4_message_info(SEL4_LABEL_ASID_POOL_ASSIGN, 1, 0), 0, 0, 0, 0));
    return vspace;
}

static void give_time(sel4_slot thread) {
    sel4_slot time = sel4_make(sel4_take_untyped(SCHED_CONTEXT_BITS), SEL4_OBJECT_SCHED_CONTEXT, SCHED_CONTEXT_BITS, 1);
    sel4_buffer->slots[0] = time;
    sel4_buffer->words[4] = 0;
    sel4_require("time", sel4_invoke(sel4_info->sched_control.start,
                                     sel4_message_info(SEL4_LABEL_SCHED_CONTROL_CONFIGURE, 1, 5), PERIOD, PERIOD, 0, 0));
    sel4_buffer->slots[0] = thread;
    sel4_require("time", sel4_invoke(time, sel4_message_info(SEL4_LABEL_SCHED_CONTEXT_BIND, 1, 0), 0, 0, 0, 0));
}

/* Where registers of a thread are written: their order in seL4_UserContext. */
#if defined(__riscv)
enum { REGISTER_PC = 0, REGISTER_STACK = 2, REGISTERS = 3 };
#elif defined(__x86_64__)
enum { REGISTER_PC = 0, REGISTER_STACK = 1, REGISTER_FLAGS = 2, REGISTERS = 3 };
#else
enum { REGISTER_PC = 0, REGISTER_STACK = 1, REGISTERS = 3 };
#endif

static void start(sel4_slot thread) {
    const uint64_t resume = 1;
    uint64_t registers[2 + REGISTERS] = {resume, REGISTERS};
    registers[2 + REGISTER_PC] = program_entry;
    registers[2 + REGISTER_STACK] = SEL4_USER_TOP - 2 * SEL4_PAGE;
#if defined(__x86_64__)
    registers[2 + REGISTER_FLAGS] = 0x202;
#endif
    for (size_t i = SEL4_MESSAGE_REGISTERS; i < 2 + REGISTERS; i++) sel4_buffer->words[i] = registers[i];
    sel4_require("starting the domain",
                 sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_WRITE_REGISTERS, 0, 2 + REGISTERS), registers[0],
                             registers[1], registers[2], registers[3]));
}

_Noreturn void sel4_stage0(struct sel4_bootinfo *info) {
    sel4_info = info;
    sel4_buffer = info->ipc_buffer;
    sel4_slot keep[SEL4_MOST_KEPT];
    /* The console, and the words of casemate boot. */
    sel4_find_resources(&boot, keep);
    layer_boot = &boot;

    const sel4_slot vspace = make_vspace(), buffer = sel4_make_frames(1);
    space_of_domain = vspace;
    sel4_map_in(vspace);
    sel4_map(buffer, SEL4_USER_TOP - SEL4_PAGE, SEL4_READ | SEL4_WRITE, DATA);
    map_pieces();
    sel4_map_in(SEL4_SLOT_VSPACE);

    const sel4_slot faults = sel4_make(sel4_take_untyped(SEL4_ENDPOINT_BITS), SEL4_OBJECT_ENDPOINT, SEL4_ENDPOINT_BITS, 1);
    const sel4_slot input =
        sel4_make(sel4_take_untyped(SEL4_NOTIFICATION_BITS), SEL4_OBJECT_NOTIFICATION, SEL4_NOTIFICATION_BITS, 1);
    const sel4_slot space = sel4_make_space(NULL, 0);
    sel4_require("the domain's input", sel4_copy_to(space, 1, SEL4_SPACE_BITS, input));
    const sel4_slot thread = sel4_make(sel4_take_untyped(SEL4_TCB_BITS), SEL4_OBJECT_TCB, SEL4_TCB_BITS, 1);
    sel4_require("the domain's spaces", sel4_set_space(thread, faults, 0, space, vspace));
    sel4_buffer->slots[0] = buffer;
    sel4_require("the domain's IPC buffer",
                 sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_SET_IPC_BUFFER, 1, 1), SEL4_USER_TOP - SEL4_PAGE, 0, 0, 0));
    give_time(thread);
    start(thread);
    sel4_watch(faults);
}

/* The layer would start it; here nobody does. */
int solo5_app_main(const struct solo5_start_info *info) {
    (void)info;
    return 0;
}
