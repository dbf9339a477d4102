/*
 * A stand-in for seL4 on RISC-V: a small supervisor-mode program that answers a root task as seL4 does, so that every
 * riscv64 root-task image can be booted where no kernel may be kept. It is no kernel: nothing of it is verified, one
 * hart runs, no thread is preempted by another, and what a root task of ours does not use ends the machine with a message that
 * names it rather than answering something made up.
 *
 * What it must have in common with seL4 is the interface, and so the order in which an invocation's arguments are
 * checked: the answer to a mistake is what tests of mistakes look at. Sources: the seL4 reference manual 13.0, and the
 * answers of real kernels to the same root task (root.c beside this).
 *
 * Physical memory is seen through one window, like seL4's; every object is named by its physical address.
 */
#ifndef STANDIN_H
#define STANDIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u
#define PAGE_BITS 12u
#define LARGE_BITS 21u
#define HUGE_BITS 30u

#define RAM_START 0x80000000ull
#define KERNEL_START 0x80200000ull /* firmware lies below */
#define RAM_END (KERNEL_START - 0x200000ull + STANDIN_MEMORY)
#define WINDOW 0xffffffc000000000ull
#define TEST_DEVICE 0x100000ull /* of QEMU: ends the machine, with a status */
#define USER_TOP 0x3ffffff000ull
#define DEVICE_TOP (1ull << 39)

static inline void *at(uint64_t physical) { return (void *)(WINDOW + physical); }
static inline uint64_t physical_of(const void *seen) { return (uint64_t)seen - WINDOW; }
/* Of what the stand-in itself is linked with. */
static inline uint64_t physical_of_own(const void *linked) { return (uint64_t)linked & 0xffffffffull; }

/* Errors, as libsel4 numbers them. */
enum {
    NO_ERROR = 0,
    INVALID_ARGUMENT = 1,
    INVALID_CAPABILITY = 2,
    ILLEGAL_OPERATION = 3,
    RANGE_ERROR = 4,
    ALIGNMENT_ERROR = 5,
    FAILED_LOOKUP = 6,
    TRUNCATED_MESSAGE = 7,
    DELETE_FIRST = 8,
    REVOKE_FIRST = 9,
    NOT_ENOUGH_MEMORY = 10,
};

/* Kinds of capabilities. */
enum {
    NOTHING,
    UNTYPED,
    ENDPOINT,
    NOTIFICATION,
    CNODE,
    THREAD,
    FRAME,
    TABLE,
    ASID_POOL,
    ASID_CONTROL,
    IRQ_CONTROL,
    IRQ_HANDLER,
    DOMAIN,
    REPLY,
    SCHED_CONTEXT,
    SCHED_CONTROL,
};

/* Types of objects as Untyped_Retype has them. */
enum {
    OBJECT_UNTYPED = 0,
    OBJECT_THREAD = 1,
    OBJECT_ENDPOINT = 2,
    OBJECT_NOTIFICATION = 3,
    OBJECT_CNODE = 4,
#if STANDIN_IS_MCS
    OBJECT_SCHED_CONTEXT,
    OBJECT_REPLY,
#endif
    OBJECT_HUGE_FRAME,
    OBJECT_FRAME,
    OBJECT_LARGE_FRAME,
    OBJECT_TABLE,
    OBJECT_TYPES,
};

#define SLOT_BITS 5u
#define THREAD_BITS (STANDIN_HAS_FPU ? 11u : 10u)
#define ENDPOINT_BITS 4u
#define NOTIFICATION_BITS (STANDIN_IS_MCS ? 6u : 5u)
#define REPLY_BITS 5u
#define MIN_SCHED_CONTEXT_BITS 7u
#define MIN_UNTYPED_BITS 4u
#define MAX_UNTYPED_BITS 38u
#define FAN_OUT_LIMIT 256u

enum { RIGHT_WRITE = 1, RIGHT_READ = 2, RIGHT_GRANT = 4, RIGHT_GRANT_REPLY = 8 };

enum { IS_DEVICE = 1, IS_MAPPED = 2, IS_ORIGINAL = 4 };

