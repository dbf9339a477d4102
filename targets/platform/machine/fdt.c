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

/* As a wide number, which needs no extension where it is added to an address. */
static uint64_t get32(const uint8_t *at) {
    return (uint64_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static uint64_t get64(const uint8_t *at) { return get32(at) << 32 | get32(at + 4); }

/* In the order of enum fdt_property. */
static const char property_names[FDT_PROPERTIES][24] = {
    "#address-cells", "#size-cells", "bootargs", "compatible", "device_type", "interrupts",
    "interrupts-extended", "msi-parent", "phandle", "ranges", "reg", "rng-seed",
    "status", "timebase-frequency",
};

/* Whether the string of at most `size` bytes at `text` is `wanted`, its NUL included. */
static bool is_string(const uint8_t *text, size_t size, const char *wanted) {
    for (size_t i = 0; i < size; i++) {
        if (text[i] != (uint8_t)wanted[i]) return false;
        if (wanted[i] == '\0') return true;
    }
    return false;
}

/* What can be wrong with a tree, in the order of `faults`. */
enum fault {
    FINE, NO_HEADER, CUT_OFF, VERSION, NODES_OUTSIDE, STRINGS_OUTSIDE, RESERVATIONS_MISPLACED, RESERVATIONS_ENDLESS,
    SECOND_ROOT, TOO_DEEP, ENDLESS_NAME, CUT_PROPERTY, LONG_PROPERTY, NAME_OUTSIDE, STRAY_PROPERTY, TOO_MANY_ENDS,
    INSIDE_NODE, NO_TOKEN,
};

/* Rows of one length: a number is half as long in code as an address, and there are many places that give one. */
static const char faults[][56] = {
    "",
    "it has no header",
    "it is cut off",
    "its version is unknown",
    "its nodes lie outside of it",
    "its strings lie outside of it",
    "its memory reservations are misplaced",
    "its memory reservations have no end",
    "it has a second root",
    "it is nested too deeply",
    "a node's name has no end",
    "a property is cut off",
    "a property is longer than the tree",
    "a property's name lies outside of the strings",
    "a property is in no node, or follows the node's children",
    "more nodes end than begin",
    "it ends inside a node",
    "it holds a token that is none",
};

struct walk {
    const uint8_t *at, *end; /* the cursor and where the structure ends */
    const uint8_t *strings;
    size_t strings_size;
    const struct fdt_visitor *visitor;
    size_t depth;         /* how many nodes are open */
    bool collecting;      /* the innermost node's properties are being read */
    struct fdt_node node; /* the one that began last; without a name: none has */
    struct fdt_parent parents[DEEPEST + 1]; /* the first stands above the root; then the open nodes */
};

static size_t left(const struct walk *walk) { return (size_t)(walk->end - walk->at); }

/* Moves the cursor past `size` bytes and what pads them. `size` is at most left(). */
static void skip(struct walk *walk, size_t size) {
    size_t padded = (size + 3) & ~(size_t)3;
    walk->at += padded < left(walk) ? padded : left(walk);
}

/* Whether the root has ended. */
static bool is_done(const struct walk *walk) { return walk->depth == 0 && walk->node.name != NULL; }

static enum fault begin_node(struct walk *walk) {
    if (is_done(walk)) return SECOND_ROOT;
    if (walk->depth == DEEPEST) return TOO_DEEP;
    const uint8_t *name = walk->at;
    size_t length = 0;
    while (length < left(walk) && name[length] != 0) length++;
    if (length == left(walk)) return ENDLESS_NAME;
    skip(walk, length + 1);

    struct fdt_node *node = &walk->node;
    node->name = (const char *)name;
    node->parent = walk->parents[walk->depth++];
    for (unsigned i = 0; i < FDT_PROPERTIES; i++) node->properties[i] = (struct fdt_value){0};
    walk->collecting = true;
    return FINE;
}

/* Gives the innermost node to the visitor, when that has not happened yet. */
static void deliver(struct walk *walk) {
    if (!walk->collecting) return;
    walk->collecting = false;
    const struct fdt_value *properties = walk->node.properties;
    struct fdt_parent *parent = &walk->parents[walk->depth];
    /* The specification's defaults, where a bus says nothing. */
    parent->address_cells = 2;
    parent->size_cells = 1;
    if (properties[FDT_ADDRESS_CELLS].size == 4)
        parent->address_cells = layer_fdt_cell(properties[FDT_ADDRESS_CELLS], 0);
    if (properties[FDT_SIZE_CELLS].size == 4) parent->size_cells = layer_fdt_cell(properties[FDT_SIZE_CELLS], 0);
    /* Below a bus that translates addresses, or has none, `reg` is not what the processor sees. */
    bool transparent = properties[FDT_RANGES].data != NULL && properties[FDT_RANGES].size == 0;
    parent->addressable = walk->depth == 1 || (walk->node.parent.addressable && transparent);
    parent->word = walk->visitor->node(walk->visitor->context, &walk->node);
}

static enum fault property(struct walk *walk) {
    if (left(walk) < 8) return CUT_PROPERTY;
    size_t size = get32(walk->at), name = get32(walk->at + 4);
    walk->at += 8;
    if (size > left(walk)) return LONG_PROPERTY;
    if (name >= walk->strings_size) return NAME_OUTSIDE;
    if (!walk->collecting) return STRAY_PROPERTY;
    for (unsigned i = 0; i < FDT_PROPERTIES; i++) {
        if (!is_string(walk->strings + name, walk->strings_size - name, property_names[i])) continue;
        walk->node.properties[i] = (struct fdt_value){walk->at, (uint32_t)size};
    }
    skip(walk, size);
    return FINE;
}

static enum fault walk_structure(struct walk *walk) {
    while (left(walk) >= 4) {
        uint64_t token = get32(walk->at);
        enum fault fault = FINE;
        walk->at += 4;
        if (token == BEGIN_NODE || token == END_NODE) deliver(walk);
        if (token == BEGIN_NODE) fault = begin_node(walk);
        else if (token == PROP) fault = property(walk);
        else if (token == END_NODE) {
            if (walk->depth == 0) return TOO_MANY_ENDS;
            walk->depth--;
        } else if (token == END) return is_done(walk) ? FINE : INSIDE_NODE;
        else if (token != NOP) fault = NO_TOKEN;
        if (fault != FINE) return fault;
    }
    return CUT_OFF;
}

/* The reservations: pairs of address and size, the last of size 0. */
static enum fault walk_reserved(const uint8_t *fdt, size_t size, const struct fdt_visitor *visitor) {
    size_t at = get32(fdt + AT_RESERVED);
    if (at % 8 != 0 || at < FDT_HEADER_SIZE) return RESERVATIONS_MISPLACED;
    for (; at + 16 <= size; at += 16) {
        uint64_t bytes = get64(fdt + at + 8);
        if (bytes == 0) return FINE;
        visitor->reserved(visitor->context, get64(fdt + at), bytes);
    }
    return RESERVATIONS_ENDLESS;
}

uint32_t layer_fdt_size(const void *fdt) {
    if (fdt == NULL || (uintptr_t)fdt % 8 != 0 || get32((const uint8_t *)fdt + AT_MAGIC) != MAGIC) return 0;
    uint64_t size = get32((const uint8_t *)fdt + AT_SIZE);
    return size >= FDT_HEADER_SIZE && size <= FDT_LARGEST ? (uint32_t)size : 0;
}

/* Whether the block whose offset and size the header holds at these places lies in `size` bytes. */
static bool lies_inside(const uint8_t *fdt, unsigned at_offset, unsigned at_size, size_t size) {
    return get32(fdt + at_offset) + get32(fdt + at_size) <= size;
}

static enum fault walk_tree(const uint8_t *fdt, size_t readable, const struct fdt_visitor *visitor) {
    size_t size = readable < FDT_HEADER_SIZE ? 0 : layer_fdt_size(fdt);
    if (size == 0) return NO_HEADER;
    if (size > readable) return CUT_OFF;
    /* 16 and 17 differ in nothing that is read here. */
    if (get32(fdt + AT_LAST_VERSION) > 17 || get32(fdt + AT_LAST_VERSION - 4) < 17) return VERSION;
    size_t structure = get32(fdt + AT_STRUCT);
    if (structure % 4 != 0 || !lies_inside(fdt, AT_STRUCT, AT_STRUCT_SIZE, size)) return NODES_OUTSIDE;
    if (!lies_inside(fdt, AT_STRINGS, AT_STRINGS_SIZE, size)) return STRINGS_OUTSIDE;
    enum fault fault = walk_reserved(fdt, size, visitor);
    if (fault != FINE) return fault;

    static struct walk the_walk;
    struct walk *walk = &the_walk;
    walk->at = fdt + structure;
    walk->end = walk->at + get32(fdt + AT_STRUCT_SIZE);
    walk->strings = fdt + get32(fdt + AT_STRINGS);
    walk->strings_size = get32(fdt + AT_STRINGS_SIZE);
    walk->visitor = visitor;
    walk->depth = 0;
    walk->collecting = false;
    walk->node.name = NULL;
    walk->parents[0] = (struct fdt_parent){.address_cells = 2, .size_cells = 1, .addressable = true};
    return walk_structure(walk);
}

const char *layer_fdt_walk(const void *tree, uint32_t size, const struct fdt_visitor *visitor) {
    enum fault fault = walk_tree(tree, size, visitor);
    return fault == FINE ? NULL : faults[fault];
}

uint32_t layer_fdt_cell(struct fdt_value value, uint32_t index) {
    return index < value.size / 4 ? (uint32_t)get32(value.data + 4 * index) : 0;
}

uint64_t layer_fdt_number(struct fdt_value value, uint32_t at, uint32_t cells) {
    uint64_t result = 0;
    for (uint32_t i = 0; i < cells; i++) result = result << 32 | layer_fdt_cell(value, at + i);
    return result;
}

struct fdt_range layer_fdt_reg(const struct fdt_node *node, uint32_t index) {
    struct fdt_value reg = node->properties[FDT_REG];
    struct fdt_range none = {FDT_NO_RANGE, 0};
    if (node->parent.address_cells < 1 || node->parent.address_cells > 2 || node->parent.size_cells > 2) return none;
    uint32_t cells = node->parent.address_cells + node->parent.size_cells, at = index * cells;
    if (index >= reg.size / 4 / cells) return none;
    struct fdt_range range = {layer_fdt_number(reg, at, node->parent.address_cells),
                              layer_fdt_number(reg, at + node->parent.address_cells, node->parent.size_cells)};
    return range.size <= UINT64_MAX - range.address ? range : none;
}

bool layer_fdt_lists(struct fdt_value value, const char *text) {
    for (size_t at = 0; at < value.size;) {
        if (is_string(value.data + at, value.size - at, text)) return true;
        while (at < value.size && value.data[at] != 0) at++;
        at++;
    }
    return false;
}
