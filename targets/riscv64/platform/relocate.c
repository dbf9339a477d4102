/*
 * A plain image's own relocations: it is linked at 0 and may be loaded anywhere, so every word that holds an address is
 * moved by the distance. Called before anything that reads such a word, hence made of nothing but its argument and
 * symbols that are found from where the code is. (In a protected image the start-up stub has done the same.)
 *
 * Sources: gABI "Relative Relocation Table"; RISC-V psABI: R_RISCV_RELATIVE = 3.
 */
#include <stddef.h>
#include <stdint.h>

enum { R_RISCV_RELATIVE = 3 };

struct rela {
    uint64_t offset, info, addend;
};

/* targets/riscv64/layout.ts */
extern const struct rela rv_rela[], rv_rela_end[];
extern const uint64_t rv_relr[], rv_relr_end[];

void rv_relocate(uintptr_t base);

__attribute__((no_stack_protector)) void rv_relocate(uintptr_t base) {
    for (const struct rela *record = rv_rela; record < rv_rela_end; record++) {
        if (record->info == R_RISCV_RELATIVE) *(uint64_t *)(base + record->offset) = base + record->addend;
    }
    /* Even words are addresses of a word to move; odd ones say which of the 63 words that follow are moved too. */
    uint64_t *where = NULL;
    for (const uint64_t *relr = rv_relr; relr < rv_relr_end; relr++) {
        if ((*relr & 1) == 0) {
            where = (uint64_t *)(base + *relr);
            *where++ += base;
            continue;
        }
        uint64_t *word = where;
        for (uint64_t bits = *relr >> 1; bits != 0; bits >>= 1, word++) {
            if (bits & 1) *word += base;
        }
        where += 63;
    }
}