/*
 * A slot and the capability in it. All that are not empty form one list in which what was derived from a capability
 * follows it, deeper.
 */
struct slot {
    uint8_t kind;
    uint8_t bits; /* of its object's size; of a CNode, of its number of slots */
    uint8_t rights;
    uint8_t flags;
    uint32_t depth;
    uint64_t object; /* physical address; of IRQ_HANDLER, the interrupt */
    /* UNTYPED: bytes used. FRAME, TABLE: page number << 16 | ASID. ENDPOINT, NOTIFICATION: badge. CNODE: guard << 6 | its bits. */
    uint64_t data;
    uint32_t next, previous; /* in units of a slot's size */
} __attribute__((aligned(1u << SLOT_BITS)));
_Static_assert(sizeof(struct slot) == 1u << SLOT_BITS, "a slot is as large as seL4's");

/* boot.c and memory.c: what a frame or table is mapped as. */
static inline uint64_t mapping(uint64_t address, uint64_t asid) { return address >> PAGE_BITS << 16 | asid; }
static inline uint64_t mapped_asid(const struct slot *slot) { return slot->data & 0xffff; }
static inline uint64_t mapped_address(const struct slot *slot) { return slot->data >> 16 << PAGE_BITS; }

/* Registers of a thread: x[0] is the program counter. start.S knows the offsets. */
struct registers {
    uint64_t x[32];
    uint64_t f[32];
    uint64_t fcsr;
};

enum { RA = 1, SP = 2, GP = 3, TP = 4, A0 = 10, A1 = 11, A2 = 12, A7 = 17 };

enum thread_state { INACTIVE, RUNNABLE, SENDING, RECEIVING, AWAITING_REPLY };

enum { FAULT_NONE = 0, FAULT_CAP = 1, FAULT_UNKNOWN_SYSCALL = 2, FAULT_USER_EXCEPTION = 3, FAULT_VM = STANDIN_IS_MCS ? 6 : 5 };

struct lookup_failure {
    uint64_t words[4];
    uint64_t count;
};

struct fault {
    uint64_t kind;
    uint64_t ip;
    uint64_t first, second; /* CAP: address, in a receive. SYSCALL: number. EXCEPTION: number, code. VM: address, status */
    struct lookup_failure lookup;
};

struct thread {
    struct registers registers;
    struct slot cspace, vspace, buffer;
    uint64_t buffer_address;
    uint64_t fault_handler;      /* without MCS: an address of its own space */
    struct slot handler;         /* with MCS */
    uint64_t sched_context;      /* with MCS; 0: it has no time */
    enum thread_state state;
    uint8_t priority, maximum_priority;
    struct thread *next;   /* of all threads */
    struct thread *queued; /* the next one that waits for the same */
    uint64_t awaited;      /* the endpoint or notification that it waits for */
    uint64_t badge;        /* that it sends with */
    bool is_call, may_grant_reply;
    struct thread *caller; /* waits for a reply from this one */
    struct fault fault;
    char name[16];
};
_Static_assert(sizeof(struct thread) <= 1u << THREAD_BITS, "a thread is at most as large as seL4's");

/* Threads that wait, in units of 16 bytes; 0: none. */
struct queue {
    uint32_t first, last;
};

struct endpoint {
    struct queue queue;
    uint64_t is_receiving;
};
_Static_assert(sizeof(struct endpoint) == 1u << ENDPOINT_BITS, "an endpoint is as large as seL4's");

struct notification {
    struct queue queue;
    uint64_t is_active;
    uint64_t badges;
};
_Static_assert(sizeof(struct notification) <= 1u << NOTIFICATION_BITS, "a notification is at most as large as seL4's");

/* Time is not measured: a thread that has some has all. */
struct sched_context {
    uint64_t thread;
    uint64_t is_configured;
};

/* An invocation. */
struct message {
    struct thread *sender;
    struct slot *slot;
    uint64_t label, length;
    uint64_t *buffer; /* words of its IPC buffer; NULL when it has none */
    struct slot *extra[3];
    uint64_t extra_count;
    uint64_t answer[4];
    uint64_t answer_length;
    bool is_call;
};

