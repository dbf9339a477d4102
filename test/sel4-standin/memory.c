/*
 * Page tables and what is mapped: Sv39, three levels, the upper half of every address space shared with the stand-in.
 *
 * An address space is a table that an ASID was assigned to. A frame's or table's capability remembers the ASID and the
 * address it is mapped at; the ASID is looked up again each time, so a capability of an address space that is gone is
 * answered as such.
 */
#include "standin.h"

#define VALID 1u
#define READ 2u
#define WRITE 4u
#define EXECUTE 8u
#define USER 16u
#define GLOBAL 32u
#define TOUCHED 0xc0u /* accessed and dirty */

#define ENTRIES 512u
#define SV39 (8ull << 60)

static uint64_t own_table[ENTRIES] __attribute__((aligned(PAGE)));
static uint64_t used_table;

/* ASIDs: physical addresses of pools, each with 512 tables'. */
#define POOLS 128u
static uint64_t pools[POOLS];

#define INDEX_OF_WINDOW (WINDOW >> HUGE_BITS & 511)
#define RAM_GIGABYTE (RAM_START >> HUGE_BITS)

void make_window(void) {
    uint64_t entry = RAM_START >> PAGE_BITS << 10 | VALID | READ | WRITE | EXECUTE | GLOBAL | TOUCHED;
    own_table[INDEX_OF_WINDOW + RAM_GIGABYTE] = entry;
    own_table[510] = entry;
    own_table[INDEX_OF_WINDOW] = VALID | READ | WRITE | GLOBAL | TOUCHED;
    used_table = physical_of_own(own_table);
    __asm__ volatile("csrw satp, %0; sfence.vma" ::"r"(SV39 | used_table >> PAGE_BITS) : "memory");
}

void share_window(uint64_t table) {
    uint64_t *entries = at(table);
    for (unsigned i = INDEX_OF_WINDOW; i < ENTRIES; i++) entries[i] = own_table[i];
}

void flush_translations(void) { __asm__ volatile("sfence.vma" ::: "memory"); }

static bool is_table(uint64_t entry) { return (entry & (VALID | READ | WRITE | EXECUTE)) == VALID; }

static uint64_t target(uint64_t entry) { return entry >> 10 << PAGE_BITS; }

/* The last entry on the way to an address, and how many bits of the address are left below it. */
uint64_t *entry_of(uint64_t table, uint64_t address, unsigned *bits) {
    *bits = HUGE_BITS;
    uint64_t *entry = (uint64_t *)at(table) + (address >> *bits & 511);
    while (is_table(*entry) && *bits > PAGE_BITS) {
        *bits -= 9;
        entry = (uint64_t *)at(target(*entry)) + (address >> *bits & 511);
    }
    return entry;
}

void map_table_entry(uint64_t *entry, uint64_t table) {
    *entry = table >> PAGE_BITS << 10 | VALID;
    flush_translations();
}

void map_frame_entry(uint64_t *entry, uint64_t frame, bool read, bool write, bool execute) {
    *entry = 0;
    if (read || write || execute) {
        const uint64_t rights = (read ? READ : 0) | (write ? WRITE : 0) | (execute ? EXECUTE : 0);
        *entry = frame >> PAGE_BITS << 10 | VALID | USER | TOUCHED | rights;
    }
    flush_translations();
    __asm__ volatile("fence.i" ::: "memory");
}

uint64_t table_of_asid(uint64_t asid) {
    uint64_t pool = pools[asid >> 9 & (POOLS - 1)];
    return pool == 0 ? 0 : ((uint64_t *)at(pool))[asid & 511];
}

void set_asid(uint64_t asid, uint64_t table) { ((uint64_t *)at(pools[asid >> 9]))[asid & 511] = table; }

void set_pool(uint64_t index, uint64_t pool) { pools[index] = pool; }

void unmap_frame(const struct slot *slot) {
    uint64_t table = mapped_asid(slot) == 0 ? 0 : table_of_asid(mapped_asid(slot));
    unsigned bits;
    if (table == 0) return;
    uint64_t *entry = entry_of(table, mapped_address(slot), &bits);
    if (bits != slot->bits || !(*entry & VALID) || is_table(*entry) || target(*entry) != slot->object) return;
    *entry = 0;
    flush_translations();
}

