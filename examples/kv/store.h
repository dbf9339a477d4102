/*
 * A persistent key-value store on one block device that survives a power cut at any moment.
 *
 * The device is two halves; one of them is active. A half is a log: its first block, the head, names a generation; after
 * it come records, each a `set` or a `delete`. Reading the log from its beginning gives the contents. When the active
 * half is full, the live records are copied to the other half under a new generation, and that half's head is written
 * last: the one write that makes it the active one. docs: README.md, "Format".
 *
 * Every block carries its own header with a checksum, so that neither a torn write nor a value that looks like a record
 * can be taken for one. A record of several blocks exists when all of them are there and agree.
 */
#ifndef STORE_H
#define STORE_H

#include <solo5.h>

#define KEY_MAX 255
#define VALUE_MAX 4096

enum store_status {
    STORE_OK,
    STORE_NOT_FOUND,
    STORE_FULL,      /* of live records, on the device or in memory */
    STORE_TOO_LONG,  /* a key or value; a key may not be empty */
    STORE_NO_DEVICE, /* no device of that name, or one too small */
    STORE_FOREIGN,   /* the device holds something else */
    STORE_DAMAGED,   /* records are missing in the middle of the log; what remains can be read, and `repair`ed */
    STORE_IO         /* the device failed */
};

struct store_entry {
    uint64_t block; /* first block of the record, counted from the device's beginning */
    uint32_t value_size;
    uint8_t key_size;
    char key[KEY_MAX + 1]; /* NUL-terminated for printing; may hold any byte but NUL */
};

struct store {
    solo5_handle_t device;
    uint64_t block_size;
    uint64_t half_blocks; /* blocks of one half */
    unsigned active;      /* 0 or 1 */
    uint64_t generation;
    uint64_t sequence; /* of the next record */
    uint64_t next;     /* where it goes, in blocks from the half's beginning */
    bool damaged;
    struct store_entry *entries; /* sorted by key */
    size_t count, capacity;
};

/*
 * Opens the store on the device called `name`; a device of zeros becomes an empty store. `memory` of `size` bytes holds
 * the index as long as the store is used. STORE_DAMAGED and STORE_FOREIGN leave a store on which only reading, and
 * repair or format, work.
 */
enum store_status store_open(struct store *store, const char *name, void *memory, size_t size);

/* The entry of a key, or NULL. Valid until the next change. */
const struct store_entry *store_find(const struct store *store, const char *key);

/* Reads an entry's value into `value` of VALUE_MAX bytes. */
enum store_status store_read(struct store *store, const struct store_entry *entry, uint8_t *value);

enum store_status store_set(struct store *store, const char *key, const uint8_t *value, size_t size);
enum store_status store_delete(struct store *store, const char *key);

/* Copies the live records to the other half. On a damaged store this keeps what can be read: it repairs. */
enum store_status store_compact(struct store *store);

/* Makes the device an empty store, whatever it held. */
enum store_status store_format(struct store *store);

#endif
