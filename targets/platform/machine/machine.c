/*
 * From a device tree to the few facts that the layer needs.
 *
 * Nodes are known by what they are (`compatible`, `device_type`) and by their parent, never by a path that a board may
 * spell differently. A visitor's word says what kind of node a parent was. References between nodes are kept as they
 * are and resolved when the whole tree has been read, so the order of nodes does not matter.
 */
#include "machine.h"

enum { ABOVE_ROOT, OTHER, ROOT, CPUS, OUR_CPU, RESERVED_MEMORY };

/* Whether `name` is `word`, with or without a unit address. */
static bool is_named(const char *name, const char *word) {
    while (*word != '\0' && *name == *word) {
        name++;
        word++;
    }
    return *word == '\0' && (*name == '\0' || *name == '@');
}

static bool is_disabled(const struct fdt_node *node) {
    struct fdt_value status = node->properties[FDT_STATUS];
    return status.data != NULL && !layer_fdt_lists(status, "okay") && !layer_fdt_lists(status, "ok");
}

/* Adds a range to a list that has room for `most`. */
static void add_range(struct machine *machine, struct fdt_range *ranges, uint32_t *count, uint32_t most,
                      struct fdt_range range) {
    if (range.size == 0) return;
    if (*count == most) machine->overflow = true;
    else ranges[(*count)++] = range;
}

static void reserve(void *context, uint64_t address, uint64_t size) {
    struct machine *machine = context;
    if (size > UINT64_MAX - address) size = UINT64_MAX - address;
    add_range(machine, machine->reserved, &machine->reserved_count, MACHINE_RESERVED,
              (struct fdt_range){address, size});
}

static void add_virtio(struct machine *machine, const struct fdt_node *node) {
    struct fdt_range registers = layer_fdt_reg(node, 0);
    /* The registers that every device has, and some of its own. */
    if (registers.size < 0x120 || machine->virtio_count == MACHINE_VIRTIO) return;
    struct machine_device *at = &machine->virtio[machine->virtio_count++];
    for (; at > machine->virtio && at[-1].registers.address > registers.address; at--) *at = at[-1];
    at->registers = registers;
    at->interrupts = node->properties[FDT_INTERRUPTS];
}

static void add_imsic(struct machine *machine, const struct fdt_node *node) {
    if (machine->imsic_count == MACHINE_AIA) return;
    struct machine_imsic *imsic = &machine->imsics[machine->imsic_count++];
    imsic->phandle = layer_fdt_cell(node->properties[FDT_PHANDLE], 0);
    imsic->harts = node->properties[FDT_INTERRUPTS_EXTENDED];
}

static void add_aplic(struct machine *machine, const struct fdt_node *node) {
    if (machine->aplic_count == MACHINE_AIA) return;
    struct machine_aplic *aplic = &machine->aplics[machine->aplic_count++];
    aplic->msi_parent = layer_fdt_cell(node->properties[FDT_MSI_PARENT], 0);
    aplic->registers = layer_fdt_reg(node, 0);
}

static void add_plic(struct machine *machine, const struct fdt_node *node) {
    if (machine->plic.size != 0) return;
    machine->plic = layer_fdt_reg(node, 0);
    machine->plic_contexts = node->properties[FDT_INTERRUPTS_EXTENDED];
}

static void add_place(struct machine *machine, enum machine_place place, const struct fdt_node *node) {
    struct machine_device *device = &machine->places[place];
    if (device->registers.size != 0) return;
    device->registers = layer_fdt_reg(node, 0);
    device->interrupts = node->properties[FDT_INTERRUPTS];
}

/* What devices may be compatible with: first those of enum machine_place. */
enum { ADD_VIRTIO = MACHINE_PLACES, ADD_IMSIC, ADD_APLIC, ADD_PLIC, ADD_SIFIVE_PLIC, COMPATIBLE };
static const char compatible[COMPATIBLE][20] = {
    "google,goldfish-rtc", "arm,pl031", "ns16550a", "sifive,uart0", "arm,pl011", "sifive,test0",
    "virtio,mmio", "riscv,imsics", "riscv,aplic", "riscv,plic0", "sifive,plic-1.0.0",
};

