/*
 * seL4's interface to a root task, as much of it as the start-up code needs: how a message is made, where things lie in
 * the IPC buffer and in BootInfo, and which capabilities the kernel gives a root task.
 *
 * Every number that depends on a kernel's configuration comes in as a definition SEL4_..., which targets/sel4/kernel.ts
 * makes from that kernel's own files; nothing of it is written here. How a system call is made is the architecture's:
 * call-*.h. Source: the seL4 reference manual 13.0, chapters 2, 9 and 10; libsel4's bootinfo_types.h, shared_types.h.
 */
#ifndef SEL4_ABI_H
#define SEL4_ABI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A place in the root task's capability space. */
typedef uint64_t sel4_slot;

/* What the kernel has put there before the root task runs. */
enum {
    SEL4_SLOT_TCB = 1,
    SEL4_SLOT_CNODE = 2,
    SEL4_SLOT_VSPACE = 3,
    SEL4_SLOT_IRQ_CONTROL = 4,
    SEL4_SLOT_ASID_CONTROL = 5,
    SEL4_SLOT_ASID_POOL = 6,
    SEL4_SLOT_IO_PORT_CONTROL = 7,
    SEL4_SLOT_BOOTINFO_FRAME = 9,
    SEL4_SLOT_IPC_BUFFER_FRAME = 10,
    SEL4_SLOT_SCHED_CONTEXT = 14,
    SEL4_SLOT_SMC = 15,
};

/* Errors that we act on: libsel4's errors.h. */
enum {
    SEL4_NO_ERROR = 0,
    SEL4_INVALID_CAPABILITY = 2,
    SEL4_FAILED_LOOKUP = 6,
    SEL4_NOT_ENOUGH_MEMORY = 10,
};

/* Rights of a mapping. None at all, and not SEL4_EXECUTE_NEVER: code that cannot be read. */
enum { SEL4_WRITE = 1, SEL4_READ = 2 };

/* Capabilities of a CNode are found by all 64 bits of their address. */
#define SEL4_DEPTH 64u

struct sel4_ipc_buffer {
    uint64_t tag;
    uint64_t words[120];
    uint64_t user_data;
    uint64_t slots[3]; /* of capabilities that go with a message */
    uint64_t receive[3];
};

/* Slots [start, end). */
struct sel4_slots {
    sel4_slot start, end;
};

struct sel4_untyped {
    uint64_t physical_address;
    uint8_t bits; /* its size is 1 << bits bytes */
    uint8_t is_device;
    uint8_t padding[6];
};

struct sel4_bootinfo {
    uint64_t extra_size; /* bytes of extra information, from the next page on */
    uint64_t node, node_count, io_levels;
    struct sel4_ipc_buffer *ipc_buffer;
    struct sel4_slots empty, shared_frames, image_frames, image_tables, io_spaces, extra_frames;
    uint64_t cnode_bits;
    uint64_t domain;
#if SEL4_IS_MCS
    struct sel4_slots sched_control;
#endif
    struct sel4_slots untyped;
    struct sel4_untyped untypeds[];
};

_Static_assert(offsetof(struct sel4_ipc_buffer, slots) == 976, "capabilities go with a message at 976");
_Static_assert(offsetof(struct sel4_bootinfo, untyped) == SEL4_BOOTINFO_UNTYPED, "as the kernel's files have it");

/* Kinds of extra information; each has a header of two words, its kind and its size with the header. */
enum { SEL4_EXTRA_RSDP = 3, SEL4_EXTRA_TSC_FREQUENCY = 5, SEL4_EXTRA_FDT = 6 };

struct sel4_extra {
    uint64_t kind;
    uint64_t size;
    uint8_t data[];
};

#define SEL4_MESSAGE_REGISTERS 4u

static inline uint64_t sel4_message_info(uint64_t label, uint64_t slots, uint64_t words) {
    return label << 12 | slots << 7 | words;
}

/*
 * Every architecture has:
 *   uint64_t sel4_call(sel4_slot, uint64_t info, uint64_t words[4]): sends, takes the answer's words, returns its info.
 *   void sel4_receive(sel4_slot): waits for a notification (not on AArch64: no clock could end a wait).
 *   void sel4_send_number(int64_t number, uint64_t first): a system call that answers nothing (SEL4_SYS_PUTCHAR, _HALT, _YIELD).
 *   uint64_t sel4_wait(sel4_slot, uint64_t words[4]): waits for a message, which is not answered.
 */

/* With scheduling contexts, receiving is a call that takes a reply object; waiting is the one that does not. */
#if SEL4_IS_MCS
#define SEL4_SYS_WAIT_MESSAGE SEL4_SYS_WAIT
#else
#define SEL4_SYS_WAIT_MESSAGE SEL4_SYS_RECV
#endif

#if defined(__riscv)
#include "call-riscv64.h"
#elif defined(__x86_64__)
#include "call-x86-64.h"
#elif defined(__aarch64__)
#include "call-aarch64.h"
#else
#error "seL4 is called on RISC-V, x86-64 and AArch64"
#endif

#endif