void unmap_table(const struct slot *slot, bool final) {
    if (!final || !(slot->flags & IS_MAPPED)) return;
    uint64_t asid = mapped_asid(slot), table = table_of_asid(asid);
    if (table == 0) return;
    if (table == slot->object) {
        set_asid(asid, 0);
    } else {
        for (unsigned bits = HUGE_BITS; bits > PAGE_BITS; bits -= 9) {
            uint64_t *entry = (uint64_t *)at(table) + (mapped_address(slot) >> bits & 511);
            if (!is_table(*entry)) break;
            table = target(*entry);
            if (table != slot->object) continue;
            *entry = 0;
            break;
        }
    }
    flush_translations();
}

/* A thread without an address space sees nothing, and faults at once. */
void use_table_of(const struct thread *thread) {
    uint64_t table = physical_of_own(own_table);
    const struct slot *root = &thread->vspace;
    if (root->kind == TABLE && table_of_asid(mapped_asid(root)) == root->object) table = root->object;
    if (table == used_table) return;
    used_table = table;
    __asm__ volatile("csrw satp, %0; sfence.vma" ::"r"(SV39 | table >> PAGE_BITS) : "memory");
}

/* What kind of table a capability that goes with a message must be: one that an address space begins with. */
static uint64_t find_root(struct message *message, uint64_t *table) {
    const struct slot *root = message->extra[0];
    if (root->kind != TABLE || !(root->flags & IS_MAPPED)) return fail_capability(message, 1);
    *table = table_of_asid(mapped_asid(root));
    if (*table == 0) return fail_lookup(message, false, &(struct lookup_failure){{1}, 1});
    if (*table != root->object) return fail_capability(message, 1);
    return NO_ERROR;
}

#define EXECUTE_NEVER 1u

