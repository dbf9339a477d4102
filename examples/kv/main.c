/*
 * kv: a persistent key-value store on the block device "store", driven by its command line.
 *
 *   kv COMMAND [';' COMMAND]...
 *
 *   set KEY VALUE   get KEY   del KEY   incr KEY [BY]   list [PREFIX]   count   check   compact   repair   format
 *
 * Exit status: 0 done; 1 a key was not found; 2 wrong usage; 3 the store is full, damaged or missing.
 */
#include <solo5.h>

#include "print.h"
#include "store.h"
#include "text.h"

enum { EXIT_OK, EXIT_NOT_FOUND, EXIT_USAGE, EXIT_STORE };

struct command {
    const char *name;
    size_t least, most; /* arguments */
    bool changes;       /* needs an undamaged store */
    int (*run)(struct store *store, const char *const *arguments, size_t count);
};

static int report(enum store_status status, const char *what) {
    static const char *const words[] = {
        [STORE_OK] = "ok",
        [STORE_NOT_FOUND] = "not found",
        [STORE_FULL] = "the store is full; delete something",
        [STORE_TOO_LONG] = "a key has 1 to 255 bytes and a value at most 4096",
        [STORE_NO_DEVICE] = "there is no block device \"store\" of a usable size",
        [STORE_FOREIGN] = "the device holds no store, or its head is damaged; `format` makes it an empty one",
        [STORE_DAMAGED] = "records are damaged; `repair` keeps those that can be read",
        [STORE_IO] = "the device failed",
    };
    if (status == STORE_OK) return EXIT_OK;
    print("kv: %s: %s\n", what, words[status]);
    return status == STORE_NOT_FOUND ? EXIT_NOT_FOUND : status == STORE_TOO_LONG ? EXIT_USAGE : EXIT_STORE;
}

static uint8_t value[VALUE_MAX + 1];

static enum store_status read_value(struct store *store, const char *key, size_t *size) {
    const struct store_entry *entry = store_find(store, key);
    if (entry == NULL) return STORE_NOT_FOUND;
    *size = entry->value_size;
    return store_read(store, entry, value);
}

static int set(struct store *store, const char *const *arguments, size_t count) {
    (void)count;
    return report(store_set(store, arguments[0], (const uint8_t *)arguments[1], text_length(arguments[1])), arguments[0]);
}

static int get(struct store *store, const char *const *arguments, size_t count) {
    size_t size;
    (void)count;
    enum store_status status = read_value(store, arguments[0], &size);
    if (status != STORE_OK) return report(status, arguments[0]);
    value[size] = '\n';
    solo5_console_write((const char *)value, size + 1);
    return EXIT_OK;
}

static int delete(struct store *store, const char *const *arguments, size_t count) {
    (void)count;
    return report(store_delete(store, arguments[0]), arguments[0]);
}

static int increment(struct store *store, const char *const *arguments, size_t count) {
    uint64_t number = 0, by = 1;
    size_t size = 0;
    char text[24];

    enum store_status status = read_value(store, arguments[0], &size);
    if (status != STORE_OK && status != STORE_NOT_FOUND) return report(status, arguments[0]);
    value[size] = '\0';
    if ((status == STORE_OK && !text_is_number((const char *)value, UINT64_MAX, &number)) ||
        (count > 1 && !text_is_number(arguments[1], UINT64_MAX, &by)) || number > UINT64_MAX - by) {
        print("kv: %s: not a number, or too large to add to\n", arguments[0]);
        return EXIT_USAGE;
    }
    size_t length = format(text, sizeof text, "%llu", (unsigned long long)(number + by));
    status = store_set(store, arguments[0], (const uint8_t *)text, length);
    if (status == STORE_OK) print("%s\n", text);
    return report(status, arguments[0]);
}

static int list(struct store *store, const char *const *arguments, size_t count) {
    for (size_t i = 0; i < store->count; i++) {
        const struct store_entry *entry = &store->entries[i];
        if (count > 0 && text_after(entry->key, arguments[0]) == NULL) continue;
        print("%s\t%u\n", entry->key, entry->value_size);
    }
    return EXIT_OK;
}

