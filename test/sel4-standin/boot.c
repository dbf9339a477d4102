/*
 * From the loader's arguments to the root task's first instruction: what of memory is free, the objects that a root task
 * begins with, its address space with everything readable, writable and executable, and BootInfo.
 *
 * Slots are given out in the order in which seL4 gives them, and untyped memory is cut as it does: into the largest
 * aligned powers of two, devices' first.
 */
#include "standin.h"

#define CNODE_SLOTS (1ull << STANDIN_CNODE_BITS)
#define MOST_UNTYPEDS 230u
#define FIRST_ASID 1u

/* Slots that a root task finds by their number. */
enum {
    SLOT_THREAD = 1,
    SLOT_CNODE = 2,
    SLOT_VSPACE = 3,
    SLOT_IRQ_CONTROL = 4,
    SLOT_ASID_CONTROL = 5,
    SLOT_ASID_POOL = 6,
    SLOT_BOOTINFO = 9,
    SLOT_BUFFER = 10,
    SLOT_DOMAIN = 11,
    SLOT_SCHED_CONTEXT = 14,
    FIRST_FREE_SLOT = 16,
};

struct region {
    uint64_t start, end;
};

struct slots {
    uint64_t start, end;
};

struct bootinfo {
    uint64_t extra_size, node, node_count, io_levels, buffer;
    struct slots empty, shared_frames, image_frames, image_tables, io_spaces, extra_frames;
    uint64_t cnode_bits, domain;
#if STANDIN_IS_MCS
    struct slots sched_control;
#endif
    struct slots untyped;
    struct {
        uint64_t address;
        uint8_t bits, is_device, padding[6];
    } untypeds[MOST_UNTYPEDS];
};
_Static_assert(offsetof(struct bootinfo, untyped) == (STANDIN_IS_MCS ? 168 : 152), "as seL4 has it");
_Static_assert(sizeof(struct bootinfo) <= PAGE, "BootInfo is a page");

#define EXTRA_FDT 6u
#define EXTRA_HEADER 16u

extern char own_end[];

static struct slot *cnode;
static uint64_t next_slot = FIRST_FREE_SLOT;
static struct bootinfo *info;
static uint64_t root_table;

_Noreturn static void refuse(const char *why) {
    say("stand-in: cannot boot: ");
    say(why);
    say("\n");
    end(false);
}

static uint64_t round_up(uint64_t value, uint64_t unit) { return (value + unit - 1) / unit * unit; }

static struct slot *take_slot(void) {
    if (next_slot == CNODE_SLOTS) refuse("the root task's CNode has too few slots for its pages");
    return &cnode[next_slot++];
}

static void give(struct slot *slot, struct slot capability) { insert_first(slot, &capability); }

/* Objects are taken from the top of memory, the most aligned first. */
static struct region own_objects;
static uint64_t next_object;

static uint64_t take_object(uint64_t size) {
    uint64_t object = next_object;
    next_object += size;
    if (next_object > own_objects.end) refuse("a mistake of its own: the root task's objects are larger than reckoned");
    __builtin_memset(at(object), 0, size);
    return object;
}

static uint64_t tables_for(struct region user, unsigned bits) {
    return (round_up(user.end, 1ull << bits) >> bits) - (user.start >> bits);
}

static struct slot frame_of(uint64_t frame, uint64_t address) {
    unsigned bits;
    map_frame_entry(entry_of(root_table, address, &bits), frame, true, true, true);
    return (struct slot){.kind = FRAME,
                         .bits = PAGE_BITS,
                         .rights = RIGHT_READ | RIGHT_WRITE,
                         .flags = IS_ORIGINAL,
                         .object = frame,
                         .data = mapping(address, FIRST_ASID)};
}

static struct slots give_frames(uint64_t frame, uint64_t address, uint64_t size) {
    struct slots made = {next_slot, 0};
    for (uint64_t offset = 0; offset < size; offset += PAGE) give(take_slot(), frame_of(frame + offset, address + offset));
    made.end = next_slot;
    return made;
}

static void give_tables(struct region user) {
    info->image_tables.start = next_slot;
    for (unsigned level = HUGE_BITS; level > PAGE_BITS; level -= 9) {
        for (uint64_t address = user.start >> level << level; address < user.end; address += 1ull << level) {
            unsigned bits;
            uint64_t table = take_object(PAGE);
            map_table_entry(entry_of(root_table, address, &bits), table);
            give(take_slot(), (struct slot){.kind = TABLE,
                                            .bits = PAGE_BITS,
                                            .flags = IS_MAPPED | IS_ORIGINAL,
                                            .object = table,
                                            .data = mapping(address, FIRST_ASID)});
        }
    }
    info->image_tables.end = next_slot;
}

