/*
 * A flattened device tree, read in one pass.
 */
#ifndef FDT_H
#define FDT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The properties that we look at, of every node. */
enum fdt_property {
    FDT_ADDRESS_CELLS,
    FDT_SIZE_CELLS,
    FDT_BOOTARGS,
    FDT_COMPATIBLE,
    FDT_DEVICE_TYPE,
    FDT_INTERRUPTS,
    FDT_INTERRUPTS_EXTENDED,
    FDT_MSI_PARENT,
    FDT_PHANDLE,
    FDT_RANGES,
    FDT_REG,
    FDT_RNG_SEED,
    FDT_STATUS,
    FDT_TIMEBASE_FREQUENCY,
    FDT_PROPERTIES,
};

/* A property's bytes, inside the tree; absent when `data` is NULL, and then `size` is 0. */
struct fdt_value {
    const uint8_t *data;
    uint32_t size;
};

/* Addresses as a node's `reg` has them. */
struct fdt_range {
    uint64_t address, size;
};

/* An address that no range has: nothing would fit behind it. */
#define FDT_NO_RANGE UINT64_MAX

/* What a node gives its children. */
struct fdt_parent {
    uint32_t address_cells, size_cells; /* of `reg` */
    int word;         /* what the visitor returned for the node; 0 above the root */
    bool addressable; /* `reg` is made of addresses as the processor sees them */
};

struct fdt_node {
    const char *name; /* NUL-terminated, unit address included */
    struct fdt_parent parent;
    struct fdt_value properties[FDT_PROPERTIES];
};

struct fdt_visitor {
    /* Called once for every node, parents first; what it returns, which is not 0, is `parent.word` for the node's children. */
    int (*node)(void *context, const struct fdt_node *node);
    /* Called for every entry of the memory reservation block. */
    void (*reserved)(void *context, uint64_t address, uint64_t size);
    void *context;
};

/* Larger trees are refused. */
#define FDT_LARGEST (2u * 1024u * 1024u)

/* Bytes of the tree's header, which must be readable. */
#define FDT_HEADER_SIZE 40u

/* The size that the tree at `fdt` says it has; 0 when there is no tree or it is larger than FDT_LARGEST. */
uint32_t layer_fdt_size(const void *fdt);

/* Walks the tree of at most `size` readable bytes. NULL when all is well, else what is wrong with it. */
const char *layer_fdt_walk(const void *fdt, uint32_t size, const struct fdt_visitor *visitor);

/* The number in the `index`th cell; 0 when there is no such cell. */
uint32_t layer_fdt_cell(struct fdt_value value, uint32_t index);

/* A number of `cells` cells, 0 to 2, from cell `at` on. */
uint64_t layer_fdt_number(struct fdt_value value, uint32_t at, uint32_t cells);

/* The `index`th address and size of a node; FDT_NO_RANGE when there is none, or one that wraps around. */
struct fdt_range layer_fdt_reg(const struct fdt_node *node, uint32_t index);

/* Whether a list of NUL-terminated strings holds `text`. */
bool layer_fdt_lists(struct fdt_value value, const char *text);

#endif
