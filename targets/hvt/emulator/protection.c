/*
 * W^X for ourselves: the emulator reads files of strangers. The program lies below 4 MiB and gets small pages; all
 * other memory, the guest's included, stays in large pages that are writable and never executable. The page under the
 * stack is absent, and so is the first page, so that a NULL pointer faults.
 */
#include "protection.h"

#include "base.h"
#include "memory.h"
#include "report.h"

enum { PRESENT = 1, WRITABLE = 2, ENTRIES = 512 };
#define NO_EXECUTE (1ul << 63)
#define PROGRAM_LIMIT (4 * MIB)

extern u64 boot_directories[];
extern char stack_guard[];
/* From the linker. */
extern char text_start[], text_end[], constants_end[], emulator_end[];

static u64 bits_of(u64 page) {
    if (page == 0 || page == (u64)stack_guard) return 0;
    if (page >= (u64)text_start && page < (u64)text_end) return PRESENT;
    if (page >= (u64)text_end && page < (u64)constants_end) return PRESENT | NO_EXECUTE;
    return PRESENT | WRITABLE | NO_EXECUTE;
}

void protect_emulator(void) {
    static u64 tables[PROGRAM_LIMIT / LARGE_PAGE][ENTRIES] __attribute__((aligned(PAGE)));
    if ((u64)emulator_end > PROGRAM_LIMIT) broken("the emulator's program ends at %lx", (u64)emulator_end);
    for (u64 i = 0; i < COUNT_OF(tables); i++) {
        for (u64 j = 0; j < ENTRIES; j++) {
            u64 page = i * LARGE_PAGE + j * PAGE;
            tables[i][j] = page | bits_of(page);
        }
        boot_directories[i] = (u64)tables[i] | PRESENT | WRITABLE;
    }
    for (u64 i = COUNT_OF(tables); i < 8 * ENTRIES; i++) boot_directories[i] |= NO_EXECUTE;
    u64 root;
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(root) : : "memory");
}