/* The most bits of size that a region's first piece can have: as large as is left, and as its address is aligned. */
static unsigned bits_of_first(struct region region) {
    unsigned bits = 0;
    const uint64_t size = region.end - region.start;
    while (bits < MAX_UNTYPED_BITS && size >= 2ull << bits && (region.start & ((2ull << bits) - 1)) == 0) bits++;
    return bits;
}

/* Cuts a region into untypeds. */
static void give_untypeds(struct region region, bool is_device) {
    while (region.start < region.end) {
        unsigned bits = bits_of_first(region);
        uint64_t index = next_slot - info->untyped.start;
        if (index == MOST_UNTYPEDS) refuse("more untypeds than BootInfo has room for");
        if (bits >= MIN_UNTYPED_BITS) {
            info->untypeds[index].address = region.start;
            info->untypeds[index].bits = (uint8_t)bits;
            info->untypeds[index].is_device = is_device;
            /* Of memory nothing counts as clear yet. */
            give(take_slot(), (struct slot){.kind = UNTYPED,
                                            .bits = (uint8_t)bits,
                                            .flags = (uint8_t)(IS_ORIGINAL | (is_device ? IS_DEVICE : 0)),
                                            .object = region.start,
                                            .data = is_device ? 0 : 1ull << bits});
        }
        region.start += 1ull << bits;
    }
}

/* Of qemu-riscv-virt: what lies between is the interrupt controllers', which seL4 keeps, and memory. */
static void give_all_untypeds(struct region image, struct region fdt) {
    info->untyped.start = next_slot;
    give_untypeds((struct region){0, 0x2000000}, true);
    give_untypeds((struct region){0x2200000, 0xc000000}, true);
    give_untypeds((struct region){0xc600000, KERNEL_START}, true);
    give_untypeds((struct region){RAM_END, DEVICE_TOP}, true);
    uint64_t start = round_up(physical_of_own(own_end), PAGE);
    if (fdt.start != 0) {
        give_untypeds((struct region){start, fdt.start}, false);
        start = fdt.end;
    }
    give_untypeds((struct region){start, image.start}, false);
    give_untypeds((struct region){image.end, own_objects.start}, false);
    give_untypeds((struct region){own_objects.end, RAM_END}, false);
    info->untyped.end = next_slot;
}

static void check_regions(struct region image, struct region fdt) {
    uint64_t kernel_end = physical_of_own(own_end);
    if (image.start % PAGE != 0 || image.end % PAGE != 0) refuse("the image's bounds are not whole pages");
    if (image.start >= image.end || image.end > RAM_END) refuse("the image is empty, or not in memory");
    if (image.start < kernel_end) refuse("the image lies over the stand-in");
    if (fdt.start == fdt.end) return;
    if (fdt.start < kernel_end || fdt.end < fdt.start || fdt.end > image.start) {
        refuse("reserved regions in wrong order: the device tree must lie between the kernel and the image");
    }
}

static void start_thread(uint64_t entry, uint64_t bootinfo, uint64_t buffer, const struct slot *frame, uint64_t object) {
    struct thread *thread = at(object);
    add_thread(thread);
    insert_derived(&thread->cspace, &cnode[SLOT_CNODE], &cnode[SLOT_CNODE], false);
    insert_derived(&thread->vspace, &cnode[SLOT_VSPACE], &cnode[SLOT_VSPACE], false);
    struct slot copy = *frame;
    copy.data = 0;
    insert_derived(&thread->buffer, &copy, &cnode[SLOT_BUFFER], false);
    thread->buffer_address = buffer;
    thread->registers.x[0] = entry;
    thread->registers.x[A0] = bootinfo;
    thread->priority = thread->maximum_priority = 255;
    thread->state = RUNNABLE;
    __builtin_memcpy(thread->name, "rootserver", sizeof "rootserver");
#if STANDIN_IS_MCS
    /* Behind the thread, in the same page. */
    thread->sched_context = object + (1u << THREAD_BITS);
    *(struct sched_context *)at(thread->sched_context) = (struct sched_context){object, true};
    give(&cnode[SLOT_SCHED_CONTEXT], (struct slot){.kind = SCHED_CONTEXT,
                                                   .bits = MIN_SCHED_CONTEXT_BITS,
                                                   .flags = IS_ORIGINAL,
                                                   .object = thread->sched_context});
#endif
    give(&cnode[SLOT_THREAD], (struct slot){.kind = THREAD, .bits = THREAD_BITS, .flags = IS_ORIGINAL, .object = object});
}

/* Interrupts are not taken here; floating point is on where there is any. */
static void set_status(void) {
    uint64_t floats = 3ull << 13, off = floats | 1ull << 1 | 1ull << 5 | 1ull << 8 | 1ull << 18;
    __asm__ volatile("csrc sstatus, %0; csrs sstatus, %1" ::"r"(off), "r"(STANDIN_HAS_FPU ? floats : 0));
}

