/*
 * machine.c and fdt.c on this machine: reads trees from standard input, each a 32-bit length and its bytes, and prints one
 * line for each. A tree lies in memory of exactly its size, so that a sanitizer sees every byte that is read beyond it.
 */
#include <stdio.h>
#include <stdlib.h>

#include "machine.h"

static void print_range(const char *name, struct fdt_range range) {
    printf(" %s=%llx+%llx", name, (unsigned long long)range.address, (unsigned long long)range.size);
}

/* Reads every byte that a value claims to have: it must lie in the tree. */
static unsigned touch(struct fdt_value value) {
    unsigned sum = 0;
    for (uint32_t i = 0; i < value.size; i++) sum += value.data[i];
    return sum;
}

/* In the order of enum machine_place. */
static const char *const places[MACHINE_PLACES] = {"rtc", "pl031", "ns16550a", "sifive-uart", "pl011", "test"};

static void print_interrupts(struct fdt_value cells) {
    for (uint32_t i = 0; i < cells.size / 4; i++) printf("%c%u", i == 0 ? '!' : ',', layer_fdt_cell(cells, i));
}

static void report(const struct machine *machine) {
    printf("ok timebase=%llu", (unsigned long long)machine->timebase_frequency);
    for (uint32_t i = 0; i < machine->memory_count; i++) print_range("memory", machine->memory[i]);
    for (uint32_t i = 0; i < machine->reserved_count; i++) print_range("reserved", machine->reserved[i]);
    for (uint32_t i = 0; i < machine->virtio_count; i++) {
        print_range("virtio", machine->virtio[i].registers);
        print_interrupts(machine->virtio[i].interrupts);
        if (i > 0 && machine->virtio[i].registers.address < machine->virtio[i - 1].registers.address) abort();
    }
    for (unsigned i = 0; i < MACHINE_PLACES; i++) {
        if (machine->places[i].registers.size == 0) continue;
        print_range(places[i], machine->places[i].registers);
        print_interrupts(machine->places[i].interrupts);
    }
    if (machine->plic.size > 0) print_range("plic", machine->plic);
    printf(" hart_phandle=%u seed=%u bootargs=%.*s", machine->hart_phandle, machine->rng_seed.size,
           (int)machine->bootargs.size, machine->bootargs.data == NULL ? "" : (const char *)machine->bootargs.data);
    if (touch(machine->plic_contexts) + touch(machine->bootargs) + touch(machine->rng_seed) == 1) printf(" ");
}

int main(void) {
    uint32_t size;
    while (fread(&size, sizeof size, 1, stdin) == 1) {
        uint8_t *exact = malloc(size == 0 ? 1 : size);
        struct machine machine;
        if (size > 0 && fread(exact, 1, size, stdin) != size) return 2;
        /* malloc aligns to 16, and the sanitizer guards the very next byte. */
        const char *wrong = layer_machine_read(&machine, exact, size, 0);
        if (wrong == NULL) report(&machine);
        else printf("%s", wrong);
        printf("\n");
        free(exact);
    }
    return 0;
}