/* console.c */
void say(const char *text);
void say_hex(uint64_t value);
void say_decimal(uint64_t value);
_Noreturn void end(bool well);
/* What a root task of ours does not use. */
_Noreturn void unimplemented(const char *what, uint64_t number);

/* slots.c */
extern struct slot *list_head(void);
struct slot *next_of(const struct slot *slot);
void insert_first(struct slot *to, const struct slot *capability);
void insert_derived(struct slot *to, const struct slot *capability, struct slot *from, bool is_child);
void move_slot(struct slot *to, struct slot *from);
bool has_children(const struct slot *slot);
bool is_final(const struct slot *slot);
void delete_slot(struct slot *slot);
void revoke_slot(struct slot *slot);
/* What a copy of a capability is; an error where it cannot be copied. */
uint64_t derive(const struct slot *from, struct slot *derived, struct message *message);
void limit_rights(struct slot *capability, uint64_t rights);
/* Finds a slot by `bits` bits of an address. */
bool resolve(const struct slot *root, uint64_t address, uint64_t bits, struct slot **slot, uint64_t *left,
             struct lookup_failure *failure);
uint64_t find_for_cnode(struct message *message, const struct slot *root, uint64_t address, uint64_t bits, bool is_source,
                        struct slot **slot);

/* answers.c */
uint64_t argument(const struct message *message, unsigned index);
uint64_t fail_argument(struct message *message, uint64_t index);
uint64_t fail_capability(struct message *message, uint64_t index);
uint64_t fail_range(struct message *message, uint64_t least, uint64_t most);
uint64_t fail_lookup(struct message *message, bool is_source, const struct lookup_failure *failure);
uint64_t fail_memory(struct message *message, uint64_t left);

/* memory.c */
void make_window(void);
void share_window(uint64_t table);
uint64_t *entry_of(uint64_t table, uint64_t address, unsigned *bits);
void map_table_entry(uint64_t *entry, uint64_t table);
void map_frame_entry(uint64_t *entry, uint64_t frame, bool read, bool write, bool execute);
uint64_t table_of_asid(uint64_t asid);
void set_asid(uint64_t asid, uint64_t table);
void set_pool(uint64_t index, uint64_t pool);
void flush_translations(void);
void unmap_frame(const struct slot *slot);
void unmap_table(const struct slot *slot, bool final);
void use_table_of(const struct thread *thread);
uint64_t invoke_frame(struct message *message);
uint64_t invoke_table(struct message *message);
uint64_t invoke_asid_pool(struct message *message);
uint64_t invoke_asid_control(struct message *message);

/* untyped.c, cnode.c */
uint64_t invoke_untyped(struct message *message);
uint64_t invoke_cnode(struct message *message);

/* threads.c */
extern struct thread *current;
void add_thread(struct thread *thread);
void destroy_thread(struct thread *thread);
void forget_call(const struct thread *thread);
uint64_t invoke_thread(struct message *message);
void choose_thread(bool is_yield);
uint64_t *buffer_of(const struct thread *thread);

/* time.c */
bool has_time(const struct thread *thread);
void lose_time(uint64_t sched_context);
uint64_t invoke_sched_control(struct message *message);
uint64_t invoke_sched_context(struct message *message);

/* ipc.c */
void cancel_wait(struct thread *thread);
void go_back(struct thread *thread);
/* Of an endpoint or a notification that is gone. */
void free_waiting(uint64_t object);
void signal(uint64_t notification, uint64_t badge);
void send(struct thread *sender, const struct slot *endpoint, bool is_blocking, bool is_call);
/* `with_reply`: with MCS, as one that may be answered. */
void receive(struct thread *receiver, bool is_blocking, bool with_reply);
void reply(struct thread *sender);
void raise(struct thread *thread, struct fault fault);

/* interrupts.c */
void start_interrupts(uint64_t hart);
void take_interrupts(void);
bool may_be_interrupted(void);
void wait_for_interrupt(void);
void lose_handler(uint64_t irq);
uint64_t invoke_irq_control(struct message *message);
uint64_t invoke_irq_handler(struct message *message);

/* traps.c */
void handle_system_call(struct thread *thread);

#endif
