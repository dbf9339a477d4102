/*
 * The loader, check by check as the tender's: it is stricter than the ELF specification in some things and looser in
 * others (a PT_LOAD without file contents is skipped before every check, only the first note of a PT_NOTE counts), and
 * an image that passes here must pass there, and the other way round. Messages name the program header by its index
 * and show both compared values; the host knows the file's name.
 */
#include "loader.h"

#include "report.h"

struct elf_header {
    u8 magic[4], class, data, ident_version, os_abi, padding[8];
    u16 type, machine;
    u32 version;
    u64 entry, program_headers, section_headers;
    u32 flags;
    u16 header_size, program_header_size, program_header_count;
    u16 section_header_size, section_header_count, section_names;
};

struct program_header {
    u32 type, flags;
    u64 offset, address, physical, file_size, memory_size, alignment;
};

_Static_assert(sizeof(struct elf_header) == 64, "an ELF64 header has 64 bytes");
_Static_assert(sizeof(struct program_header) == 56, "an ELF64 program header has 56 bytes");

enum { PT_LOAD = 1, PT_NOTE = 4 };
enum { PF_X = 1, PF_W = 2, PF_R = 4 };
enum { ET_EXEC = 2, EM_X86_64 = 62, ELFCLASS64 = 2, ELFDATA2LSB = 1 };

/* Whether [offset, offset + size) lies in the file. */
static bool in_file(struct image image, u64 offset, u64 size) {
    return offset <= image.size && size <= image.size - offset;
}

static struct elf_header read_header(struct image image) {
    struct elf_header header;
    if (!in_file(image, 0, sizeof header))
        refuse("the file has %lu bytes; an ELF header has %lu", image.size, sizeof header);
    memcpy(&header, image.bytes, sizeof header);
    if (memcmp(header.magic, "\177ELF", 4) != 0) refuse("not an ELF file");
    if (header.class != ELFCLASS64 || header.data != ELFDATA2LSB || header.version != 1)
        refuse("ELF class %u, data %u, version %u; must be 2, 1, 1 (64-bit, little-endian, current)",
               (u32)header.class, (u32)header.data, header.version);
    if (header.type != ET_EXEC || header.machine != EM_X86_64)
        refuse("ELF type %u, machine %u; must be 2, 62 (ET_EXEC, EM_X86_64)", (u32)header.type, (u32)header.machine);
    if (header.header_size != sizeof header || header.program_header_size != sizeof(struct program_header))
        refuse("e_ehsize %u, e_phentsize %u; must be 64, 56", (u32)header.header_size,
               (u32)header.program_header_size);
    u64 table = (u64)header.program_header_count * sizeof(struct program_header);
    if (table == 0) refuse("e_phnum is 0; there must be a program header");
    if (!in_file(image, header.program_headers, table))
        refuse("%u program headers at %lx end after the file's %lu bytes", (u32)header.program_header_count,
               header.program_headers, image.size);
    return header;
}

static struct program_header read_program_header(struct image image, const struct elf_header *header, u32 index) {
    struct program_header result;
    memcpy(&result, image.bytes + header->program_headers + index * sizeof result, sizeof result);
    return result;
}

/* ---- Notes ----------------------------------------------------------------------------------------------------- */

struct note_header {
    u32 name_size, descriptor_size, type;
    char name[8];
};

_Static_assert(sizeof(struct note_header) == 20, "a Solo5 note's header and name have 20 bytes");

/* Whether a PT_NOTE begins with a Solo5 note of this type; its header goes to *note. */
static bool is_note(struct image image, const struct program_header *segment, u32 index, u32 type,
                    struct note_header *note) {
    if (segment->type != PT_NOTE) return false;
    if (segment->file_size < 12)
        refuse("program header %u: a note of %lu bytes; the smallest has 12", index, segment->file_size);
    if (segment->file_size < sizeof *note) return false;
    if (!in_file(image, segment->offset, sizeof *note))
        refuse("program header %u: the note at %lx ends after the file's %lu bytes", index, segment->offset,
               image.size);
    memcpy(note, image.bytes + segment->offset, sizeof *note);
    return note->name_size == 6 && memcmp(note->name, "Solo5", 6) == 0 && note->type == type;
}

/*
 * The contents of the first Solo5 note of a type; size 0 when there is none. `alignment` is where they begin, from the
 * note's start; `limit` is the largest descriptor.
 */
static struct note find_note(struct image image, u32 type, u64 alignment, u64 limit) {
    struct elf_header header = read_header(image);
    for (u32 i = 0; i < header.program_header_count; i++) {
        struct program_header segment = read_program_header(image, &header, i);
        struct note_header note;
        if (!is_note(image, &segment, i, type, &note)) continue;
        if (note.descriptor_size < 1 || note.descriptor_size > limit)
            refuse("program header %u: a note's descriptor of %u bytes; must be 1 to %lu", i, note.descriptor_size,
                   limit);
        if (segment.file_size < sizeof note + note.descriptor_size)
            refuse("program header %u: a note of %lu bytes in a segment of %lu", i, sizeof note + note.descriptor_size,
                   segment.file_size);
        u64 start = round_up(sizeof note, alignment);
        u64 padding = start - sizeof note;
        if (note.descriptor_size <= padding)
            refuse("program header %u: a note's descriptor of %u bytes, %lu of them padding", i, note.descriptor_size,
                   padding);
        u64 size = note.descriptor_size - padding;
        if (!in_file(image, segment.offset + start, size))
            refuse("program header %u: the note at %lx ends after the file's %lu bytes", i, segment.offset, image.size);
        return (struct note){image.bytes + segment.offset + start, size};
    }
    return (struct note){NULL, 0};
}