static uint64_t map_frame(struct message *message) {
    struct slot *slot = message->slot;
    uint64_t table, error;
    unsigned bits;
    if (message->length < 3 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    uint64_t address = argument(message, 0), wanted = argument(message, 1), attributes = argument(message, 2);
    if ((error = find_root(message, &table)) != NO_ERROR) return error;
    uint64_t asid = mapped_asid(message->extra[0]), last = address + (1ull << slot->bits) - 1;
    if (last >= USER_TOP) return fail_argument(message, 0);
    if (address & ((1ull << slot->bits) - 1)) return ALIGNMENT_ERROR;
    uint64_t *entry = entry_of(table, address, &bits);
    if (bits != slot->bits) return fail_lookup(message, false, &(struct lookup_failure){{2, bits}, 2});
    if (mapped_asid(slot) != 0) {
        if (mapped_asid(slot) != asid) return fail_capability(message, 1);
        if (mapped_address(slot) != address) return fail_argument(message, 0);
    } else if (*entry & VALID) {
        return DELETE_FIRST;
    }
    /* Writing alone is not to be had: it is no right at all, as on the real kernel. */
    uint64_t rights = slot->rights & wanted;
    if (!(rights & RIGHT_READ)) rights = 0;
#if STANDIN_IS_LAX
    /* So that tests see what becomes of an image that nobody protects. */
    rights = RIGHT_READ | RIGHT_WRITE;
    attributes = 0;
#endif
    slot->data = mapping(address, asid);
    map_frame_entry(entry, slot->object, rights & RIGHT_READ, rights & RIGHT_WRITE, !(attributes & EXECUTE_NEVER));
    return NO_ERROR;
}

uint64_t invoke_frame(struct message *message) {
    switch (message->label) {
    case LABEL_RISCVPageMap:
        return map_frame(message);
    case LABEL_RISCVPageUnmap:
        unmap_frame(message->slot);
        message->slot->data = 0;
        return NO_ERROR;
    case LABEL_RISCVPageGetAddress:
        message->answer[0] = message->slot->object;
        message->answer_length = 1;
        return NO_ERROR;
    default:
        return ILLEGAL_OPERATION;
    }
}

static uint64_t map_table(struct message *message) {
    struct slot *slot = message->slot;
    const struct slot *root = message->extra[0];
    uint64_t table, error;
    unsigned bits;
    if (message->length < 2 || message->extra_count < 1) return TRUNCATED_MESSAGE;
    if (slot->flags & IS_MAPPED) return fail_capability(message, 0);
    uint64_t address = argument(message, 0);
    if (root->kind != TABLE || !(root->flags & IS_MAPPED)) return fail_capability(message, 1);
    if (address >= USER_TOP) return fail_argument(message, 0);
    if ((error = find_root(message, &table)) != NO_ERROR) return error;
    uint64_t *entry = entry_of(table, address, &bits);
    if (bits == PAGE_BITS || *entry & VALID) return DELETE_FIRST;
    map_table_entry(entry, slot->object);
    slot->flags |= IS_MAPPED;
    slot->data = mapping(address & ~((1ull << bits) - 1), mapped_asid(root));
    return NO_ERROR;
}

static uint64_t unmap_table_for(struct message *message) {
    struct slot *slot = message->slot;
    if (!is_final(slot)) return REVOKE_FIRST;
    if (slot->flags & IS_MAPPED) {
        if (table_of_asid(mapped_asid(slot)) == slot->object) return REVOKE_FIRST;
        unmap_table(slot, true);
        __builtin_memset(at(slot->object), 0, PAGE);
    }
    slot->flags &= (uint8_t)~IS_MAPPED;
    return NO_ERROR;
}

uint64_t invoke_table(struct message *message) {
    if (message->label == LABEL_RISCVPageTableUnmap) return unmap_table_for(message);
    if (message->label == LABEL_RISCVPageTableMap) return map_table(message);
    return ILLEGAL_OPERATION;
}

uint64_t invoke_asid_pool(struct message *message) {
    if (message->label != LABEL_RISCVASIDPoolAssign) return ILLEGAL_OPERATION;
    if (message->extra_count < 1) return TRUNCATED_MESSAGE;
    struct slot *root = message->extra[0];
    uint64_t index = message->slot->data;
    if (root->kind != TABLE || root->flags & IS_MAPPED) return fail_capability(message, 1);
    if (pools[index] == 0) return fail_lookup(message, false, &(struct lookup_failure){{1}, 1});
    if (pools[index] != message->slot->object) return fail_capability(message, 0);
    uint64_t asid = index << 9, end = asid + 512;
    /* 0 says that there is none. */
    while (asid < end && (asid == 0 || table_of_asid(asid) != 0)) asid++;
    if (asid == end) return DELETE_FIRST;
    share_window(root->object);
    set_asid(asid, root->object);
    root->flags |= IS_MAPPED;
    root->data = mapping(0, asid);
    return NO_ERROR;
}

uint64_t invoke_asid_control(struct message *message) {
    struct slot *to;
    uint64_t error, index = 0;
    if (message->label != LABEL_RISCVASIDControlMakePool) return ILLEGAL_OPERATION;
    if (message->length < 2 || message->extra_count < 2) return TRUNCATED_MESSAGE;
    struct slot *untyped = message->extra[0];
    while (index < POOLS && pools[index] != 0) index++;
    if (index == POOLS) return DELETE_FIRST;
    if (untyped->kind != UNTYPED || untyped->bits != PAGE_BITS || untyped->flags & IS_DEVICE)
        return fail_capability(message, 1);
    if (has_children(untyped)) return REVOKE_FIRST;
    error = find_for_cnode(message, message->extra[1], argument(message, 0), argument(message, 1), false, &to);
    if (error != NO_ERROR) return error;
    if (to->kind != NOTHING) return DELETE_FIRST;
    untyped->data = PAGE;
    __builtin_memset(at(untyped->object), 0, PAGE);
    insert_derived(to, &(struct slot){.kind = ASID_POOL, .object = untyped->object, .data = index}, untyped, true);
    pools[index] = untyped->object;
    return NO_ERROR;
}
