/*
 * Requests lie in guest memory; each is copied in, served, and copied back. A range that a guest hands over is held
 * against the tender's one rule (its end lies strictly below the end of memory) and nothing more: like the tender, the
 * emulator writes where a guest says, its own page tables below 0x10000 included. What the host's mprotect would
 * refuse the tender (writing to text) ends the guest here as it does there.
 */
#include "hypercalls.h"

#include "block.h"
#include "clock.h"
#include "console.h"
#include "devices.h"
#include "interrupts.h"
#include "memory.h"
#include "net.h"
#include "report.h"

enum { WALLTIME = 1, PUTS, POLL, BLOCK_WRITE, BLOCK_READ, NET_WRITE, NET_READ, HALT };
enum { RESULT_OK = 0, RESULT_AGAIN = 1, RESULT_INVALID = 2 };
#define COOKIE_SIZE 512

struct walltime {
    u64 nanoseconds;
};
struct puts {
    u64 data, size;
};
struct poll {
    u64 timeout, ready_set;
    i32 result;
    u32 padding;
};
struct block {
    u64 handle, offset, data, size;
    i32 result;
    u32 padding;
};
struct net {
    u64 handle, data, size;
    i32 result;
    u32 padding;
};
struct halt {
    u64 cookie;
    i32 status;
    u32 padding;
};

static void check_range(const char *what, u64 address, u64 size) {
    if (!guest_range_valid(address, size))
        kill_guest("%s: invalid guest access: %lu bytes at %lx; must end below %lx", what, size, address,
                   guest_memory_size());
}

/* As check_range, for memory that the host then reads or writes. */
static void check_access(const char *what, u64 address, u64 size, bool writing) {
    check_range(what, address, size);
    if (!guest_range_allows(address, size, writing))
        kill_guest("%s: %lu bytes at %lx %s", what, size, address,
                   writing ? "lie in a segment that is not writable" : "lie in a segment without permissions");
}

static void take(const char *what, u64 request, void *to, u64 size) {
    check_access(what, request, size, false);
    guest_read(request, to, size);
}

/* Only what a call has answered is written back: the rest may have been changed by its data, as with the tender. */
static void answer(const char *what, u64 address, const void *from, u64 size) {
    check_access(what, address, size, true);
    guest_write(address, from, size);
}

static void answer_result(const char *what, u64 address, i32 result) { answer(what, address, &result, sizeof result); }

static void walltime(u64 request) {
    check_range("WALLTIME", request, sizeof(struct walltime));
    struct walltime reply = {wall_clock()};
    answer("WALLTIME", request, &reply, sizeof reply);
}

static void puts(u64 request) {
    struct puts call;
    take("PUTS", request, &call, sizeof call);
    check_access("PUTS", call.data, call.size, false);
    console_write(call.data, call.size);
}

static bool any_ready(const void *unused) {
    (void)unused;
    return net_ready_set() != 0;
}

static void poll(u64 request) {
    struct poll call;
    take("POLL", request, &call, sizeof call);
    u64 deadline;
    if (add_overflows(read_tsc(), nanoseconds_to_cycles(call.timeout), &deadline)) deadline = NEVER;
    wait_until(any_ready, NULL, deadline);
    call.ready_set = net_ready_set();
    call.result = __builtin_popcountll(call.ready_set);
    answer("POLL", request + offsetof(struct poll, ready_set), &call.ready_set, sizeof call.ready_set);
    answer_result("POLL", request + offsetof(struct poll, result), call.result);
}

/* Whether [offset, offset + size) lies in the device; as the tender, an empty range at the device's end does not. */
static bool in_device(const struct manifest_entry *device, u64 offset, u64 size) {
    u64 end;
    return offset < device->block.capacity && !add_overflows(offset, size, &end) && end <= device->block.capacity;
}

static void block(const char *what, u64 request, bool writing) {
    struct block call;
    take(what, request, &call, sizeof call);
    const struct manifest_entry *device = device_of_handle(call.handle, DEVICE_BLOCK);
    call.result = RESULT_INVALID;
    if (device != NULL && in_device(device, call.offset, call.size)) {
        check_access(what, call.data, call.size, !writing);
        if (!block_transfer((u32)call.handle, writing, call.offset, call.data, call.size))
            kill_guest("%s: the storage of '%s' failed: %lu bytes at %lx", what, device->name, call.size, call.offset);
        call.result = RESULT_OK;
    }
    answer_result(what, request + offsetof(struct block, result), call.result);
}

static void net_write(u64 request) {
    struct net call;
    take("NET_WRITE", request, &call, sizeof call);
    const struct manifest_entry *device = device_of_handle(call.handle, DEVICE_NET);
    call.result = RESULT_INVALID;
    if (device != NULL) {
        check_access("NET_WRITE", call.data, call.size, false);
        if (call.size < SMALLEST_FRAME || call.size > LARGEST_FRAME)
            kill_guest("NET_WRITE: '%s' cannot send %lu bytes; must be %lu to %lu", device->name, call.size,
                       (u64)SMALLEST_FRAME, (u64)LARGEST_FRAME);
        net_send((u32)call.handle, call.data, call.size);
        call.result = RESULT_OK;
    }
    answer_result("NET_WRITE", request + offsetof(struct net, result), call.result);
}

static void net_read(u64 request) {
    struct net call;
    take("NET_READ", request, &call, sizeof call);
    const struct manifest_entry *device = device_of_handle(call.handle, DEVICE_NET);
    call.result = RESULT_INVALID;
    if (device != NULL) {
        check_access("NET_READ", call.data, call.size, true);
        u64 length = call.size == 0 ? 0 : net_receive((u32)call.handle, call.data, call.size);
        call.result = length == 0 ? RESULT_AGAIN : RESULT_OK;
        if (length > 0) answer("NET_READ", request + offsetof(struct net, size), &length, sizeof length);
    }
    answer_result("NET_READ", request + offsetof(struct net, result), call.result);
}

static _Noreturn void halt(u64 request) {
    struct halt call;
    take("HALT", request, &call, sizeof call);
    /* What a core dump would read. */
    if (call.cookie != 0) check_range("HALT", call.cookie, COOKIE_SIZE);
    report_halted(call.status);
}

void hypercall(u32 number, u64 request) {
    bool block_call = number == BLOCK_WRITE || number == BLOCK_READ;
    bool net_call = number == NET_WRITE || number == NET_READ;
    if ((block_call && !have_devices(DEVICE_BLOCK)) || (net_call && !have_devices(DEVICE_NET)))
        kill_guest("invalid hypercall %u: no %s device is attached", number, block_call ? "block" : "net");
    switch (number) {
    case WALLTIME: walltime(request); break;
    case PUTS: puts(request); break;
    case POLL: poll(request); break;
    case BLOCK_WRITE: block("BLOCK_WRITE", request, true); break;
    case BLOCK_READ: block("BLOCK_READ", request, false); break;
    case NET_WRITE: net_write(request); break;
    case NET_READ: net_read(request); break;
    case HALT: halt(request);
    default: kill_guest("invalid hypercall %u", number);
    }
}
