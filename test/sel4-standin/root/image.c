/* What BootInfo says, and calls with the image's own pages. */
#include "root.h"

void tell_bootinfo(void) {
    uint64_t devices = 0, sum = 0, memory = 0;
    tell("buffer after the image", (uint64_t)info->ipc_buffer - (uint64_t)root_end);
    tell("BootInfo after the buffer", (uint64_t)info - (uint64_t)info->ipc_buffer);
    tell("frames of the image", info->image_frames.end - info->image_frames.start - (uint64_t)(root_end - root_image) / 4096);
    tell("tables", info->image_tables.end - info->image_tables.start);
    tell("first table", info->image_tables.start);
#if SEL4_IS_MCS
    tell("first frame", info->image_frames.start - info->sched_control.end);
#else
    tell("first frame", info->image_frames.start - info->extra_frames.end);
#endif
    tell("bits of the CNode", info->cnode_bits);
    tell("end of the empty slots", info->empty.end);
    tell("untypeds before empty slots", info->empty.start - info->untyped.end);
    for (uint64_t i = 0; i < info->untyped.end - info->untyped.start; i++) {
        const struct sel4_untyped *untyped = &info->untypeds[i];
        if (!untyped->is_device) {
            memory += 1ull << untyped->bits;
            continue;
        }
        devices++;
        sum = sum * 31 + untyped->physical_address + untyped->bits;
    }
    tell("devices", devices);
    tell("their sum", sum);
    tell("most of memory is untyped", memory >> 28);
    const struct sel4_extra *extra = (const void *)((const char *)info + 4096);
    tell("extra information", extra->kind);
    tell("its size", extra->size - info->extra_size);
    tell("frames of it", info->extra_frames.end - info->extra_frames.start - (info->extra_size + 4095) / 4096);
    tell("a tree's magic", *(const uint32_t *)(const void *)extra->data);
}

void try_frames(void) {
    sel4_slot frame = frame_at(root_read);
    uint64_t address = (uint64_t)root_read;
    try("a capability that is not there", 0, SEL4_LABEL_PAGE_MAP, map(address, 2, 1));
    try("Page_Map", frame, SEL4_LABEL_PAGE_MAP, map(address, SEL4_READ, SEL4_EXECUTE_NEVER));
    try("Page_Map again", frame, SEL4_LABEL_PAGE_MAP, map(address, SEL4_READ | SEL4_WRITE, SEL4_EXECUTE_NEVER));
    try("Page_Map elsewhere", frame, SEL4_LABEL_PAGE_MAP, map(address + 4096, SEL4_READ, 0));
    try("Page_Map unaligned", frame, SEL4_LABEL_PAGE_MAP, map(address + 8, SEL4_READ, 0));
    try("Page_Map beyond user space", frame, SEL4_LABEL_PAGE_MAP, map(SEL4_USER_TOP, SEL4_READ, 0));
    try("Page_Map at the end", frame, SEL4_LABEL_PAGE_MAP, map(~0ull - 4095, SEL4_READ, 0));
    try("Page_Map with two words", frame, SEL4_LABEL_PAGE_MAP, CALL(1, {SEL4_SLOT_VSPACE}, 2, {address, 2}));
    try("Page_Map without an address space", frame, SEL4_LABEL_PAGE_MAP, CALL(0, {0}, 3, {address, 2, 1}));
    try("Page_Map with a frame for one", frame, SEL4_LABEL_PAGE_MAP, CALL(1, {frame}, 3, {address, 2, 1}));
    try("Page_Map with nothing for one", frame, SEL4_LABEL_PAGE_MAP, CALL(1, {free_slot}, 3, {address, 2, 1}));
    try("Page_Map with another table for one", frame, SEL4_LABEL_PAGE_MAP,
        CALL(1, {info->image_tables.start}, 3, {address, 2, 1}));
    try("a frame with Untyped_Retype's label", frame, SEL4_LABEL_UNTYPED_RETYPE, map(address, 2, 1));
    try("a frame with CNode_Delete's label", frame, SEL4_LABEL_CNODE_DELETE, map(address, 2, 1));
    try("a frame with PageTable_Map's label", frame, SEL4_LABEL_PAGE_TABLE_MAP, map(address, 2, 1));
    try("a frame with a label of nothing", frame, 1000, map(address, 2, 1));
    /* Its pages' addresses follow one another. */
    quietly(frame, SEL4_LABEL_PAGE_GET_ADDRESS, CALL(0));
    uint64_t first = answered[0];
    tell("Page_GetAddress", quietly(frame + 1, SEL4_LABEL_PAGE_GET_ADDRESS, CALL(0)));
    tell("the next page's", answered[0] - first);
}
