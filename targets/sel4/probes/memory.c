/*
 * Single accesses to memory of every kind: reading, writing, executing.
 */
#include "probe.h"

const uint8_t code_in_rodata[] __attribute__((aligned(16))) = CODE;
static uint8_t code_in_data[] __attribute__((aligned(16))) = CODE;
static uint8_t code_in_bss[16] __attribute__((aligned(16)));
/* Not const: what is complete when the file is written and nobody writes afterwards, which is all that RELRO is about. */
uint8_t code_in_relro[] __attribute__((aligned(16), section(".data.rel.ro"))) = CODE;

/* The same where it may be executed. */
#define TEXT_OF(...) #__VA_ARGS__
#define BYTES_IN_TEXT(...) TEXT_OF(.byte __VA_ARGS__)
__asm__(".section .text.code_in_text, \"ax\"\n\t"
        ".balign 16\n\t"
        ".globl code_in_text\n"
        "code_in_text:\n\t" BYTES_IN_TEXT(CODE_BYTES) "\n\t"
        ".text");
extern const uint8_t code_in_text[];

static __attribute__((noinline, aligned(16))) void victim(void) { __asm__ volatile("nop; nop; nop; nop"); }

/* Past what the platform layer has taken of the heap. */
uintptr_t heap_page(void) { return (layer_boot->heap + layer_boot->heap_size / 2) & ~(uintptr_t)(PAGE - 1); }

void try_read(uintptr_t address) {
    tries(address, address);
    succeeded(*(volatile uint8_t *)hidden(address));
}

void try_write(uintptr_t address) {
    tries(address, address);
    volatile uint8_t *byte = (volatile uint8_t *)hidden(address);
    *byte = 0;
    succeeded(0);
}

void try_execute(uintptr_t address) {
    tries(address, address);
#if defined(__riscv)
    __asm__ volatile("fence.i" ::: "memory");
#endif
    int (*function)(void) = (int (*)(void))hidden(address);
    succeeded((unsigned)function());
}

static uintptr_t copied_code(uintptr_t to) {
    const volatile uint8_t *code = (const uint8_t *)hidden((uintptr_t)code_in_rodata);
    for (size_t i = 0; i < sizeof code_in_rodata; i++) ((volatile uint8_t *)to)[i] = code[i];
    return to;
}

static __attribute__((noinline)) void execute_stack(void) {
    uint8_t code[16] __attribute__((aligned(16)));
    try_execute(copied_code((uintptr_t)code));
}

/* The device tree's page, or on x86-64 what the kernel says instead of one. */
static uintptr_t extra(void) { return layer_boot->fdt != 0 ? layer_boot->fdt : (uintptr_t)sel4_info + PAGE; }

static bool reads(const char *name) {
    if (equal(name, "read-text")) return try_read((uintptr_t)victim), true;
    if (equal(name, "read-null")) return try_read(0), true;
    if (equal(name, "read-below-image")) return try_read((uintptr_t)sel4_image - 1), true;
    if (equal(name, "read-after-text")) return try_read((uintptr_t)sel4_text_end), true;
    if (equal(name, "read-after-rodata")) return try_read((uintptr_t)sel4_read_end), true;
    if (equal(name, "read-kernel")) return try_read(~(uintptr_t)0xfff), true;
    return false;
}

static bool writes(const char *name) {
    if (equal(name, "write-text")) return try_write((uintptr_t)victim), true;
    if (equal(name, "write-rodata")) return try_write((uintptr_t)code_in_rodata), true;
    if (equal(name, "write-relro")) return try_write((uintptr_t)code_in_relro), true;
    if (equal(name, "write-null")) return try_write(0), true;
    if (equal(name, "write-boot-block")) return try_write((uintptr_t)&layer_boot->hart), true;
    if (equal(name, "write-bootinfo")) return try_write((uintptr_t)sel4_info), true;
    if (equal(name, "write-device-tree")) return try_write(extra()), true;
    if (equal(name, "write-below-heap")) return try_write(layer_boot->heap - 1), true;
    if (equal(name, "write-above-heap")) return try_write(layer_boot->heap + layer_boot->heap_size), true;
    return false;
}

static bool executes(const char *name) {
    if (equal(name, "execute-text")) return try_execute((uintptr_t)code_in_text), true;
    if (equal(name, "execute-rodata")) return try_execute((uintptr_t)code_in_rodata), true;
    if (equal(name, "execute-relro")) return try_execute((uintptr_t)code_in_relro), true;
    if (equal(name, "execute-data")) return try_execute((uintptr_t)code_in_data), true;
    if (equal(name, "execute-bss")) return try_execute(copied_code((uintptr_t)code_in_bss)), true;
    if (equal(name, "execute-heap")) return try_execute(copied_code(heap_page())), true;
    if (equal(name, "execute-stack")) return execute_stack(), true;
    if (equal(name, "execute-null")) return try_execute(0), true;
    if (equal(name, "execute-ipc-buffer")) return try_execute(copied_code((uintptr_t)&sel4_buffer->words[16])), true;
    return false;
}

bool probe_memory(const char *name) { return reads(name) || writes(name) || executes(name); }
