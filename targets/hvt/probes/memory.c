/*
 * Single accesses to memory of every kind: reading, writing, executing, and letting the tender write.
 */
#include "probe.h"

const uint8_t code_in_rodata[] __attribute__((aligned(16))) = CODE;
uint8_t code_in_data[] __attribute__((aligned(16))) = CODE;
static uint8_t code_in_bss[16] __attribute__((aligned(16)));
/* Not const: what start-up code writes and nobody afterwards, which is all that RELRO is about. */
uint8_t code_in_relro[] __attribute__((aligned(16), section(".data.rel.ro"))) = CODE;

static __attribute__((noinline, aligned(16))) void victim(void) { __asm__ volatile("nop; nop; nop; nop"); }

uintptr_t text_address(void) { return hidden((uintptr_t)victim); }

void try_read(uintptr_t address) {
    tries(address, address);
    succeeded(*(volatile uint8_t *)hidden(address));
}

/* A plain store: anything that reads as well would be stopped for reading. */
void try_write(uintptr_t address) {
    tries(address, address);
    *(volatile uint8_t *)hidden(address) = 0xc3;
    succeeded(0);
}

void try_execute(uintptr_t address) {
    tries(address, address);
    int (*function)(void) = (int (*)(void))hidden(address);
    succeeded((unsigned)function());
}

static uintptr_t copied_code(uint8_t *to) {
    const uint8_t *code = (const uint8_t *)hidden((uintptr_t)code_in_rodata);
    for (size_t i = 0; i < sizeof code_in_rodata; i++) to[i] = code[i];
    return (uintptr_t)to;
}

static void execute_stack(void) {
    uint8_t code[16] __attribute__((aligned(16)));
    try_execute(copied_code(code));
}

/* The physical address of the root page table; on this target also the virtual one, where it is mapped. */
static uintptr_t page_tables(void) {
    uintptr_t root;
    __asm__("mov %%cr3, %0" : "=r"(root));
    return root & ~(uintptr_t)(PAGE - 1);
}

/* A WALLTIME hypercall whose answer the tender is to write over `address`, past every page table of ours. */
static void try_host_write(uintptr_t address) {
    tries(address, address);
    __asm__ volatile("outl %0, %1" : : "a"((uint32_t)address), "d"((uint16_t)0x501) : "memory");
    succeeded(0);
}

/*
 * Looks for anything that is not zero from `address` on, past what the platform layer may have put there since: the
 * first thread's block.
 */
static void find_remains(uintptr_t address) {
    uintptr_t from = (address + solo5_tls_size() + 64) & ~(uintptr_t)7;
    uintptr_t end = address + 2 * PAGE;
    tries(from, end - 1);
    for (; from < end; from += 8) {
        uint64_t word = *(volatile uint64_t *)hidden(from);
        if (word != 0) return succeeded(word);
    }
    nothing_found();
}

static bool reads(const char *name, uintptr_t argument) {
    if (equal(name, "read-text")) return try_read(text_address()), true;
    if (equal(name, "read-null")) return try_read(0), true;
    if (equal(name, "read-boot-info")) return try_read(0x10000), true;
    if (equal(name, "read-low-tables")) return try_read(0x2000), true;
    if (equal(name, "read-page-tables")) return try_read(page_tables()), true;
    /* Where the start-up stub puts the last instructions it runs: the second page below its tables. */
    if (equal(name, "read-veneer")) return try_read(page_tables() - 2 * PAGE), true;
    if (equal(name, "read-stub")) return find_remains(argument), true;
    return false;
}

static bool writes(const char *name, uintptr_t argument) {
    if (equal(name, "write-text")) return try_write(text_address()), true;
    if (equal(name, "write-rodata")) return try_write((uintptr_t)code_in_rodata), true;
    if (equal(name, "write-relro")) return try_write((uintptr_t)code_in_relro), true;
    if (equal(name, "write-null")) return try_write(0), true;
    if (equal(name, "write-boot-info")) return try_write(0x10000), true;
    if (equal(name, "write-page-tables")) return try_write(page_tables()), true;
    if (equal(name, "write-veneer")) return try_write(page_tables() - 2 * PAGE), true;
    if (equal(name, "host-write-text")) return try_host_write(text_address()), true;
    /* The last entry of the root: never looked at, so the guest survives what the tender writes there. */
    if (equal(name, "host-write-page-tables")) return try_host_write(page_tables() + PAGE - 8), true;
    if (equal(name, "host-write-rodata")) return try_host_write((uintptr_t)code_in_rodata), true;
    return false;
}

bool probe_memory(const char *name, uintptr_t argument, const char *text) {
    if (reads(name, argument) || writes(name, argument)) return true;
    if (equal(name, "execute-rodata")) return try_execute((uintptr_t)code_in_rodata), true;
    if (equal(name, "execute-relro")) return try_execute((uintptr_t)code_in_relro), true;
    if (equal(name, "execute-data")) return try_execute((uintptr_t)code_in_data), true;
    if (equal(name, "execute-bss")) return try_execute(copied_code(code_in_bss)), true;
    if (equal(name, "execute-heap")) return try_execute(copied_code((uint8_t *)heap_start)), true;
    if (equal(name, "execute-stack")) return execute_stack(), true;
    if (equal(name, "execute-null")) return try_execute(0), true;
    /* The command line itself is the code; it lies in the pages of boot_info. */
    if (equal(name, "execute-boot-info")) return try_execute((uintptr_t)text), true;
    if (equal(name, "execute-stub")) return try_execute(argument), true;
    return false;
}
