/* Hypercalls, one scenario per run: the command line names it. Prints what the tender answered. */
#include "guest.h"

static u8 buffer[64 * 1024] __attribute__((aligned(4096)));
static const u8 constant[512] = {1};

void on_exception(u64 vector, u64 error, u64 address, u64 instruction);
void on_exception(u64 vector, u64 error, u64 address, u64 instruction) {
    (void)vector, (void)error, (void)address, (void)instruction;
}

static void fill(u8 *target, u64 size, u8 seed) {
    for (u64 i = 0; i < size; i++) target[i] = (u8)(seed + i);
}

static int32_t block(u32 number, u64 handle, u64 offset, void *data, u64 size) {
    volatile struct block_call call = {handle, offset, (u64)data, size, -1};
    hypercall(number, &call);
    return call.ret;
}

static void show_manifest(const struct manifest *manifest) {
    print_hex("entries", manifest->entries);
    for (u32 i = 0; i < manifest->entries; i++) {
        const struct entry *entry = &manifest->entry[i];
        print(entry->name);
        print_hex(" type", entry->type);
        print_hex(" attached", entry->attached);
        if (entry->type == 1) {
            print_hex(" capacity", entry->block.capacity);
            print_hex(" block_size", entry->block.block_size);
        }
        if (entry->type == 2) {
            print_hex(" mtu", entry->net.mtu);
            for (int j = 0; j < 6; j++) print_hex(" mac", entry->net.mac[j]);
        }
    }
}

/* Device 1 is written at many offsets and lengths, read back in other pieces, and compared with a copy in memory. */
static void block_round_trip(u64 capacity) {
    static u8 model[64 * 1024];
    if (capacity > sizeof model) capacity = sizeof model;
    fill(model, capacity, 3);
    print_hex("write", (u64)block(BLOCK_WRITE, 1, 0, model, capacity));
    static const struct {
        u64 offset, size;
    } pieces[] = {{0, 512}, {512, 1024}, {1, 1}, {511, 2}, {100, 5000}, {4096, 4096}, {1023, 513}, {7, 30000}, {0, 0}};
    for (u64 i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        u64 offset = pieces[i].offset, size = pieces[i].size;
        fill(model + offset, size, (u8)(40 * i));
        if (block(BLOCK_WRITE, 1, offset, model + offset, size) != 0) print("a write failed\n");
        for (u64 j = 0; j < sizeof pieces / sizeof *pieces; j++) {
            fill(buffer, sizeof buffer, 0);
            if (block(BLOCK_READ, 1, pieces[j].offset, buffer, pieces[j].size) != 0) print("a read failed\n");
            for (u64 k = 0; k < pieces[j].size; k++) {
                if (buffer[k] != model[pieces[j].offset + k]) print_hex("differs at", k), halt(1);
            }
            if (buffer[pieces[j].size] != (u8)pieces[j].size) print("read too much\n"), halt(1);
        }
    }
    print_hex("at end", (u64)block(BLOCK_READ, 1, capacity - 512, buffer, 512));
    print_hex("beyond end", (u64)block(BLOCK_READ, 1, capacity - 512, buffer, 513));
    print_hex("empty at end", (u64)block(BLOCK_READ, 1, capacity, buffer, 0));
    print_hex("huge size", (u64)block(BLOCK_READ, 1, 0, buffer, UINT64_MAX));
    print_hex("no device", (u64)block(BLOCK_READ, 9, 0, buffer, 512));
    print_hex("entry 0", (u64)block(BLOCK_READ, 0, 0, buffer, 512));
    print_hex("low bits", (u64)block(BLOCK_READ, 1ull << 32 | 1, 0, buffer, 512));
}

static u64 wall(void) {
    volatile u64 time = 0;
    hypercall(WALLTIME, &time);
    return time;
}

static struct poll_call poll(u64 timeout) {
    volatile struct poll_call call = {timeout, 99, 99};
    hypercall(POLL, &call);
    return (struct poll_call){call.timeout, call.ready_set, call.ret};
}

static u64 milliseconds(const struct boot_info *boot, u64 cycles) { return cycles / (boot->cpu_cycle_freq / 1000); }

static void sleep(const struct boot_info *boot) {
    u64 wall_before = wall(), before = read_tsc();
    struct poll_call answer = poll(300000000);
    u64 slept = milliseconds(boot, read_tsc() - before);
    u64 wall_slept = (wall() - wall_before) / 1000000;
    print_hex("ready_set", answer.ready_set);
    print_hex("ret", (u64)answer.ret);
    print_hex("slept", slept);
    print_hex("wall_slept", wall_slept);
    print_hex("wall", wall_before);
    before = read_tsc();
    poll(0);
    print_hex("no_wait", milliseconds(boot, read_tsc() - before));
}

/*
 * Sends every frame back, marked, on the device that it came from, until one says "bye". Before that, each device sends
 * a frame: what QEMU gets before a guest is ready may be lost.
 */
