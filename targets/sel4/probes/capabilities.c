/*
 * The ways back to memory of one's own choice, by the kernel's calls: every one under the names that the root task's
 * capabilities had when it started, and under every name that its space now has.
 *
 *   probe NAME refused ERROR        what the kernel answered; seL4's number, never 0
 */
#include "probe.h"

/* Names in the program's own space: targets/sel4/stage0/seal.c. */
enum { NAMES = 32 };

static void refused(uint64_t error) {
    if (error == SEL4_NO_ERROR) {
        succeeded(0);
        return;
    }
    say("probe ");
    say(probe_name);
    say(" refused ");
    say_hex(error);
    say("\n");
}

struct words {
    uint64_t word[6];
};

/* A message with as many words as `count`, and `slots` capabilities that are in the IPC buffer already. */
static uint64_t invoke(sel4_slot slot, uint64_t label, uint64_t slots, uint64_t count, struct words words) {
    for (uint64_t i = SEL4_MESSAGE_REGISTERS; i < count; i++) sel4_buffer->words[i] = words.word[i];
    return sel4_call(slot, sel4_message_info(label, slots, count), words.word) >> 12;
}

static uint64_t page_map(sel4_slot frame, sel4_slot space) {
    sel4_buffer->slots[0] = space;
    return invoke(frame, SEL4_LABEL_PAGE_MAP, 1, 3,
                  (struct words){{(uintptr_t)sel4_image, SEL4_READ | SEL4_WRITE, SEL4_DEFAULT_ATTRIBUTES}});
}

static uint64_t page_unmap(sel4_slot frame) { return invoke(frame, SEL4_LABEL_PAGE_UNMAP, 0, 0, (struct words){{0}}); }

static uint64_t retype(sel4_slot untyped, uint64_t type, uint64_t bits) {
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    return invoke(untyped, SEL4_LABEL_UNTYPED_RETYPE, 1, 6, (struct words){{type, bits, 0, 0, NAMES - 1, 1}});
}

static uint64_t assign(sel4_slot pool, sel4_slot space) {
    sel4_buffer->slots[0] = space;
    return invoke(pool, SEL4_LABEL_ASID_POOL_ASSIGN, 1, 0, (struct words){{0}});
}

static uint64_t set_space(sel4_slot thread) {
    sel4_buffer->slots[0] = SEL4_SLOT_CNODE;
    sel4_buffer->slots[1] = SEL4_SLOT_VSPACE;
    sel4_buffer->slots[2] = SEL4_SLOT_VSPACE;
    return invoke(thread, SEL4_LABEL_TCB_SET_SPACE, SEL4_IS_MCS ? 3 : 2, 3, (struct words){{0}});
}

/* The kernel would write its messages into the frame. */
static uint64_t set_ipc_buffer(sel4_slot thread) {
    sel4_buffer->slots[0] = SEL4_SLOT_BOOTINFO_FRAME;
    return invoke(thread, SEL4_LABEL_TCB_SET_IPC_BUFFER, 1, 1, (struct words){{(uintptr_t)sel4_info}});
}

static uint64_t copy(sel4_slot cnode, sel4_slot from) {
    sel4_buffer->slots[0] = cnode;
    return invoke(cnode, SEL4_LABEL_CNODE_COPY, 1, 5, (struct words){{NAMES - 1, SEL4_DEPTH, from, SEL4_DEPTH, 15}});
}

static uint64_t delete(sel4_slot cnode) {
    return invoke(cnode, SEL4_LABEL_CNODE_DELETE, 0, 2, (struct words){{SEL4_SLOT_VSPACE, SEL4_DEPTH}});
}

/* Every call above on every name: whatever a kept capability is, none may do any of this. */
static uint64_t try_all(sel4_slot name) {
    uint64_t got = 0;
    for (sel4_slot other = 0; other < NAMES && got == 0; other++) {
        if (page_map(name, other) == SEL4_NO_ERROR) got = name + 1;
        if (assign(name, other) == SEL4_NO_ERROR) got = name + 1;
    }
    if (page_unmap(name) == SEL4_NO_ERROR) got = name + 1;
    if (retype(name, SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS) == SEL4_NO_ERROR) got = name + 1;
    if (set_space(name) == SEL4_NO_ERROR) got = name + 1;
    if (set_ipc_buffer(name) == SEL4_NO_ERROR) got = name + 1;
    if (copy(name, SEL4_SLOT_BOOTINFO_FRAME) == SEL4_NO_ERROR) got = name + 1;
    if (delete(name) == SEL4_NO_ERROR) got = name + 1;
    return got;
}

/* Whether the boot block says what a name is of. */
static bool is_kept(sel4_slot name) {
    const struct boot_capabilities *kept = &layer_boot->capabilities;
    for (uint64_t i = 0; i < kept->interrupt_count; i++)
        if (kept->interrupts[i].slot == name) return true;
    return name == kept->console_ports || name == kept->clock_ports || name == kept->notification || name == kept->parent;
}

/*
 * At names that nobody speaks of there is nothing: a capability that is asked for what it cannot do answers with another
 * error. The others are asked for all that must not be, but for the notification and the endpoint of the first stage:
 * whatever a message to them says, it is a signal, or words for another, and nothing else.
 */
static void sweep(void) {
    tries(0, NAMES - 1);
    for (sel4_slot name = 0; name < NAMES; name++) {
        const struct boot_capabilities *kept = &layer_boot->capabilities;
        if (name != 0 && (name == kept->notification || name == kept->parent)) continue;
        if ((name == 0 || !is_kept(name)) && page_unmap(name) != SEL4_INVALID_CAPABILITY) return succeeded(name);
        uint64_t got = try_all(name);
        if (got != 0) return succeeded(got - 1);
    }
    nothing_found();
}

bool probe_capabilities(const char *name) {
    if (equal(name, "sweep-names")) return sweep(), true;
    uint64_t error;
    tries(0, 0);
    if (equal(name, "page-map")) error = page_map(SEL4_SLOT_BOOTINFO_FRAME, SEL4_SLOT_VSPACE);
    else if (equal(name, "page-unmap")) error = page_unmap(SEL4_SLOT_BOOTINFO_FRAME);
    else if (equal(name, "untyped-retype")) error = retype(NAMES - 2, SEL4_OBJECT_VSPACE, SEL4_VSPACE_BITS);
    else if (equal(name, "asid-pool-assign")) error = assign(SEL4_SLOT_ASID_POOL, SEL4_SLOT_VSPACE);
    else if (equal(name, "tcb-set-space")) error = set_space(SEL4_SLOT_TCB);
    else if (equal(name, "tcb-set-ipc-buffer")) error = set_ipc_buffer(SEL4_SLOT_TCB);
    else if (equal(name, "cnode-copy")) error = copy(SEL4_SLOT_CNODE, SEL4_SLOT_BOOTINFO_FRAME);
    else if (equal(name, "cnode-delete")) error = delete(SEL4_SLOT_CNODE);
    else return false;
    refused(error);
    return true;
}
