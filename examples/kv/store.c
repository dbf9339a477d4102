/*
 * The store: see store.h for the idea and block.h for a block.
 *
 * A record is u8 kind, u8 0, u16 key size, u32 value size, key, value. Three invariants make every crash harmless:
 *
 * 1. A block that holds part of a committed record is not written again while its half is active.
 * 2. A half becomes active by one write, of its head, after everything in it is in place.
 * 3. A generation is used for one attempt at filling a half: it is the wall clock's time, or the old generation plus
 *    one when the clock stands before it. So blocks that a failed attempt left behind never match a later one.
 *
 * Within a generation, sequence numbers rise by one from record to record; the log ends at the first block that does
 * not continue it. A block further on with a higher sequence means that something before it was lost: damage, not the
 * end, and the store then refuses to write.
 */
#include "store.h"

#include <stddef.h>

#include "block.h"
#include "crc32.h"
#include "text.h"

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);

enum kind { SET = 1, DELETE = 2, HEAD = 3 };

#define RECORD_HEADER 8u
#define RECORD_MAX (RECORD_HEADER + KEY_MAX + VALUE_MAX)

struct record {
    enum kind kind;
    const uint8_t *key, *value;
    size_t key_size, value_size;
};

/* Buffers of one operation: the store is used by one thread. */
static uint8_t block_bytes[BLOCK_SIZE_MAX];
static uint8_t record_bytes[RECORD_MAX + BLOCK_SIZE_MAX];

/* ---- Blocks and records on the device -------------------------------------------------------------------------- */

static uint64_t first_block(const struct store *store, unsigned half) { return half * store->half_blocks; }

/* Blocks from `block` to the end of the active half. */
static uint64_t room_at(const struct store *store, uint64_t block) {
    return first_block(store, store->active) + store->half_blocks - block;
}

static size_t payload(const struct store *store) { return (size_t)store->block_size - BLOCK_HEADER; }

static uint64_t parts_of(const struct store *store, size_t record_size) {
    return (record_size + payload(store) - 1) / payload(store);
}

static bool read_block(const struct store *store, uint64_t block) {
    return solo5_block_read(store->device, block * store->block_size, block_bytes, (size_t)store->block_size) ==
           SOLO5_R_OK;
}

static size_t encode_record(const struct record *record) {
    record_bytes[0] = (uint8_t)record->kind;
    record_bytes[1] = 0;
    record_bytes[2] = (uint8_t)record->key_size;
    record_bytes[3] = (uint8_t)(record->key_size >> 8);
    put32(record_bytes + 4, (uint32_t)record->value_size);
    memcpy(record_bytes + RECORD_HEADER, record->key, record->key_size);
    memmove(record_bytes + RECORD_HEADER + record->key_size, record->value, record->value_size);
    return RECORD_HEADER + record->key_size + record->value_size;
}

/* The record in the first `size` bytes of record_bytes; false when its sizes do not fit there. */
static bool decode_record(size_t size, struct record *record) {
    if (size < RECORD_HEADER) return false;
    record->kind = (enum kind)record_bytes[0];
    record->key_size = (size_t)record_bytes[2] | (size_t)record_bytes[3] << 8;
    record->value_size = get32(record_bytes + 4);
    if (record->key_size > KEY_MAX || record->value_size > VALUE_MAX) return false;
    if (RECORD_HEADER + record->key_size + record->value_size > size) return false;
    record->key = record_bytes + RECORD_HEADER;
    record->value = record->key + record->key_size;
    return true;
}

/* Writes the record that record_bytes holds to the blocks from `block` on. */
static enum store_status write_record(const struct store *store, uint64_t block, size_t size, uint64_t generation,
                                      uint64_t sequence) {
    uint64_t parts = parts_of(store, size);
    struct block_header header = {.generation = generation,
                                  .sequence = sequence,
                                  .parts = (uint16_t)parts,
                                  .record_crc = crc32(0, record_bytes, size)};
    for (uint64_t part = 0; part < parts; part++) {
        size_t done = (size_t)part * payload(store);
        size_t here = size - done < payload(store) ? size - done : payload(store);
        memset(block_bytes, 0, (size_t)store->block_size);
        memcpy(block_bytes + BLOCK_HEADER, record_bytes + done, here);
        header.part = (uint16_t)part;
        block_seal(block_bytes, (size_t)store->block_size, &header);
        if (solo5_block_write(store->device, (block + part) * store->block_size, block_bytes,
                              (size_t)store->block_size) != SOLO5_R_OK)
            return STORE_IO;
    }
    return STORE_OK;
}

