/*
 * From a root task with all capabilities to a program with none of them: a new address space is made and filled, a thread is
 * made for it, and what remains of the root task watches.
 *
 * The thread has no capability of its own memory, of itself or of its address space: what the seal takes from a program
 * afterwards (stage0/seal.c) was never given here.
 *
 * Source: the seL4 reference manual 13.0, sections 4 (endpoints), 6.1 (threads) and 7 (address spaces).
 */
#include "first-stage.h"
#include "guest.h"

#define DATA (SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER)

/* Where registers of a thread are written: their order in seL4_UserContext, as many as are needed. */
#if defined(__riscv)
enum { REGISTER_PC = 0, REGISTER_STACK = 2, REGISTER_ARGUMENT = 16, REGISTERS = 17 };
#elif defined(__x86_64__)
enum { REGISTER_PC = 0, REGISTER_STACK = 1, REGISTER_FLAGS = 2, REGISTER_ARGUMENT = 8, REGISTERS = 9 };
#else
enum { REGISTER_PC = 0, REGISTER_STACK = 1, REGISTER_ARGUMENT = 3, REGISTERS = 4 };
#endif

sel4_slot sel4_second_frame(sel4_slot frame) {
    sel4_slot slot = sel4_take_slot();
    sel4_require("a second name of a page", sel4_copy_to(SEL4_SLOT_CNODE, slot, SEL4_DEPTH, frame));
    return slot;
}

static sel4_slot make_vspace(void) {
    sel4_slot vspace = sel4_make(sel4_take_untyped(SEL4_VSPACE_BITS), SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS, 1);
    sel4_buffer->slots[0] = vspace;
    sel4_require("a new address space",
                 sel4_invoke(SEL4_SLOT_ASID_POOL, sel4_message_info(SEL4_LABEL_ASID_POOL_ASSIGN, 1, 0), 0, 0, 0, 0));
    return vspace;
}

/* The stack, with nothing below or above it. */
static void make_stack(const struct places *places, struct boot_block *block) {
    size_t count = (size_t)(sel4_stack_top - sel4_stack_low) / SEL4_PAGE;
    sel4_slot frames = sel4_make_frames(count);
    for (size_t i = 0; i < count; i++)
        sel4_map(frames + i, places->stack + i * SEL4_PAGE, SEL4_READ | SEL4_WRITE, DATA);
    block->stack_low = places->stack;
    block->stack_top = places->stack + count * SEL4_PAGE;
}

/* The device tree's pages, which the program reads where the root task does. */
static void share_tree(uint64_t address, struct boot_block *block) {
    const char *own = (const char *)sel4_info + SEL4_PAGE;
    uint64_t to = address;
    for (sel4_slot frame = sel4_info->extra_frames.start; frame < sel4_info->extra_frames.end; frame++, to += SEL4_PAGE)
        sel4_map(sel4_second_frame(frame), to, SEL4_READ, DATA);
    if (block->fdt != 0) block->fdt = block->fdt - (uintptr_t)own + address;
}

/* Registers of devices: as they lie in the root task's space, elsewhere. */
static void share_devices(const struct places *places, struct boot_block *block) {
    sel4_slot frame;
    uint64_t address;
    for (size_t i = 0; (frame = sel4_register_frame(i, &address)) != 0; i++)
        sel4_map(sel4_second_frame(frame), address - sel4_settings.devices + places->devices, SEL4_READ | SEL4_WRITE,
                 SEL4_DEVICE_ATTRIBUTES | SEL4_EXECUTE_NEVER);
    for (uint64_t i = 0; i < block->range_count; i++)
        if (block->ranges[i].kind == BOOT_REGISTERS)
            block->ranges[i].virtual_address += places->devices - sel4_settings.devices;
}

#if SEL4_IS_MCS

/* The smallest. Source: libsel4, constants.h, seL4_MinSchedContextBits. */
#define TIME_BITS 7u
/* Microseconds: all of the time, given anew so often. */
#define PERIOD 10000u

static void give_time(sel4_slot thread) {
    sel4_slot time = sel4_make(sel4_take_untyped(TIME_BITS), SEL4_OBJECT_SCHED_CONTEXT,
                               TIME_BITS, 1);
    sel4_buffer->slots[0] = time;
    sel4_buffer->words[4] = 0;
    sel4_require("time", sel4_invoke(sel4_info->sched_control.start,
                                     sel4_message_info(SEL4_LABEL_SCHED_CONTROL_CONFIGURE, 1, 5), PERIOD, PERIOD, 0, 0));
    sel4_buffer->slots[0] = thread;
    sel4_require("time", sel4_invoke(time, sel4_message_info(SEL4_LABEL_SCHED_CONTEXT_BIND, 1, 0), 0, 0, 0, 0));
}

#else

static void give_time(sel4_slot thread) { (void)thread; /* threads have some */ }

#endif