static void echo(u64 devices) {
    for (u64 handle = 1; handle <= devices; handle++) {
        volatile struct net_call call = {handle, (u64)buffer, 60, -1};
        hypercall(NET_WRITE, &call);
    }
    for (;;) {
        struct poll_call answer = poll(20000000000);
        if (answer.ready_set == 0) print("nothing came\n"), halt(1);
        for (u64 handle = 1; handle <= devices; handle++) {
            if (!(answer.ready_set >> handle & 1)) continue;
            volatile struct net_call call = {handle, (u64)buffer, 1514, -1};
            hypercall(NET_READ, &call);
            if (call.ret != 0) print("not ready after all\n"), halt(1);
            bool bye = call.len >= 17 && buffer[14] == 'b' && buffer[15] == 'y' && buffer[16] == 'e';
            buffer[13] = (u8)handle;
            hypercall(NET_WRITE, &call);
            if (bye) halt(0);
        }
    }
}

static void net_edges(void) {
    volatile struct net_call call = {1, (u64)buffer, 1514, -1};
    hypercall(NET_READ, &call);
    print_hex("nothing there", (u64)call.ret);
    call.handle = 7;
    hypercall(NET_READ, &call);
    print_hex("no device", (u64)call.ret);
    call.handle = 1, call.len = 4;
    print("short frame\n");
    hypercall(NET_WRITE, &call);
}

static bool keeps_vector_registers(void) {
    u64 before = 0x0123456789abcdef, after;
    __asm__ volatile("movq %0, %%xmm7" : : "r"(before) : "xmm7");
    wall();
    __asm__ volatile("movq %%xmm7, %0" : "=r"(after));
    return before == after;
}

static u64 number(const char *text) {
    u64 value = 0;
    for (; *text >= '0' && *text <= '9'; text++) value = value * 10 + (u64)(*text - '0');
    return value;
}

static bool starts_with(const char *text, const char *word) {
    while (*word != '\0') {
        if (*text++ != *word++) return false;
    }
    return true;
}

static void misuse(const char *call, const struct boot_info *boot) {
    u64 mem = boot->mem_size;
    u32 value = 0;
    if (equal(call, "in")) __asm__ volatile("inl %1, %0" : "=a"(value) : "d"((uint16_t)0x502));
    if (equal(call, "size-2")) __asm__ volatile("outw %w0, %1" : : "a"(value), "d"((uint16_t)0x502));
    if (equal(call, "port-600")) __asm__ volatile("outl %0, %1" : : "a"(value), "d"((uint16_t)0x600));
    if (equal(call, "serial")) __asm__ volatile("outb %b0, %1" : : "a"('X'), "d"((uint16_t)0x3f8));
    if (equal(call, "number-0")) hypercall_at(0, 0x200000);
    if (equal(call, "number-9")) hypercall_at(9, 0x200000);
    if (equal(call, "block-unattached")) hypercall(BLOCK_READ, buffer);
    if (equal(call, "net-unattached")) hypercall(NET_READ, buffer);
    if (equal(call, "end")) hypercall_at(WALLTIME, (u32)(mem - 8));
    if (equal(call, "text")) hypercall_at(WALLTIME, 0x100000);
    if (equal(call, "rodata")) hypercall(WALLTIME, (void *)constant);
    if (equal(call, "puts-overflow")) write_bytes((void *)0x200000, UINT64_MAX);
    if (equal(call, "puts-end")) write_bytes((void *)(mem - 4), 4);
    if (equal(call, "block-into-text")) block(BLOCK_READ, 1, 0, (void *)0x100000, 512);
    if (equal(call, "cookie")) {
        volatile u64 request[2] = {mem - 511, 0};
        hypercall(HALT, request);
    }
    print("survived\n");
}

void guest_main(const struct boot_info *boot);
void guest_main(const struct boot_info *boot) {
    const char *name = (const char *)boot->cmdline;
    const struct manifest *manifest = (const struct manifest *)boot->manifest;
    if (starts_with(name, "status=")) halt((int32_t)number(name + 7));
    if (starts_with(name, "misuse=")) misuse(name + 7, boot);
    if (equal(name, "negative")) halt(-3);
    if (equal(name, "manifest")) show_manifest(manifest);
    if (equal(name, "block")) block_round_trip(manifest->entry[1].block.capacity);
    if (equal(name, "sleep")) sleep(boot);
    if (equal(name, "echo")) echo(manifest->entries - 1);
    if (equal(name, "net-edges")) net_edges();
    if (equal(name, "vectors")) print(keeps_vector_registers() ? "kept\n" : "lost\n");
    if (equal(name, "spin")) {
        print("spinning\n");
        for (;;) __asm__ volatile("");
    }
    if (equal(name, "flood")) {
        fill(buffer, sizeof buffer, 0);
        for (int i = 0; i < 64; i++) write_bytes(buffer, sizeof buffer);
    }
    if (equal(name, "end-of-memory")) {
        /* The last byte that a range may hold is the last but one of memory. */
        u8 *last = (u8 *)(boot->mem_size - 5);
        last[0] = 'o', last[1] = 'k', last[2] = '!', last[3] = '\n';
        write_bytes(last, 4);
    }
    if (equal(name, "page-tables")) {
        /* The tender's flaw: an output pointer below 0x10000 is taken. */
        print_hex("ret", (u64)block(BLOCK_READ, 1, 0, (void *)0x9000, 512));
    }
    if (starts_with(name, "print ")) print(name);
    halt(0);
}