/*
 * Reads the record whose first part is `block`, of at most `room` blocks. STORE_NOT_FOUND: there is no whole record of
 * this generation and sequence (0: any).
 */
static enum store_status read_record(const struct store *store, uint64_t block, uint64_t room, uint64_t generation,
                                     uint64_t sequence, struct record *record, uint64_t *parts) {
    struct block_header first, header;
    size_t size = 0;

    for (uint64_t part = 0; part == 0 || part < first.parts; part++) {
        if (part >= room) return STORE_NOT_FOUND;
        if (!read_block(store, block + part)) return STORE_IO;
        if (!block_check(block_bytes, (size_t)store->block_size, &header)) return STORE_NOT_FOUND;
        if (part == 0) first = header;
        if (header.generation != generation || (sequence != 0 && header.sequence != sequence)) return STORE_NOT_FOUND;
        if (header.sequence != first.sequence || header.part != part || header.parts != first.parts ||
            header.record_crc != first.record_crc || size + payload(store) > sizeof record_bytes)
            return STORE_NOT_FOUND;
        memcpy(record_bytes + size, block_bytes + BLOCK_HEADER, payload(store));
        size += payload(store);
    }
    if (!decode_record(size, record)) return STORE_NOT_FOUND;
    size_t exact = RECORD_HEADER + record->key_size + record->value_size;
    if (parts_of(store, exact) != first.parts || crc32(0, record_bytes, exact) != first.record_crc)
        return STORE_NOT_FOUND;
    *parts = first.parts;
    return STORE_OK;
}

/* ---- The index in memory --------------------------------------------------------------------------------------- */

static int compare(const struct store_entry *entry, const uint8_t *key, size_t size) {
    size_t both = entry->key_size < size ? entry->key_size : size;
    for (size_t i = 0; i < both; i++) {
        uint8_t mine = (uint8_t)entry->key[i];
        if (mine != key[i]) return mine < key[i] ? -1 : 1;
    }
    return entry->key_size == size ? 0 : entry->key_size < size ? -1 : 1;
}

/* Where a key is, or where it would go. */
static size_t position(const struct store *store, const uint8_t *key, size_t size, bool *found) {
    size_t low = 0, high = store->count;
    *found = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(&store->entries[middle], key, size);
        if (order == 0) *found = true;
        if (order < 0) low = middle + 1;
        else high = middle;
    }
    return low;
}

static enum store_status index_apply(struct store *store, const struct record *record, uint64_t block) {
    bool found;
    size_t at = position(store, record->key, record->key_size, &found);
    struct store_entry *entry = &store->entries[at];
    if (record->kind == DELETE) {
        if (found) memmove(entry, entry + 1, (--store->count - at) * sizeof *entry);
        return STORE_OK;
    }
    if (!found) {
        if (store->count == store->capacity) return STORE_FULL;
        memmove(entry + 1, entry, (store->count++ - at) * sizeof *entry);
        memcpy(entry->key, record->key, record->key_size);
        entry->key[record->key_size] = '\0';
        entry->key_size = (uint8_t)record->key_size;
    }
    entry->block = block;
    entry->value_size = (uint32_t)record->value_size;
    return STORE_OK;
}

const struct store_entry *store_find(const struct store *store, const char *key) {
    bool found;
    size_t at = position(store, (const uint8_t *)key, text_length(key), &found);
    return found ? &store->entries[at] : NULL;
}

/* ---- Opening ---------------------------------------------------------------------------------------------------- */

/* Reads a half's head: its generation and how many records it began with. */
static enum store_status read_head(const struct store *store, unsigned half, uint64_t *generation, uint64_t *records) {
    struct block_header header;
    struct record record;
    uint64_t parts;

    if (!read_block(store, first_block(store, half))) return STORE_IO;
    if (!block_check(block_bytes, (size_t)store->block_size, &header)) return STORE_NOT_FOUND;
    enum store_status status = read_record(store, first_block(store, half), 1, header.generation, 0, &record, &parts);
    if (status != STORE_OK) return status;
    if (header.sequence != 0 || record.kind != HEAD || record.value_size != 8) return STORE_NOT_FOUND;
    *generation = header.generation;
    *records = get64(record.value);
    return STORE_OK;
}

static enum store_status write_head(const struct store *store, unsigned half, uint64_t generation, uint64_t records) {
    uint8_t value[8];
    put64(value, records);
    struct record record = {.kind = HEAD, .key = value, .value = value, .value_size = sizeof value};
    return write_record(store, first_block(store, half), encode_record(&record), generation, 0);
}

