/*
 * Every page of the image gets the rights of its segment. The kernel maps a root image readable, writable and executable
 * throughout, with the IPC buffer and BootInfo beside it; from here on code is only executed (where the processor can),
 * data is never, and what lies between segments and around the stack is not mapped at all.
 *
 * A page's frame is the image's first frame plus the page's number: the kernel hands out one for each page from the first
 * segment's first to the last one's last, gaps included. Deleting a frame's capability unmaps its page.
 */
#include "stage0.h"

#define DATA (SEL4_DEFAULT_ATTRIBUTES | SEL4_EXECUTE_NEVER)

static sel4_slot frame_of(const char *page) {
    return sel4_info->image_frames.start + (uint64_t)(page - sel4_image) / SEL4_PAGE;
}

/*
 * After every change of a mapping the processor finds each page anew that it comes to. So nothing but registers is used
 * between two calls, one page of code, and the IPC buffer, in which the address space stays named.
 */
void sel4_protect_range(const char *start, const char *end, uint64_t rights, uint64_t attributes) {
    sel4_slot frame = frame_of(start);
    uint64_t error = SEL4_NO_ERROR;
    sel4_buffer->slots[0] = SEL4_SLOT_VSPACE;
    for (const char *page = start; page < end && error == SEL4_NO_ERROR; page += SEL4_PAGE, frame++) {
        uint64_t words[SEL4_MESSAGE_REGISTERS] = {(uintptr_t)page, rights, attributes, 0};
        error = sel4_call(frame, sel4_message_info(SEL4_LABEL_PAGE_MAP, 1, 3), words) >> 12;
    }
    sel4_require("protecting the image", error);
}

/* Takes pages away. */
static void guard(const char *start, const char *end) {
    for (const char *page = start; page < end; page += SEL4_PAGE) {
        sel4_require("guard pages", sel4_delete(frame_of(page)));
    }
}

static void protect_frame(sel4_slot frame, const void *page, uint64_t rights) {
    sel4_require("protecting BootInfo", sel4_page_map(frame, (uintptr_t)page, rights, DATA));
}

void sel4_protect(void) {
    if (sel4_info->image_frames.end - sel4_info->image_frames.start != (uint64_t)(sel4_image_end - sel4_image) / SEL4_PAGE)
        sel4_give_up("another image", SEL4_INVALID_CAPABILITY);
    sel4_protect_range(sel4_image, sel4_text_end, sel4_settings.text_rights, SEL4_DEFAULT_ATTRIBUTES);
    sel4_protect_range(sel4_read, sel4_read_end, SEL4_READ, DATA);
    sel4_protect_range(sel4_write, sel4_write_end, SEL4_READ | SEL4_WRITE, DATA);
    sel4_protect_range(sel4_stack_low, sel4_stack_top, SEL4_READ | SEL4_WRITE, DATA);
    guard(sel4_text_end, sel4_read);
    guard(sel4_read_end, sel4_write);
    guard(sel4_write_end, sel4_stack_low);
    guard(sel4_stack_top, sel4_image_end);
    protect_frame(SEL4_SLOT_IPC_BUFFER_FRAME, sel4_info->ipc_buffer, SEL4_READ | SEL4_WRITE);
    protect_frame(SEL4_SLOT_BOOTINFO_FRAME, sel4_info, SEL4_READ);
    const char *extra = (const char *)sel4_info + SEL4_PAGE;
    for (sel4_slot frame = sel4_info->extra_frames.start; frame < sel4_info->extra_frames.end; frame++, extra += SEL4_PAGE)
        protect_frame(frame, extra, SEL4_READ | SEL4_WRITE);
}
