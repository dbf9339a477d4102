/* The reader of the host's wishes: see config.h. */
#include "config.h"

#include "report.h"

static struct config config;

static bool starts_with(const char **text, const char *word) {
    const char *rest = *text;
    for (; *word != '\0'; word++, rest++) {
        if (*rest != *word) return false;
    }
    *text = rest;
    return true;
}

static u64 read_number(const char **text, u64 limit) {
    const char *start = *text;
    u64 value = 0;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        value = value * 10 + (u64)(**text - '0');
        if (value > limit) broken("command line: a number above its limit %lu at: %s", limit, start);
    }
    if (*text == start) broken("command line: expected a number at: %s", start);
    return value;
}

static u64 read_next_number(const char **text, u64 limit) {
    if (!starts_with(text, ":")) broken("command line: expected ':' at: %s", *text);
    return read_number(text, limit);
}

static u8 read_digit(const char **text) {
    char c = **text;
    if (c >= '0' && c <= '9') return ++*text, (u8)(c - '0');
    if (c >= 'a' && c <= 'f') return ++*text, (u8)(c - 'a' + 10);
    broken("command line: expected a hexadecimal digit at: %s", *text);
}

static u8 read_byte(const char **text) {
    u8 high = read_digit(text);
    return (u8)(high << 4 | read_digit(text));
}

static void read_device(const char **text, u32 type) {
    if (config.device_count == COUNT_OF(config.device)) broken("command line: more than %u devices", (u32)TRANSPORTS);
    struct device_config *device = &config.device[config.device_count++];
    device->type = type;
    device->index = (u32)read_number(text, MANIFEST_ENTRIES - 1);
    device->transport = (u32)read_next_number(text, TRANSPORTS - 1);
    if (type == DEVICE_BLOCK) {
        device->block_size = (u16)read_next_number(text, UINT16_MAX);
        return;
    }
    device->mtu = (u16)read_next_number(text, UINT16_MAX);
    if (!starts_with(text, ":")) broken("command line: expected ':' and a MAC at: %s", *text);
    for (size_t i = 0; i < sizeof device->mac; i++) device->mac[i] = read_byte(text);
}

static void read_arguments(const char **text) {
    size_t size = 0;
    while (**text != '\0' && **text != ' ') {
        if (size == COMMAND_LINE_SIZE - 1) broken("command line: args has more than %u bytes", (u32)size);
        config.command_line[size++] = (char)read_byte(text);
    }
    config.command_line[size] = '\0';
}

const struct config *read_config(const char *text) {
    while (*text != '\0') {
        if (starts_with(&text, "mem=")) config.memory = read_number(&text, 4 * GIB);
        else if (starts_with(&text, "console=")) config.console = (u32)read_number(&text, TRANSPORTS - 1);
        else if (starts_with(&text, "block=")) read_device(&text, DEVICE_BLOCK);
        else if (starts_with(&text, "net=")) read_device(&text, DEVICE_NET);
        else if (starts_with(&text, "args=")) read_arguments(&text);
        else broken("command line: unknown word: %s", text);
        if (*text != '\0' && !starts_with(&text, " ")) broken("command line: expected a space at: %s", text);
    }
    if (config.memory == 0 || config.memory % LARGE_PAGE != 0)
        broken("mem=%lu: must be a positive multiple of 2 MiB", config.memory);
    return &config;
}