/* True for zeros from `from` on. */
static bool is_zero(const struct store *store, size_t from) {
    for (size_t i = from; i < store->block_size; i++) {
        if (block_bytes[i] != 0) return false;
    }
    return true;
}

/* True when block_bytes was never written, or when writing a head to it was cut short. */
static bool is_beginning_of_head(const struct store *store) {
    size_t same = 0;
    while (same < 4 && block_bytes[same] == (uint8_t)(BLOCK_MAGIC >> 8 * same)) same++;
    return same == 4 || is_zero(store, same);
}

/*
 * What to do with a device without a head: make it an empty store when it was never written, or when all there is are
 * the beginnings of a head that a crash cut short. Anything else may be somebody's data.
 */
static enum store_status adopt(struct store *store) {
    for (unsigned half = 0; half < 2; half++) {
        if (!read_block(store, first_block(store, half))) return STORE_IO;
        if (!is_beginning_of_head(store)) return STORE_FOREIGN;
        if (!read_block(store, first_block(store, half) + 1)) return STORE_IO;
        if (!is_zero(store, 0)) return STORE_FOREIGN;
    }
    return store_format(store);
}

/*
 * Wipes the head of the half that is not active. Done when a store is opened, not when the halves change roles: by then
 * the new head has been read back. Were the old head kept, damage to the new one would bring back old contents unseen.
 */
static enum store_status retire_other_half(struct store *store) {
    memset(block_bytes, 0, (size_t)store->block_size);
    uint64_t offset = first_block(store, 1 - store->active) * store->block_size;
    return solo5_block_write(store->device, offset, block_bytes, (size_t)store->block_size) == SOLO5_R_OK ? STORE_OK
                                                                                                           : STORE_IO;
}

/* True when a block shortly behind the log's end belongs to a later record of this generation. */
static enum store_status look_beyond(struct store *store) {
    uint64_t window = 2 * parts_of(store, RECORD_MAX) + 1;
    for (uint64_t i = 0; i < window && store->next + i < store->half_blocks; i++) {
        struct block_header header;
        if (!read_block(store, first_block(store, store->active) + store->next + i)) return STORE_IO;
        if (block_check(block_bytes, (size_t)store->block_size, &header) && header.generation == store->generation &&
            header.sequence > store->sequence)
            return STORE_DAMAGED;
    }
    return STORE_OK;
}

static enum store_status replay(struct store *store, uint64_t at_least) {
    struct record record;
    uint64_t parts;

    store->count = 0;
    store->next = 1;
    store->sequence = 1;
    for (;;) {
        uint64_t block = first_block(store, store->active) + store->next;
        enum store_status status = read_record(store, block, store->half_blocks - store->next, store->generation,
                                               store->sequence, &record, &parts);
        if (status == STORE_NOT_FOUND) break;
        if (status != STORE_OK) return status;
        if ((record.kind != SET && record.kind != DELETE) || record.key_size == 0) break;
        status = index_apply(store, &record, block);
        if (status != STORE_OK) return status;
        store->next += parts;
        store->sequence++;
    }
    if (store->sequence <= at_least) return STORE_DAMAGED;
    return look_beyond(store);
}

enum store_status store_open(struct store *store, const char *name, void *memory, size_t size) {
    struct solo5_block_info info;
    uint64_t generation, records, at_least = 0;
    unsigned heads = 0;

    memset(store, 0, sizeof *store);
    store->active = 1; /* the first head goes to half 0 */
    store->entries = memory;
    store->capacity = size / sizeof *store->entries;
    if (solo5_block_acquire(name, &store->device, &info) != SOLO5_R_OK) return STORE_NO_DEVICE;
    store->block_size = info.block_size;
    if (info.block_size < BLOCK_SIZE_MIN || info.block_size > BLOCK_SIZE_MAX) return STORE_NO_DEVICE;
    store->half_blocks = info.capacity / info.block_size / 2;
    if (store->half_blocks < 2) return STORE_NO_DEVICE;
    for (unsigned half = 0; half < 2; half++) {
        enum store_status status = read_head(store, half, &generation, &records);
        if (status == STORE_IO) return status;
        if (status != STORE_OK || (heads++ > 0 && generation < store->generation)) continue;
        store->active = half;
        store->generation = generation;
        at_least = records;
    }
    enum store_status status = heads > 0 ? replay(store, at_least) : adopt(store);
    store->damaged = status == STORE_DAMAGED || status == STORE_FOREIGN;
    return status == STORE_OK && heads == 2 ? retire_other_half(store) : status;
}

