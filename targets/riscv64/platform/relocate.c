/*
 * A plain image's own relocations: it is linked at 0 and may be loaded anywhere, so every word that holds an address is
 * moved by the distance. Called before anything that reads such a word, hence made of nothing but its arguments. (In a
 * protected image the start-up stub has done the same.)
 *
 * Sources: gABI "Dynamic Section" and "Relative Relocation Table"; RISC-V psABI: R_RISCV_RELATIVE = 3.
 */
#include <stddef.h>
#include <stdint.h>

enum { DT_NULL = 0, DT_RELA = 7, DT_RELASZ = 8, DT_RELR = 36, DT_RELRSZ = 35, R_RISCV_RELATIVE = 3 };

struct dynamic {
    uint64_t tag, value;
};

struct rela {
    uint64_t offset, info, addend;
};

/* Even words are addresses of a word to move; odd ones say which of the 63 words that follow are moved too. */
static __attribute__((no_stack_protector)) void apply_relr(uintptr_t base, const uint64_t *relr, size_t count) {
    uint64_t *where = NULL;
    for (size_t i = 0; i < count; i++) {
        if ((relr[i] & 1) == 0) {
            where = (uint64_t *)(base + relr[i]);
            *where++ += base;
            continue;
        }
        for (unsigned bit = 1; bit < 64; bit++) {
            if (relr[i] >> bit & 1) where[bit - 1] += base;
        }
        where += 63;
    }
}

void rv_relocate(uintptr_t base, const struct dynamic *dynamic);

__attribute__((no_stack_protector)) void rv_relocate(uintptr_t base, const struct dynamic *dynamic) {
    uint64_t rela = 0, rela_size = 0, relr = 0, relr_size = 0;
    for (; dynamic->tag != DT_NULL; dynamic++) {
        if (dynamic->tag == DT_RELA) rela = dynamic->value;
        if (dynamic->tag == DT_RELASZ) rela_size = dynamic->value;
        if (dynamic->tag == DT_RELR) relr = dynamic->value;
        if (dynamic->tag == DT_RELRSZ) relr_size = dynamic->value;
    }
    const struct rela *record = (const struct rela *)(base + rela);
    for (size_t i = 0; i < rela_size / sizeof *record; i++) {
        if (record[i].info == R_RISCV_RELATIVE) *(uint64_t *)(base + record[i].offset) = base + record[i].addend;
    }
    apply_relr(base, (const uint64_t *)(base + relr), relr_size / sizeof(uint64_t));
}
