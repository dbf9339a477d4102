/*
 * Probes of what is enforced: the command line names one. It prints what it found; a fault that the guest itself
 * catches is printed too. Halts with 0 whenever it ends by itself.
 */
#include "guest.h"

enum { P = 1, W = 2, U = 4, LARGE = 0x80 };
#define NX (1ull << 63)
#define KEY(n) ((u64)(n) << 59)

extern char exception_entries[];

/* A function's bytes as data: mov $42, %eax; ret. */
static const u8 code_in_rodata[] = {0xb8, 42, 0, 0, 0, 0xc3};
#ifdef BIG_CONSTANT
/* Read-only pages over several large ones, beginning and ending inside one. */
__attribute__((used)) static const u8 big[BIG_CONSTANT] = {1};
#endif
static u8 code_in_data[] = {0xb8, 42, 0, 0, 0, 0xc3};

void on_exception(u64 vector, u64 error, u64 address, u64 instruction);
void on_exception(u64 vector, u64 error, u64 address, u64 instruction) {
    (void)instruction;
    print_hex("exception", vector);
    print_hex("error", error);
    print_hex("address", address);
    halt(0);
}

static void catch_exceptions(void) {
    /* The tender's GDT is not mapped, and an exception loads CS from it. */
    static const u64 descriptors[] = {0, 0x00af9b000000ffff, 0x00cf93000000ffff};
    static struct {
        uint16_t low, selector;
        u8 stack, type;
        uint16_t middle;
        u32 high, reserved;
    } gates[32] __attribute__((aligned(16)));
    for (u64 i = 0; i < 32; i++) {
        u64 entry = (u64)exception_entries + 16 * i;
        gates[i].low = (uint16_t)entry;
        gates[i].selector = 8;
        gates[i].type = 0x8e;
        gates[i].middle = (uint16_t)(entry >> 16);
    }
    struct {
        uint16_t limit;
        u64 base;
    } __attribute__((packed)) table = {sizeof gates - 1, (u64)gates};
    __asm__ volatile("lidt %0" : : "m"(table));
    table.limit = sizeof descriptors - 1;
    table.base = (u64)descriptors;
    __asm__ volatile("lgdt %0" : : "m"(table));
}

static u64 cr4(void) {
    u64 value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}