/* ---- Reading and changing --------------------------------------------------------------------------------------- */

enum store_status store_read(struct store *store, const struct store_entry *entry, uint8_t *value) {
    struct record record;
    uint64_t parts;
    enum store_status status =
        read_record(store, entry->block, room_at(store, entry->block), store->generation, 0, &record, &parts);
    if (status == STORE_NOT_FOUND) return STORE_DAMAGED;
    if (status != STORE_OK) return status;
    if (compare(entry, record.key, record.key_size) != 0 || record.value_size != entry->value_size)
        return STORE_DAMAGED;
    memcpy(value, record.value, record.value_size);
    return STORE_OK;
}

static uint64_t next_generation(const struct store *store) {
    solo5_time_t now = solo5_clock_wall();
    return now > store->generation ? now : store->generation + 1;
}

enum store_status store_compact(struct store *store) {
    unsigned target = 1 - store->active;
    uint64_t generation = next_generation(store);
    uint64_t next = 1, sequence = 1;
    size_t kept = 0;

    for (size_t i = 0; i < store->count; i++) {
        struct store_entry *entry = &store->entries[i];
        struct record record;
        uint64_t parts;
        enum store_status status =
            read_record(store, entry->block, room_at(store, entry->block), store->generation, 0, &record, &parts);
        if (status == STORE_IO) return status;
        if (status == STORE_NOT_FOUND && !store->damaged) return STORE_DAMAGED;
        if (status == STORE_NOT_FOUND) continue;
        if (next + parts > store->half_blocks) return STORE_FULL;
        size_t size = RECORD_HEADER + record.key_size + record.value_size;
        status = write_record(store, first_block(store, target) + next, size, generation, sequence++);
        if (status != STORE_OK) return status;
        next += parts;
        kept++;
    }
    enum store_status status = write_head(store, target, generation, kept);
    if (status != STORE_OK) return status;
    store->active = target;
    store->generation = generation;
    store->damaged = false;
    return replay(store, kept);
}

enum store_status store_format(struct store *store) {
    store->count = 0;
    return store_compact(store);
}

/* Room for `parts` more blocks, after copying the live records if need be. */
static enum store_status make_room(struct store *store, uint64_t parts) {
    if (store->next + parts <= store->half_blocks) return STORE_OK;
    enum store_status status = store_compact(store);
    if (status != STORE_OK) return status;
    return store->next + parts <= store->half_blocks ? STORE_OK : STORE_FULL;
}

static enum store_status append(struct store *store, const struct record *record) {
    if (store->damaged) return STORE_DAMAGED;
    uint64_t parts = parts_of(store, RECORD_HEADER + record->key_size + record->value_size);
    enum store_status status = make_room(store, parts);
    if (status != STORE_OK) return status;
    uint64_t block = first_block(store, store->active) + store->next;
    status = write_record(store, block, encode_record(record), store->generation, store->sequence);
    if (status != STORE_OK) return status;
    store->next += parts;
    store->sequence++;
    return index_apply(store, record, block);
}

enum store_status store_set(struct store *store, const char *key, const uint8_t *value, size_t size) {
    size_t key_size = text_length(key);
    if (key_size == 0 || key_size > KEY_MAX || size > VALUE_MAX) return STORE_TOO_LONG;
    if (store_find(store, key) == NULL && store->count == store->capacity) return STORE_FULL;
    struct record record = {
        .kind = SET, .key = (const uint8_t *)key, .key_size = key_size, .value = value, .value_size = size};
    return append(store, &record);
}

/*
 * A store full of live records has no room for the record that would delete one of them. Then the halves change roles
 * without the key, which is as atomic.
 */
static enum store_status delete_by_copying(struct store *store, const struct record *record) {
    index_apply(store, record, 0);
    enum store_status status = store_compact(store);
    if (status != STORE_OK) replay(store, 0); /* bring the index back to what the device holds */
    return status;
}

enum store_status store_delete(struct store *store, const char *key) {
    if (store_find(store, key) == NULL) return STORE_NOT_FOUND;
    if (store->damaged) return STORE_DAMAGED;
    struct record record = {
        .kind = DELETE, .key = (const uint8_t *)key, .key_size = text_length(key), .value = (const uint8_t *)key};
    enum store_status status = append(store, &record);
    return status == STORE_FULL ? delete_by_copying(store, &record) : status;
}
