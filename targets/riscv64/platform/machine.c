/*
 * From a device tree to the few facts that the layer needs.
 *
 * Nodes are known by what they are (`compatible`, `device_type`) and by their parent, never by a path that a board may
 * spell differently. A visitor's word says what kind of node a parent was. References between nodes are kept as they
 * are and resolved when the whole tree has been read, so the order of nodes does not matter.
 */
#include "machine.h"

enum { OTHER, ROOT, CPUS, OUR_CPU, RESERVED_MEMORY };

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
    return status.data != NULL && !rv_fdt_lists(status, "okay") && !rv_fdt_lists(status, "ok");
}

static void add_range(struct machine *machine, struct machine_range *ranges, uint32_t *count, uint32_t most,
                      uint64_t address, uint64_t size) {
    if (size == 0) return;
    if (*count == most) machine->overflow = true;
    else ranges[(*count)++] = (struct machine_range){address, size};
}

static void reserve(void *context, uint64_t address, uint64_t size) {
    struct machine *machine = context;
    if (size > UINT64_MAX - address) size = UINT64_MAX - address;
    add_range(machine, machine->reserved, &machine->reserved_count, MACHINE_RESERVED, address, size);
}

static void add_virtio(struct machine *machine, const struct fdt_node *node) {
    struct machine_virtio device = {.interrupt = rv_fdt_cell(node->properties[FDT_INTERRUPTS], 0)};
    /* The registers that every device has, and some of its own. */
    if (!rv_fdt_reg(node, 0, &device.address, &device.size) || device.size < 0x120) return;
    if (machine->virtio_count == MACHINE_VIRTIO) return;
    uint32_t at = machine->virtio_count++;
    for (; at > 0 && machine->virtio[at - 1].address > device.address; at--)
        machine->virtio[at] = machine->virtio[at - 1];
    machine->virtio[at] = device;
}

static void take_range(const struct fdt_node *node, struct machine_range *range) {
    struct machine_range found;
    if (range->size == 0 && rv_fdt_reg(node, 0, &found.address, &found.size)) *range = found;
}

static void add_imsic(struct machine *machine, const struct fdt_node *node) {
    if (machine->imsic_count == MACHINE_AIA) return;
    machine->imsics[machine->imsic_count++] = (struct machine_imsic){
        .phandle = rv_fdt_cell(node->properties[FDT_PHANDLE], 0), .harts = node->properties[FDT_INTERRUPTS_EXTENDED]};
}

static void add_aplic(struct machine *machine, const struct fdt_node *node) {
    struct machine_aplic aplic = {.msi_parent = rv_fdt_cell(node->properties[FDT_MSI_PARENT], 0)};
    take_range(node, &aplic.registers);
    if (machine->aplic_count < MACHINE_AIA) machine->aplics[machine->aplic_count++] = aplic;
}

static void visit_device(struct machine *machine, const struct fdt_node *node) {
    struct fdt_value compatible = node->properties[FDT_COMPATIBLE];
    if (!node->addressable || is_disabled(node)) return;
    if (rv_fdt_lists(compatible, "virtio,mmio")) add_virtio(machine, node);
    else if (rv_fdt_lists(compatible, "google,goldfish-rtc")) take_range(node, &machine->rtc);
    else if (rv_fdt_lists(compatible, "riscv,imsics")) add_imsic(machine, node);
    else if (rv_fdt_lists(compatible, "riscv,aplic")) add_aplic(machine, node);
    else if (rv_fdt_lists(compatible, "riscv,plic0") || rv_fdt_lists(compatible, "sifive,plic-1.0.0")) {
        if (machine->plic.size != 0) return;
        take_range(node, &machine->plic);
        machine->plic_contexts = node->properties[FDT_INTERRUPTS_EXTENDED];
    }
}

/* One cell or two. */
static void take_timebase(struct machine *machine, const struct fdt_node *node) {
    struct fdt_value value = node->properties[FDT_TIMEBASE_FREQUENCY];
    if (value.size == 4) machine->timebase_frequency = rv_fdt_cell(value, 0);
    if (value.size == 8) machine->timebase_frequency = (uint64_t)rv_fdt_cell(value, 0) << 32 | rv_fdt_cell(value, 1);
}

static int visit_cpu(struct machine *machine, const struct fdt_node *node) {
    uint64_t hart, size;
    if (!is_named(node->name, "cpu") || !rv_fdt_reg(node, 0, &hart, &size) || hart != machine->hart) return OTHER;
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
    } else if (rv_fdt_lists(node->properties[FDT_DEVICE_TYPE], "memory") && !is_disabled(node)) {
        uint64_t address, size;
        for (uint32_t i = 0; rv_fdt_reg(node, i, &address, &size); i++)
            add_range(machine, machine->memory, &machine->memory_count, MACHINE_MEMORY, address, size);
    } else visit_device(machine, node);
    return OTHER;
}

static int visit(void *context, const struct fdt_node *node) {
    struct machine *machine = context;
    uint64_t address, size;
    if (node->depth == 0) return ROOT;
    switch (node->parent) {
    case ROOT: return visit_top(machine, node);
    case CPUS: return visit_cpu(machine, node);
    case OUR_CPU:
        if (is_named(node->name, "interrupt-controller"))
            machine->hart_phandle = rv_fdt_cell(node->properties[FDT_PHANDLE], 0);
        return OTHER;
    case RESERVED_MEMORY:
        for (uint32_t i = 0; rv_fdt_reg(node, i, &address, &size); i++) reserve(machine, address, size);
        return OTHER;
    }
    visit_device(machine, node);
    return OTHER;
}

const char *rv_machine_read(struct machine *machine, const void *fdt, uint32_t size, uint64_t hart) {
    *machine = (struct machine){.hart = hart};
    const struct fdt_visitor visitor = {.node = visit, .reserved = reserve, .context = machine};
    const char *wrong = rv_fdt_walk(fdt, size, &visitor);
    if (wrong != NULL) return wrong;
    if (machine->overflow) return "it has more memory ranges than there is room for";
    struct fdt_value bootargs = machine->bootargs;
    if (bootargs.size > 0 && bootargs.data[bootargs.size - 1] != 0) return "its bootargs have no end";
    return NULL;
}