static void set_cr4(u64 value) { __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory"); }

/*
 * The guest's own page tables for its first 2 MiB, in the same way a hardened guest has them: text as `text_bits` say,
 * all else no-execute and read-only where the image says so.
 */
static void install_tables(u64 text_bits) {
    extern char _end[];
    static u64 tables[4][512] __attribute__((aligned(4096)));
    const u64 rodata = (u64)code_in_rodata & ~0xfffull, data = (u64)code_in_data & ~0xfffull;
    for (u64 i = 16; i < 512; i++) {
        u64 page = i * 4096;
        if (page < 0x100000) tables[3][i] = page | P | NX;
        else if (page < rodata) tables[3][i] = page | text_bits;
        else if (page < data) tables[3][i] = page | P | NX;
        else tables[3][i] = page | P | W | NX;
    }
    tables[0][0] = (u64)tables[1] | P | W | U;
    tables[1][0] = (u64)tables[2] | P | W | U;
    tables[2][0] = (u64)tables[3] | P | W | U;
    /* The stack, at the end of memory. */
    for (u64 i = 1; i < 512; i++) tables[2][i] = i << 21 | P | W | LARGE | NX;
    write_msr(0xc0000080, read_msr(0xc0000080) | 1 << 11);
    __asm__ volatile("mov %0, %%cr3" : : "r"(tables[0]) : "memory");
}

static void call(const void *code) {
    int (*function)(void) = (int (*)(void))code;
    print_hex("returned", (u64)function());
}

static void write_byte(const void *address) {
    *(volatile u8 *)address = 0x90;
    print("written\n");
}

static void read_byte(u64 address) {
    __asm__ volatile("" : "+r"(address));
    print_hex("read", *(volatile u8 *)address);
}

static void protected(const char *probe) {
    if (equal(probe, "nx-execute-data")) install_tables(P), call(code_in_data);
    if (equal(probe, "nx-execute-rodata")) install_tables(P), call(code_in_rodata);
    if (equal(probe, "nx-write-text")) install_tables(P), write_byte((void *)0x100000);
    if (equal(probe, "nx-write-rodata")) install_tables(P), write_byte(code_in_rodata);
    if (equal(probe, "nx-read-text")) install_tables(P), read_byte(0x100000);
    if (equal(probe, "smap-read-text")) {
        install_tables(P | U);
        set_cr4(cr4() | 1 << 21);
        print("text still runs\n");
        read_byte(0x100000);
    }
    if (equal(probe, "pku-read-text")) {
        install_tables(P | U | KEY(1));
        set_cr4(cr4() | 1 << 22);
        __asm__ volatile("wrpkru" : : "a"(1 << 2), "c"(0), "d"(0));
        print("text still runs\n");
        read_byte(0x100000);
    }
}

static u64 entry_of(u64 address) { return *(volatile u64 *)address; }

/* Maps the tender's tables, which the guest cannot see, at 2 MiB, by a table of its own. */
static void show_tables(void) {
    static u64 window[512] __attribute__((aligned(4096)));
    static u64 directory[512] __attribute__((aligned(4096))), directories[512] __attribute__((aligned(4096)));
    static u64 root[512] __attribute__((aligned(4096)));
    for (u64 i = 0; i < 512; i++) window[i] = i << 12 | P | W;
    directory[0] = directory[1] = (u64)window | P | W;
    for (u64 i = 2; i < 512; i++) directory[i] = i << 21 | P | W | LARGE;
    directories[0] = (u64)directory | P | W;
    root[0] = (u64)directories | P | W;
    __asm__ volatile("mov %0, %%cr3" : : "r"(root) : "memory");
    const u64 base = 1 << 21;
    print_hex("gdt0", entry_of(base + 0x1000));
    print_hex("gdt1", entry_of(base + 0x1008));
    print_hex("gdt2", entry_of(base + 0x1010));
    print_hex("pml4", entry_of(base + 0x2000));
    print_hex("pdpt0", entry_of(base + 0x3000));
    print_hex("pdpt3", entry_of(base + 0x3018));
    print_hex("pd0", entry_of(base + 0x4000));
    print_hex("pd1", entry_of(base + 0x4008));
    print_hex("pd31", entry_of(base + 0x4000 + 31 * 8));
    print_hex("pd32", entry_of(base + 0x4000 + 32 * 8));
    print_hex("pt15", entry_of(base + 0x8000 + 15 * 8));
    print_hex("pt16", entry_of(base + 0x8000 + 16 * 8));
    print_hex("pt255", entry_of(base + 0x8000 + 255 * 8));
    print_hex("pt256", entry_of(base + 0x8000 + 256 * 8));
}

static void show_entry_state(const struct boot_info *boot) {
    static const char *const names[] = {"rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rbp", "rsp",   "r8",
                                        "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rflags"};
    for (u64 i = 0; i < sizeof names / sizeof *names; i++) print_hex(names[i], entry_registers[i]);
    u64 value;
    __asm__("mov %%cr0, %0" : "=r"(value));
    print_hex("cr0", value);
    __asm__("mov %%cr3, %0" : "=r"(value));
    print_hex("cr3", value);
    print_hex("cr4", cr4());
    print_hex("efer", read_msr(0xc0000080));
    uint16_t selector;
    __asm__("mov %%cs, %0" : "=r"(selector));
    print_hex("cs", selector);
    __asm__("mov %%ss, %0" : "=r"(selector));
    print_hex("ss", selector);
    __asm__("str %0" : "=r"(selector));
    print_hex("tr", selector);
    struct {
        uint16_t limit;
        u64 base;
    } __attribute__((packed)) table;
    __asm__("sgdt %0" : "=m"(table));
    print_hex("gdtlimit", table.limit);
    print_hex("gdtbase", table.base);
    __asm__("sidt %0" : "=m"(table));
    print_hex("idtlimit", table.limit);
    print_hex("mem_size", boot->mem_size);
    print_hex("kernel_end", boot->kernel_end);
    print_hex("manifest", boot->manifest);
    print_hex("cmdline", boot->cmdline);
    print_hex("host_features", boot->host_features);
    print_hex("net_ring", boot->net_ring);
    show_tables();
}

/* 10000 exits; then it waits to be looked at. */
static void many_hypercalls(void) {
    volatile u64 time;
    for (int i = 0; i < 10000; i++) hypercall(WALLTIME, &time);
    print("done\n");
    volatile struct poll_call poll = {.timeout = 60000000000};
    hypercall(POLL, &poll);
}

static u64 hexadecimal(const char *text) {
    u64 value = 0;
    for (; *text != '\0'; text++) value = value << 4 | (u64)(*text <= '9' ? *text - '0' : *text - 'a' + 10);
    return value;
}

static void stock(const char *probe) {
    if (probe[0] == '@') write_byte((void *)hexadecimal(probe + 1));
    if (equal(probe, "read-text")) read_byte(0x100000);
    if (equal(probe, "execute-data")) call(code_in_data);
    if (equal(probe, "execute-rodata")) call(code_in_rodata);
    if (equal(probe, "write-text")) write_byte((void *)0x100000);
    if (equal(probe, "write-rodata")) write_byte(code_in_rodata);
    if (equal(probe, "read-null")) read_byte(0);
    if (equal(probe, "write-boot-info")) write_byte((void *)0x10000);
    if (equal(probe, "read-outside")) read_byte(0xf0000000);
    if (equal(probe, "hlt")) __asm__ volatile("hlt");
    if (equal(probe, "triple-fault")) __asm__ volatile("lidt %0; ud2" : : "m"(*(const u8(*)[10])code_in_rodata));
    if (equal(probe, "vmrun")) __asm__ volatile("vmrun %%rax" : : "a"(0x200000));
    if (equal(probe, "apic-msr")) print_hex("apic", read_msr(0x1b));
    if (equal(probe, "efer-svme")) write_msr(0xc0000080, read_msr(0xc0000080) | 1 << 12);
    if (equal(probe, "efer-prefixed")) {
        u32 low, high;
        __asm__ volatile(".byte 0x66, 0x48, 0x0f, 0x32" : "=a"(low), "=d"(high) : "c"(0xc0000080));
        print_hex("efer", low);
    }
    if (equal(probe, "hypercalls")) many_hypercalls();
    if (equal(probe, "smap-hypercalls")) set_cr4(cr4() | 1 << 21), many_hypercalls();
    if (equal(probe, "mwait")) {
        __asm__ volatile("monitor; mwait" : : "a"(code_in_data), "c"(0), "d"(0));
        print("went on\n");
    }
}

void guest_main(const struct boot_info *boot);
void guest_main(const struct boot_info *boot) {
    const char *probe = (const char *)boot->cmdline;
    if (equal(probe, "entry-state")) show_entry_state(boot), halt(0);
    if (equal(probe, "null-without-handlers")) read_byte(0), halt(0);
    catch_exceptions();
    stock(probe);
    protected(probe);
    halt(0);
}
