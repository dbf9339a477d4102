/*
 * The image once more, for the program: code is the same pages, mapped a second time; everything else is copied, with every
 * address in it moved by the distance.
 *
 * Copies are made in a window of the root task's, where they lie as the image does, and are then mapped where the program
 * will have them. Zero-initialised data is not copied: this code has written to its own.
 */
#include "first-stage.h"
#include "guest.h"

struct rela {
    uint64_t offset, info, addend;
};

/* targets/sel4/layout.ts: which words hold addresses, and where zero-initialised data begins. */
extern const struct rela sel4_rela[], sel4_rela_end[];
extern const uint64_t sel4_relr[], sel4_relr_end[];
extern char __bss_start[];

/* From the image's address to the window's. The window is behind the devices, which have far more room than they need. */
static uintptr_t in_window(const void *place) {
    return (uintptr_t)place - (uintptr_t)sel4_image + sel4_settings.devices + (1u << 28);
}

/* Every address is that of where this runs, and moves on by the distance. Records name words by where they are here. */
static void relocate(uint64_t distance) {
    for (const struct rela *record = sel4_rela; record < sel4_rela_end; record++)
        *(uint64_t *)in_window((const void *)record->offset) += distance;
    uint64_t *where = NULL;
    for (const uint64_t *relr = sel4_relr; relr < sel4_relr_end; relr++) {
        if ((*relr & 1) == 0) {
            where = (uint64_t *)in_window((const void *)*relr);
            *where++ += distance;
            continue;
        }
        uint64_t *word = where;
        for (uint64_t bits = *relr >> 1; bits != 0; bits >>= 1, word++) {
            if (bits & 1) *word += distance;
        }
        where += 63;
    }
}

#define DATA (SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER)

static size_t pages(const char *start, const char *end) { return (size_t)(end - start) / SEL4_PAGE; }

/* Frames [first, first + count) into the window, at the image's page `start`. */
static void open_window(sel4_slot first, const char *start, size_t count) {
    for (size_t i = 0; i < count; i++)
        sel4_map(first + i, in_window(start + i * SEL4_PAGE), SEL4_READ | SEL4_WRITE, DATA);
}

/* Takes frames out of the window and maps them for the program. */
static void move_out(sel4_slot first, const char *start, size_t count, const struct places *places, uint64_t rights) {
    for (size_t i = 0; i < count; i++) {
        sel4_require("unmapping a copy",
                     sel4_invoke(first + i, sel4_message_info(SEL4_LABEL_PAGE_UNMAP, 0, 0), 0, 0, 0, 0));
        sel4_map(first + i, places->image + (uint64_t)(start - sel4_image) + i * SEL4_PAGE, rights, DATA);
    }
}

static void share_text(const struct places *places) {
    for (size_t i = 0; i < pages(sel4_image, sel4_text_end); i++)
        sel4_map(sel4_second_frame(sel4_info->image_frames.start + i), places->image + i * SEL4_PAGE,
                 sel4_settings.text_rights, SEL4_DEFAULT_ATTRIBUTES);
}

void sel4_copy_image(const struct places *places, const struct boot_block *block, sel4_slot vspace, uint64_t buffer) {
    const size_t read = pages(sel4_read, sel4_read_end), write = pages(sel4_write, sel4_write_end);
    sel4_slot frames = sel4_make_frames(read + write);
    open_window(frames, sel4_read, read);
    open_window(frames + read, sel4_write, write);
    memcpy((void *)in_window(sel4_read), sel4_read, read * SEL4_PAGE);
    memcpy((void *)in_window(sel4_write), sel4_write, (size_t)(__bss_start - sel4_write));
    relocate(places->image - (uintptr_t)sel4_image);
    memcpy((void *)in_window(sel4_boot_block), block, sizeof *block);
    *(uint64_t *)in_window(&sel4_buffer) = buffer;
    sel4_map_in(vspace);
    move_out(frames, sel4_read, read, places, SEL4_READ);
    move_out(frames + read, sel4_write, write, places, SEL4_READ | SEL4_WRITE);
    share_text(places);
    /* The boot block is read-only for the program. */
    size_t at = read + pages(sel4_write, (const char *)sel4_boot_block);
    for (size_t i = 0; i < SEL4_BOOT_BLOCK_PAGES; i++)
        sel4_map(frames + at + i, places->image + (uint64_t)((const char *)sel4_boot_block - sel4_image) + i * SEL4_PAGE,
                 SEL4_READ, DATA);
    sel4_map_in(SEL4_SLOT_VSPACE);
}