static void visit_device(struct machine *machine, const struct fdt_node *node) {
    if (!node->parent.addressable || is_disabled(node)) return;
    unsigned i = 0;
    while (i < COMPATIBLE && !layer_fdt_lists(node->properties[FDT_COMPATIBLE], compatible[i])) i++;
    switch (i) {
    case ADD_VIRTIO: add_virtio(machine, node); break;
    case ADD_IMSIC: add_imsic(machine, node); break;
    case ADD_APLIC: add_aplic(machine, node); break;
    case ADD_PLIC:
    case ADD_SIFIVE_PLIC: add_plic(machine, node); break;
    case COMPATIBLE: break;
    default: add_place(machine, i, node);
    }
}

/* One cell or two. */
static void take_timebase(struct machine *machine, const struct fdt_node *node) {
    struct fdt_value value = node->properties[FDT_TIMEBASE_FREQUENCY];
    if (value.size == 4 || value.size == 8) machine->timebase_frequency = layer_fdt_number(value, 0, value.size / 4);
}

static int visit_cpu(struct machine *machine, const struct fdt_node *node) {
    if (!is_named(node->name, "cpu") || layer_fdt_reg(node, 0).address != machine->hart) return OTHER;
    take_timebase(machine, node);
    return OUR_CPU;
}

static int visit_top(struct machine *machine, const struct fdt_node *node) {
    if (is_named(node->name, "cpus")) {
        take_timebase(machine, node);
        return CPUS;
    }
    if (is_named(node->name, "reserved-memory")) return RESERVED_MEMORY;
    if (is_named(node->name, "chosen")) {
        machine->bootargs = node->properties[FDT_BOOTARGS];
        machine->rng_seed = node->properties[FDT_RNG_SEED];
    } else if (layer_fdt_lists(node->properties[FDT_DEVICE_TYPE], "memory") && !is_disabled(node)) {
        struct fdt_range range;
        for (uint32_t i = 0; (range = layer_fdt_reg(node, i)).address != FDT_NO_RANGE; i++)
            add_range(machine, machine->memory, &machine->memory_count, MACHINE_MEMORY, range);
    } else visit_device(machine, node);
    return OTHER;
}

static int visit(void *context, const struct fdt_node *node) {
    struct machine *machine = context;
    struct fdt_range range;
    switch (node->parent.word) {
    case ABOVE_ROOT: return ROOT;
    case ROOT: return visit_top(machine, node);
    case CPUS: return visit_cpu(machine, node);
    case OUR_CPU:
        if (is_named(node->name, "interrupt-controller"))
            machine->hart_phandle = layer_fdt_cell(node->properties[FDT_PHANDLE], 0);
        return OTHER;
    case RESERVED_MEMORY:
        for (uint32_t i = 0; (range = layer_fdt_reg(node, i)).address != FDT_NO_RANGE; i++)
            reserve(machine, range.address, range.size);
        return OTHER;
    }
    visit_device(machine, node);
    return OTHER;
}

const char *layer_machine_read(struct machine *machine, const void *fdt, uint32_t size, uint64_t hart) {
    *machine = (struct machine){.hart = hart};
    const struct fdt_visitor visitor = {.context = machine, .node = visit, .reserved = reserve};
    const char *wrong = layer_fdt_walk(fdt, size, &visitor);
    if (wrong != NULL) return wrong;
    if (machine->overflow) return "it has more memory ranges than there is room for";
    struct fdt_value bootargs = machine->bootargs;
    if (bootargs.size > 0 && bootargs.data[bootargs.size - 1] != 0) return "its bootargs have no end";
    return NULL;
}