static int count_keys(struct store *store, const char *const *arguments, size_t count) {
    (void)arguments, (void)count;
    print("%zu\n", store->count);
    return EXIT_OK;
}

static int check(struct store *store, const char *const *arguments, size_t count) {
    size_t bad = 0;
    (void)arguments, (void)count;
    for (size_t i = 0; i < store->count; i++) {
        if (store_read(store, &store->entries[i], value) == STORE_OK) continue;
        print("kv: %s: damaged\n", store->entries[i].key);
        bad++;
    }
    print("%zu keys, %zu damaged; %llu of %llu blocks used, generation %llu\n", store->count, bad,
          (unsigned long long)store->next, (unsigned long long)store->half_blocks,
          (unsigned long long)store->generation);
    return report(bad > 0 || store->damaged ? STORE_DAMAGED : STORE_OK, "check");
}

static int compact(struct store *store, const char *const *arguments, size_t count) {
    (void)arguments, (void)count;
    return report(store_compact(store), "compact");
}

static int repair(struct store *store, const char *const *arguments, size_t count) {
    (void)arguments, (void)count;
    size_t before = store->count;
    store->damaged = true; /* a record that cannot be read is left out instead of being an error */
    int status = report(store_compact(store), "repair");
    if (status == EXIT_OK) print("%zu of %zu keys kept\n", store->count, before);
    return status;
}

static int reformat(struct store *store, const char *const *arguments, size_t count) {
    (void)arguments, (void)count;
    return report(store_format(store), "format");
}

static const struct command commands[] = {
    {"set", 2, 2, true, set},         {"get", 1, 1, false, get},          {"del", 1, 1, true, delete},
    {"incr", 1, 2, true, increment},  {"list", 0, 1, false, list},        {"count", 0, 0, false, count_keys},
    {"check", 0, 0, false, check},    {"compact", 0, 0, true, compact},   {"repair", 0, 0, false, repair},
    {"format", 0, 0, false, reformat},
};

static const struct command *find_command(const char *name, size_t arguments) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        const struct command *command = &commands[i];
        if (text_equal(command->name, name) && arguments >= command->least && arguments <= command->most) return command;
    }
    return NULL;
}

static int usage(void) {
    print("usage: kv COMMAND [';' COMMAND]...\n"
          "  set KEY VALUE | get KEY | del KEY | incr KEY [BY] | list [PREFIX] | count | check | compact | repair | format\n");
    return EXIT_USAGE;
}

/* Runs one command, given how opening the store went. */
static int run(struct store *store, enum store_status *opened, const char *const *words, size_t count) {
    const struct command *command = find_command(words[0], count - 1);
    if (command == NULL) return usage();
    bool formats = command->run == reformat;
    if (*opened == STORE_FOREIGN && !formats) return report(*opened, "open");
    if (*opened == STORE_DAMAGED && command->changes) return report(*opened, command->name);
    int status = command->run(store, words + 1, count - 1);
    if (status == EXIT_OK && (formats || command->run == repair)) *opened = STORE_OK;
    return status;
}

int solo5_app_main(const struct solo5_start_info *info) {
    static struct arguments arguments;
    static struct store store;
    int worst = EXIT_OK;

    const char *wrong = split_arguments(info->cmdline, &arguments);
    if (wrong != NULL) {
        print("kv: %s\n", wrong);
        return EXIT_USAGE;
    }
    enum store_status opened = store_open(&store, "store", (void *)info->heap_start, info->heap_size);
    if (opened != STORE_OK && opened != STORE_FOREIGN && opened != STORE_DAMAGED) return report(opened, "open");
    if (arguments.count == 0) return usage();

    for (size_t start = 0, end = 0; end <= arguments.count; end++) {
        if (end < arguments.count && !text_equal(arguments.at[end], ";")) continue;
        int status = end > start ? run(&store, &opened, &arguments.at[start], end - start) : usage();
        if (status > worst) worst = status;
        if (status >= EXIT_USAGE) break;
        start = end + 1;
    }
    return worst;
}