void check_abi(struct image image) {
    enum { TYPE = 0x31494241, TARGET_HVT = 1, VERSION = 2 };
    u32 words[4];
    struct note note = find_note(image, TYPE, 4, sizeof words);
    if (note.size == 0) refuse("no Solo5 ABI note (ABI1): not a Solo5 image");
    memset(words, 0, sizeof words);
    memcpy(words, note.bytes, note.size);
    if (words[0] != TARGET_HVT) refuse("the ABI note names target %u; must be 1 (hvt)", words[0]);
    if (words[1] != VERSION) refuse("the ABI note names version %u; must be 2", words[1]);
}

struct note find_manifest(struct image image) {
    enum { TYPE = 0x3154464d, LIMIT = 4 + 8 + 64 * 104 };
    struct note note = find_note(image, TYPE, 8, LIMIT);
    if (note.size == 0) refuse("no Solo5 device manifest (MFT1 note)");
    return note;
}

/* ---- Segments -------------------------------------------------------------------------------------------------- */

static bool is_power_of_two(u64 value) { return value != 0 && (value & (value - 1)) == 0; }

struct placement {
    u64 start, end; /* the segment's pages, rounded to its alignment */
};

/* Where a segment lies, after every check that does not need its contents. */
static struct placement place(const struct program_header *segment, u32 index, u64 last_address, u64 last_end) {
    u64 memory = guest_memory_size();
    u64 address = segment->address;
    if (address < GUEST_BASE)
        refuse("program header %u: address %lx; must be %lx or above", index, address, (u64)GUEST_BASE);
    if (address < last_address)
        refuse("program header %u: address %lx after %lx; PT_LOADs must ascend", index, address, last_address);
    if (!is_power_of_two(segment->alignment))
        refuse("program header %u: alignment %lx; must be a power of two", index, segment->alignment);
    u64 start = round_down(address, segment->alignment);
    if (start < GUEST_BASE)
        refuse("program header %u: address %lx rounded down to its alignment %lx is %lx; must be %lx or above", index,
               address, segment->alignment, start, (u64)GUEST_BASE);
    if (start < last_end)
        refuse("program header %u: starts at %lx (rounded to its alignment); the one before ends at %lx", index, start,
               last_end);
    u64 file_end, memory_end, end;
    if (address >= memory || add_overflows(address, segment->file_size, &file_end) || file_end > memory)
        refuse("program header %u: %lu bytes at %lx end after memory's %lx", index, segment->file_size, address,
               memory);
    if (segment->memory_size < segment->file_size)
        refuse("program header %u: %lu bytes in memory, fewer than its %lu in the file", index, segment->memory_size,
               segment->file_size);
    if (add_overflows(address, segment->memory_size, &memory_end) ||
        add_overflows(memory_end, segment->alignment - 1, &end) || (end &= -segment->alignment) > memory)
        refuse("program header %u: %lu bytes at %lx, rounded up to alignment %lx, end after memory's %lx", index,
               segment->memory_size, address, segment->alignment, memory);
    if (start % PAGE != 0 || end % PAGE != 0)
        refuse("program header %u: [%lx, %lx) after rounding to alignment %lx; must be whole pages", index, start, end,
               segment->alignment);
    return (struct placement){start, end};
}

struct loaded_image load_image(struct image image) {
    struct elf_header header = read_header(image);
    if (header.entry < GUEST_BASE || header.entry >= guest_memory_size())
        refuse("the entry is %lx; must be in [%lx, %lx)", header.entry, (u64)GUEST_BASE, guest_memory_size());
    u64 last_address = 0, last_end = 0;
    for (u32 i = 0; i < header.program_header_count; i++) {
        struct program_header segment = read_program_header(image, &header, i);
        if (segment.type != PT_LOAD || segment.file_size == 0) continue;
        struct placement placement = place(&segment, i, last_address, last_end);
        if (!in_file(image, segment.offset, segment.file_size))
            refuse("program header %u: %lu bytes at offset %lx; the file has %lu", i, segment.file_size,
                   segment.offset, image.size);
        if ((segment.flags & PF_W) && (segment.flags & PF_X))
            refuse("program header %u: writable and executable", i);
        /* The rest of the segment is zero already: fresh memory, and segments do not overlap. */
        guest_write(segment.address, image.bytes + segment.offset, segment.file_size);
        /* As the tender's mprotect: what can be executed can be read; execution itself is not controlled. */
        guest_protect(placement.start, placement.end, segment.flags & (PF_R | PF_X), segment.flags & PF_W);
        last_address = segment.address;
        last_end = placement.end;
    }
    return (struct loaded_image){header.entry, last_end};
}