static void start_thread(sel4_slot thread, uint64_t pc, uint64_t stack, uint64_t argument) {
    const uint64_t resume = 1;
    uint64_t registers[2 + REGISTERS] = {resume, REGISTERS};
    registers[2 + REGISTER_PC] = pc;
    registers[2 + REGISTER_STACK] = stack;
    registers[2 + REGISTER_ARGUMENT] = argument;
#if defined(__x86_64__)
    registers[2 + REGISTER_FLAGS] = 0x202; /* interrupts, which the kernel insists on, and the bit that is always set */
#endif
    for (size_t i = SEL4_MESSAGE_REGISTERS; i < 2 + REGISTERS; i++) sel4_buffer->words[i] = registers[i];
    sel4_require("starting the program",
                 sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_WRITE_REGISTERS, 0, 2 + REGISTERS), registers[0],
                             registers[1], registers[2], registers[3]));
}

/* The program's thread, which has `space` and hears of nothing; its faults go to the endpoint. */
static sel4_slot make_thread(sel4_slot space, sel4_slot vspace, sel4_slot endpoint, uint64_t buffer, sel4_slot frame) {
    sel4_slot thread = sel4_make(sel4_take_untyped(SEL4_TCB_BITS), SEL4_OBJECT_TCB, SEL4_TCB_BITS, 1);
    sel4_require("a thread's spaces", sel4_set_space(thread, endpoint, SEL4_PARENT, space, vspace));
    sel4_buffer->slots[0] = frame;
    sel4_require("a thread's IPC buffer",
                 sel4_invoke(thread, sel4_message_info(SEL4_LABEL_TCB_SET_IPC_BUFFER, 1, 1), buffer, 0, 0, 0));
    give_time(thread);
    return thread;
}

/*
 * The endpoint, by its name in the program's space. The program sends to it, and the kernel in its name when it is stopped,
 * which wants an answer to be possible; it neither receives there nor passes capabilities on.
 */
static void give_endpoint(sel4_slot space, sel4_slot endpoint) {
    const uint64_t write = 1, grant_reply = 8;
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->words[4] = write | grant_reply;
    sel4_require("an endpoint", sel4_invoke(space, sel4_message_info(SEL4_LABEL_CNODE_COPY, 1, 5), SEL4_PARENT,
                                            SEL4_SPACE_BITS, endpoint, SEL4_DEPTH));
}

/*
 * The layer in the first stage, from here on: by the root task's own boot block, in which capabilities have the names that
 * they have in the program's space.
 */
static void take_layer(struct boot_block *own, const sel4_slot *keep) {
    if (own->capabilities.console_ports != 0)
        own->capabilities.console_ports = keep[own->capabilities.console_ports - SEL4_KEPT];
    layer_boot = own;
    if (!own->has_entropy) layer_put("casemate: weak addresses: the machine gives no entropy at start but the time\n");
}

/* Compiled without stack protection, because it sets the canary that the functions from here on expect to stay the same. */
__attribute__((no_stack_protector)) _Noreturn void sel4_spawn(struct boot_block *own, const sel4_slot *keep, size_t kept) {
    struct places places;
    struct boot_block block = *own;
    sel4_draw(&block, &places);
    /* What the root task itself is protected by is no secret of the program's. */
    memset(own->seed, 0, sizeof own->seed);
    block.capabilities.parent = SEL4_PARENT;
    /* A command line that is part of the image moves with it. */
    if (block.command_line != 0) block.command_line += places.image - (uintptr_t)sel4_image;
    sel4_slot vspace = make_vspace(), buffer = sel4_make_frames(1);
    sel4_map_in(vspace);
    sel4_map(buffer, places.tables, SEL4_READ | SEL4_WRITE, DATA);
    share_tree(places.tables + 2 * SEL4_PAGE, &block);
    share_devices(&places, &block);
    make_stack(&places, &block);
    sel4_make_heap(&block, places.heap);
    sel4_map_in(SEL4_SLOT_VSPACE);
    sel4_copy_image(&places, &block, vspace, places.tables);

    sel4_slot endpoint = sel4_make(sel4_take_untyped(SEL4_ENDPOINT_BITS), SEL4_OBJECT_ENDPOINT, SEL4_ENDPOINT_BITS, 1);
    sel4_slot space = sel4_make_space(keep, kept);
    give_endpoint(space, endpoint);
    sel4_slot thread = make_thread(space, vspace, endpoint, places.tables, buffer);
    const uint64_t move = places.image - (uintptr_t)sel4_image;
    const uint64_t pc = (uintptr_t)sel4_program + move, argument = (uintptr_t)sel4_boot_block + move;
    uint64_t stack = block.stack_top;
    memset(&block, 0, sizeof block);
    memset(&places, 0, sizeof places);
    __asm__ volatile("" : : "r"(&block), "r"(&places) : "memory");
    /* Not before: the program's copy of it would hold the same. */
    __stack_chk_guard = own->canary;
    take_layer(own, keep);
    start_thread(thread, pc, stack, argument);
    sel4_watch(endpoint);
}
