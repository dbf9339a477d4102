/*
 * Runs a piece of machine code in this process with given registers and memory, and says what became of them.
 *
 * Standard input, 64-bit little-endian words: the number of runs; for each the number of mappings, each an address, a
 * size and its bytes (whole pages, at most 64), then 16 registers in the processor's own order, then the address to
 * start at. The code ends at the first UD2. Standard output for each run: 16 registers, the address of that UD2, and
 * every mapping's bytes. A fault ends the process.
 */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                              REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static uint64_t registers[17];
static volatile int running;
static sigjmp_buf end;

static void on_ud2(int signal, siginfo_t *info, void *opaque) {
    greg_t *machine = ((ucontext_t *)opaque)->uc_mcontext.gregs;
    (void)signal, (void)info;
    if (!running) {
        running = 1;
        for (int i = 0; i < 16; i++) machine[order[i]] = (greg_t)registers[i];
        machine[REG_RIP] = (greg_t)registers[16];
        return;
    }
    for (int i = 0; i < 16; i++) registers[i] = (uint64_t)machine[order[i]];
    registers[16] = (uint64_t)machine[REG_RIP];
    siglongjmp(end, 1);
}

static void get(void *to, size_t size) {
    if (fread(to, 1, size, stdin) != size) exit(2);
}

static void put(const void *from, size_t size) {
    if (fwrite(from, 1, size, stdout) != size) exit(2);
}

static uint64_t word(void) {
    uint64_t value;
    get(&value, sizeof value);
    return value;
}

int main(void) {
    static uint8_t stack[65536];
    stack_t alternative = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = on_ud2, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaltstack(&alternative, NULL);
    sigaction(SIGILL, &action, NULL);
    for (uint64_t runs = word(); runs > 0; runs--) {
        struct {
            uint8_t *at;
            uint64_t size;
        } maps[64];
        uint64_t count = word();
        if (count > 64) exit(2);
        for (uint64_t i = 0; i < count; i++) {
            maps[i].at = (uint8_t *)word();
            maps[i].size = word();
            void *made = mmap(maps[i].at, maps[i].size, PROT_READ | PROT_WRITE | PROT_EXEC,
                              MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
            if (made != maps[i].at) exit(3);
            get(maps[i].at, maps[i].size);
        }
        get(registers, sizeof registers);
        running = 0;
        if (sigsetjmp(end, 1) == 0) __asm__ volatile("ud2");
        put(registers, sizeof registers);
        for (uint64_t i = 0; i < count; i++) {
            put(maps[i].at, maps[i].size);
            munmap(maps[i].at, maps[i].size);
        }
    }
    return 0;
}
