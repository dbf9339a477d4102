/*
 * Reading a flattened device tree that may be damaged or made to harm.
 *
 * One pass over the structure block with a cursor that only moves forward, so that every tree ends; nothing is followed
 * that could lead back. No recursion: what children need of their parents (cells, the visitor's word) is in an array of
 * fixed depth. Every size is held against what is left before it is used. A node's properties come before its children,
 * as the format demands, so a node is complete when its first child begins.
 *
 * Source: Devicetree Specification 0.4, chapter 5. This file calls nothing, so that tests can run it anywhere.
 */
#include "fdt.h"

#define MAGIC 0xd00dfeedu
#define DEEPEST 32u

enum { BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9 };

/* Byte offsets in the header. */
enum { AT_MAGIC = 0, AT_SIZE = 4, AT_STRUCT = 8, AT_STRINGS = 12, AT_RESERVED = 16, AT_LAST_VERSION = 24,
       AT_STRINGS_SIZE = 32, AT_STRUCT_SIZE = 36 };

static uint32_t get32(const uint8_t *at) {
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get64(const uint8_t *at) { return (uint64_t)get32(at) << 32 | get32(at + 4); }

/* In the order of enum fdt_property. */
static const char property_names[FDT_PROPERTIES][24] = {
    "#address-cells", "#size-cells", "bootargs", "compatible", "device_type", "interrupts",
    "interrupts-extended", "msi-parent", "phandle", "ranges", "reg", "rng-seed",
    "status", "timebase-frequency",
};

/* Whether the string of at most `size` bytes at `text` is `wanted`, its NUL included. */
static bool is_string(const uint8_t *text, uint32_t size, const char *wanted) {
    for (uint32_t i = 0; i < size; i++) {
        if (text[i] != (uint8_t)wanted[i]) return false;
        if (wanted[i] == '\0') return true;
    }
    return false;
}

/* What children take over from their parent. */
struct frame {
    uint32_t address_cells, size_cells;
    int word;
    bool addressable;
};

struct walk {
    const uint8_t *structure, *strings;
    uint32_t structure_size, strings_size;
    uint32_t at; /* the cursor; structure_size at most */
    const struct fdt_visitor *visitor;
    struct frame frames[DEEPEST]; /* of the nodes that are open */
    unsigned depth;               /* how many are */
    bool collecting;              /* the innermost node's properties are being read */
    bool done;                    /* the root has ended */
    struct fdt_node node;         /* the innermost */
};

static uint32_t left(const struct walk *walk) { return walk->structure_size - walk->at; }

/* Moves the cursor past `size` bytes and what pads them. `size` is at most left(). */
static void skip(struct walk *walk, uint32_t size) {
    uint32_t padded = (size + 3) & ~3u;
    walk->at += padded < left(walk) ? padded : left(walk);
}

static const char *begin_node(struct walk *walk) {
    if (walk->done) return "it has a second root";
    if (walk->depth == DEEPEST) return "it is nested too deeply";
    const uint8_t *name = walk->structure + walk->at;
    uint32_t length = 0;
    while (length < left(walk) && name[length] != 0) length++;
    if (length == left(walk)) return "a node's name has no end";
    skip(walk, length + 1);

    const struct frame root = {.address_cells = 2, .size_cells = 1, .addressable = true};
    const struct frame *parent = walk->depth == 0 ? &root : &walk->frames[walk->depth - 1];
    walk->node = (struct fdt_node){
        .name = (const char *)name,
        .depth = walk->depth,
        .parent = walk->depth == 0 ? 0 : parent->word,
        .addressable = parent->addressable,
        .address_cells = parent->address_cells,
        .size_cells = parent->size_cells,
    };
    walk->depth++;
    walk->collecting = true;
    return NULL;
}

/* Gives the innermost node to the visitor, when that has not happened yet. */
static void deliver(struct walk *walk) {
    if (!walk->collecting) return;
    walk->collecting = false;
    const struct fdt_value *properties = walk->node.properties;
    struct frame *frame = &walk->frames[walk->depth - 1];
    /* The specification's defaults, where a bus says nothing. */
    *frame = (struct frame){.address_cells = 2, .size_cells = 1};
    if (properties[FDT_ADDRESS_CELLS].size == 4) frame->address_cells = rv_fdt_cell(properties[FDT_ADDRESS_CELLS], 0);
    if (properties[FDT_SIZE_CELLS].size == 4) frame->size_cells = rv_fdt_cell(properties[FDT_SIZE_CELLS], 0);
    /* Below a bus that translates addresses, or has none, `reg` is not what the processor sees. */
    bool transparent = properties[FDT_RANGES].data != NULL && properties[FDT_RANGES].size == 0;
    frame->addressable = walk->depth == 1 || (walk->node.addressable && transparent);
    frame->word = walk->visitor->node(walk->visitor->context, &walk->node);
}

static const char *property(struct walk *walk) {
    if (left(walk) < 8) return "a property is cut off";
    uint32_t size = get32(walk->structure + walk->at), name = get32(walk->structure + walk->at + 4);
    walk->at += 8;
    if (size > left(walk)) return "a property is longer than the tree";
    if (name >= walk->strings_size) return "a property's name lies outside of the strings";
    if (!walk->collecting) return "a property is in no node, or follows the node's children";
    for (unsigned i = 0; i < FDT_PROPERTIES; i++) {
        if (!is_string(walk->strings + name, walk->strings_size - name, property_names[i])) continue;
        walk->node.properties[i] = (struct fdt_value){walk->structure + walk->at, size};
    }
    skip(walk, size);
    return NULL;
}

static const char *end_node(struct walk *walk) {
    if (walk->depth == 0) return "more nodes end than begin";
    deliver(walk);
    walk->depth--;
    if (walk->depth == 0) walk->done = true;
    return NULL;
}

static const char *walk_structure(struct walk *walk) {
    while (left(walk) >= 4) {
        uint32_t token = get32(walk->structure + walk->at);
        const char *wrong = NULL;
        walk->at += 4;
        switch (token) {
        case BEGIN_NODE:
            if (walk->depth > 0) deliver(walk);
            wrong = begin_node(walk);
            break;
        case END_NODE: wrong = end_node(walk); break;
        case PROP: wrong = property(walk); break;
        case NOP: break;
        case END: return walk->done ? NULL : "it ends inside a node";
        default: wrong = "it holds a token that is none";
        }
        if (wrong != NULL) return wrong;
    }
    return "it is cut off";
}

/* The reservations: pairs of address and size, the last of size 0. */
static const char *walk_reserved(const uint8_t *fdt, uint32_t size, const struct fdt_visitor *visitor) {
    uint32_t at = get32(fdt + AT_RESERVED);
    if (at % 8 != 0 || at < FDT_HEADER_SIZE) return "its memory reservations are misplaced";
    for (; at <= size && size - at >= 16; at += 16) {
        uint64_t address = get64(fdt + at), bytes = get64(fdt + at + 8);
        if (bytes == 0) return NULL;
        visitor->reserved(visitor->context, address, bytes);
    }
    return "its memory reservations have no end";
}

uint32_t rv_fdt_size(const void *fdt) {
    if (fdt == NULL || (uintptr_t)fdt % 8 != 0 || get32((const uint8_t *)fdt + AT_MAGIC) != MAGIC) return 0;
    uint32_t size = get32((const uint8_t *)fdt + AT_SIZE);
    return size >= FDT_HEADER_SIZE && size <= FDT_LARGEST ? size : 0;
}

const char *rv_fdt_walk(const void *tree, uint32_t size, const struct fdt_visitor *visitor) {
    const uint8_t *fdt = tree;
    if (size < FDT_HEADER_SIZE || rv_fdt_size(fdt) == 0) return "it has no header";
    if (rv_fdt_size(fdt) > size) return "it is cut off";
    size = rv_fdt_size(fdt);
    /* 16 and 17 differ in nothing that is read here. */
    if (get32(fdt + AT_LAST_VERSION) > 17 || get32(fdt + AT_LAST_VERSION - 4) < 17) return "its version is unknown";

    uint32_t structure = get32(fdt + AT_STRUCT), strings = get32(fdt + AT_STRINGS);
    uint32_t structure_size = get32(fdt + AT_STRUCT_SIZE), strings_size = get32(fdt + AT_STRINGS_SIZE);
    if (structure % 4 != 0 || structure > size || structure_size > size - structure)
        return "its nodes lie outside of it";
    if (strings > size || strings_size > size - strings) return "its strings lie outside of it";
    const char *wrong = walk_reserved(fdt, size, visitor);
    if (wrong != NULL) return wrong;
    struct walk walk = {
        .structure = fdt + structure,
        .structure_size = structure_size,
        .strings = fdt + strings,
        .strings_size = strings_size,
        .visitor = visitor,
    };
    return walk_structure(&walk);
}

uint32_t rv_fdt_cell(struct fdt_value value, uint32_t index) {
    return value.data != NULL && index < value.size / 4 ? get32(value.data + 4 * index) : 0;
}

/* A number of `cells` cells, 0 to 2, from cell `at` on. */
static uint64_t number(struct fdt_value value, uint32_t at, uint32_t cells) {
    uint64_t result = 0;
    for (uint32_t i = 0; i < cells; i++) result = result << 32 | rv_fdt_cell(value, at + i);
    return result;
}

bool rv_fdt_reg(const struct fdt_node *node, uint32_t index, uint64_t *address, uint64_t *size) {
    struct fdt_value reg = node->properties[FDT_REG];
    if (node->address_cells < 1 || node->address_cells > 2 || node->size_cells > 2) return false;
    uint32_t cells = node->address_cells + node->size_cells;
    if (reg.data == NULL || index >= reg.size / 4 / cells) return false;
    *address = number(reg, index * cells, node->address_cells);
    *size = number(reg, index * cells + node->address_cells, node->size_cells);
    return *size <= UINT64_MAX - *address;
}

bool rv_fdt_lists(struct fdt_value value, const char *text) {
    for (uint32_t at = 0; at < value.size;) {
        if (is_string(value.data + at, value.size - at, text)) return true;
        while (at < value.size && value.data[at] != 0) at++;
        at++;
    }
    return false;
}
