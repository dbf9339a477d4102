/*
 * Thread-local storage on hvt: where the template of a thread's variables is, and how the thread pointer is set. The rest
 * is the processor's (targets/platform/arch/x86-64/tls.c).
 *
 * The template is what PT_TLS describes. We find it through the program headers, which our built-in layout maps at
 * __ehdr_start, as other linkers' do. A linker script that maps no headers leaves that symbol undefined: the link fails,
 * rather than a program whose variables lie outside of its block.
 */
#include "platform.h"
#include "tls.h"

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum, shentsize, shnum, shstrndx;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

enum { PT_LOAD = 1, PT_TLS = 7 };

extern const char __ehdr_start[];

struct tls_template layer_find_tls_template(void) {
    const struct elf_header *header = (const struct elf_header *)__ehdr_start;
    const struct program_header *segment = (const struct program_header *)(__ehdr_start + header->phoff);
    struct tls_template result = {.alignment = 1};
    uintptr_t slide = 0;
    for (unsigned i = 0; i < header->phnum; i++) {
        /* The segment that holds the headers says where they were linked to lie. */
        if (segment[i].type == PT_LOAD && segment[i].offset == 0) slide = (uintptr_t)__ehdr_start - segment[i].vaddr;
        if (segment[i].type != PT_TLS) continue;
        result.image = (const char *)segment[i].vaddr;
        result.file_size = segment[i].filesz;
        result.alignment = segment[i].align > 1 ? segment[i].align : 1;
        result.size = align_up(segment[i].memsz, result.alignment);
    }
    result.image += slide;
    return result;
}

solo5_result_t solo5_set_tls_base(uintptr_t base) {
    /* A write of a non-canonical address would fault. */
    if ((intptr_t)(base << 16) >> 16 != (intptr_t)base) return SOLO5_R_EINVAL;
    __asm__ volatile("wrmsr" : : "c"(0xc0000100u), "a"((uint32_t)base), "d"((uint32_t)(base >> 32)) : "memory");
    return SOLO5_R_OK;
}

void hvt_tls_init_first_thread(uintptr_t *heap_start, uintptr_t heap_end) {
    size_t size = solo5_tls_size();
    if (size > heap_end - *heap_start) hvt_abort("not enough memory for thread-local variables");
    uintptr_t block = *heap_start;
    solo5_tls_init(block);
    solo5_set_tls_base(solo5_tls_tp_offset(block));
    *heap_start = align_up(block + size, PAGE_SIZE);
    if (*heap_start > heap_end) *heap_start = heap_end;
}