struct registers *boot(uint64_t image_start, uint64_t image_end, uint64_t offset, uint64_t entry, uint64_t fdt_start,
                       uint64_t fdt_size, uint64_t hart);

struct registers *boot(uint64_t image_start, uint64_t image_end, uint64_t offset, uint64_t entry, uint64_t fdt_start,
                       uint64_t fdt_size, uint64_t hart) {
    struct region image = {image_start, image_end}, fdt = {fdt_start, fdt_start + fdt_size};
    if (fdt_size == 0) fdt = (struct region){0, 0};
    make_window();
    set_status();
    start_interrupts(hart);
    say("stand-in for seL4: not a kernel, for tests\n");
    check_regions(image, fdt);

    uint64_t extra_size = fdt_size == 0 ? 0 : EXTRA_HEADER + fdt_size, extra_room = 0;
    if (extra_size != 0) for (extra_room = PAGE; extra_room < extra_size;) extra_room *= 2;
    uint64_t user_image = image.start - offset, buffer = image.end - offset;
    struct region user = {user_image, buffer + 2 * PAGE + extra_room};
    if (user.end < user.start || user.end >= USER_TOP) refuse("the image's addresses are beyond user space");

    uint64_t cnode_size = CNODE_SLOTS << SLOT_BITS;
    /* The CNode, the extra information, then pages: root table, others, buffer, BootInfo, ASID pool, thread. */
    uint64_t pages = tables_for(user, HUGE_BITS) + tables_for(user, LARGE_BITS) + 5;
    uint64_t size = cnode_size + extra_room + pages * PAGE;
    own_objects.end = RAM_END;
    own_objects.start = (RAM_END - size) / cnode_size * cnode_size;
    if (size > RAM_END - image.end || own_objects.start < image.end)
        refuse("too little memory above the image for the root task's objects");
    own_objects.end = own_objects.start + size;
    next_object = own_objects.start;

    cnode = at(take_object(cnode_size));
    uint64_t extra = take_object(extra_room);
    root_table = take_object(PAGE);
    uint64_t info_frame = take_object(PAGE);
    info = at(info_frame);
    info->node_count = 1;
    info->buffer = buffer;
    info->cnode_bits = STANDIN_CNODE_BITS;
    info->extra_size = extra_size;
    give(&cnode[SLOT_CNODE], (struct slot){.kind = CNODE,
                                           .bits = STANDIN_CNODE_BITS,
                                           .flags = IS_ORIGINAL,
                                           .object = physical_of(cnode),
                                           .data = 64 - STANDIN_CNODE_BITS});
    give(&cnode[SLOT_DOMAIN], (struct slot){.kind = DOMAIN});
    give(&cnode[SLOT_IRQ_CONTROL], (struct slot){.kind = IRQ_CONTROL});
    give(&cnode[SLOT_ASID_CONTROL], (struct slot){.kind = ASID_CONTROL});
    if (extra_size != 0) {
        uint64_t *header = at(extra);
        header[0] = EXTRA_FDT;
        header[1] = extra_size;
        __builtin_memcpy(header + 2, at(fdt.start), fdt_size);
    }
    share_window(root_table);
    give(&cnode[SLOT_VSPACE], (struct slot){.kind = TABLE,
                                            .bits = PAGE_BITS,
                                            .flags = IS_MAPPED | IS_ORIGINAL,
                                            .object = root_table,
                                            .data = mapping(0, FIRST_ASID)});
    give_tables(user);
    give(&cnode[SLOT_BOOTINFO], frame_of(info_frame, buffer + PAGE));
    info->extra_frames = give_frames(extra, buffer + 2 * PAGE, extra_size);
#if STANDIN_IS_MCS
    info->sched_control = (struct slots){next_slot, next_slot + 1};
    give(take_slot(), (struct slot){.kind = SCHED_CONTROL, .flags = IS_ORIGINAL});
#endif
    struct slot buffer_frame = frame_of(take_object(PAGE), buffer);
    give(&cnode[SLOT_BUFFER], buffer_frame);
    info->image_frames = give_frames(image.start, user_image, image.end - image.start);
    uint64_t pool = take_object(PAGE);
    give(&cnode[SLOT_ASID_POOL], (struct slot){.kind = ASID_POOL, .flags = IS_ORIGINAL, .object = pool, .data = 0});
    set_pool(0, pool);
    set_asid(FIRST_ASID, root_table);
    start_thread(entry, buffer + PAGE, buffer, &buffer_frame, take_object(PAGE));
    give_all_untypeds(image, fdt);
    info->empty = (struct slots){next_slot, CNODE_SLOTS};
    choose_thread(false);
    return &current->registers;
}
