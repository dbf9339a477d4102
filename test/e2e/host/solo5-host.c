/*
 * Solo5's public API as an ordinary process, for testing programs of the examples where a unikernel cannot go: under
 * sanitizers, with a block device that loses power in the middle of a write, and with a network whose every frame and
 * whose clock a test controls.
 *
 *   PROGRAM CMDLINE
 *
 *   HOST_WALL           nanoseconds that the wall clock shows at the start (default: the real time)
 *   HOST_HEAP           bytes of heap (default 1 MiB)
 *   HOST_BLOCK          file behind the one block device, whose name is "store"
 *   HOST_BLOCK_SIZE     its block size (default 512)
 *   HOST_CRASH_WRITE    the n-th block write, from 1, is cut short and the process dies with status 99
 *   HOST_CRASH_BYTES    how many bytes of that block reach the file
 *   HOST_WIRE           set: there is a network device "net0", spoken to on standard input and output (console: stderr)
 *
 * The wire carries messages of a little-endian u16 and a payload. To the program: a length and a frame, or 0xffff and a
 * u32 of milliseconds by which the clock goes on. From the program: a length and a frame, or 0xffff when it has
 * nothing more to do and sleeps. Time stands still unless the test moves it.
 */
#include <fcntl.h>
#include <solo5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define IDLE 0xffffu

static bool wired;
static uint64_t virtual_time = 1000000000;
static int block_file = -1;
static uint64_t block_size = 512, block_capacity;
static bool block_acquired, net_acquired;
static unsigned long writes;
static uint8_t pending[65536];
static size_t pending_size;

static uint64_t setting(const char *name, uint64_t otherwise) {
    const char *text = getenv(name);
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

static _Noreturn void die(const char *what) {
    perror(what);
    _exit(98);
}

static void write_all(int fd, const void *data, size_t size) {
    for (const char *at = data; size > 0;) {
        ssize_t n = write(fd, at, size);
        if (n <= 0) die("write");
        at += n;
        size -= (size_t)n;
    }
}

/* False at the end of the input. */
static bool read_all(void *data, size_t size) {
    for (char *at = data; size > 0;) {
        ssize_t n = read(0, at, size);
        if (n < 0) die("read");
        if (n == 0) return false;
        at += n;
        size -= (size_t)n;
    }
    return true;
}

static uint64_t real_time(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

solo5_time_t solo5_clock_monotonic(void) { return wired ? virtual_time : real_time(CLOCK_MONOTONIC); }

solo5_time_t solo5_clock_wall(void) {
    uint64_t start = setting("HOST_WALL", 0);
    return start == 0 ? real_time(CLOCK_REALTIME) : start + (wired ? virtual_time : 0);
}

void solo5_console_write(const char *buf, size_t size) { write_all(wired ? 2 : 1, buf, size); }
void solo5_exit(int status) { exit(status); }
void solo5_abort(void) { exit(SOLO5_EXIT_ABORT); }

void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set) {
    if (ready_set != NULL) *ready_set = pending_size > 0 ? 2 : 0;
    if (!wired || pending_size > 0 || deadline <= virtual_time) return;
    uint16_t size = IDLE;
    write_all(1, &size, sizeof size);
    if (!read_all(&size, sizeof size)) exit(0);
    if (size == IDLE) {
        uint32_t milliseconds;
        if (!read_all(&milliseconds, sizeof milliseconds)) exit(0);
        virtual_time += (uint64_t)milliseconds * 1000000;
        return;
    }
    if (!read_all(pending, size)) exit(0);
    pending_size = size;
    if (ready_set != NULL) *ready_set = size > 0 ? 2 : 0;
}

solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info) {
    static const uint8_t mac[SOLO5_NET_ALEN] = {0x02, 0, 0, 0, 0, 0x01};
    if (!wired || net_acquired || strcmp(name, "net0") != 0) return SOLO5_R_EINVAL;
    net_acquired = true;
    *handle = 1;
    memcpy(info->mac_address, mac, sizeof mac);
    info->mtu = 1500;
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size) {
    if (handle != 1 || !net_acquired || size > 1514 || size < SOLO5_NET_HLEN) return SOLO5_R_EINVAL;
    uint16_t length = (uint16_t)size;
    write_all(1, &length, sizeof length);
    write_all(1, buf, size);
    return SOLO5_R_OK;
}

solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size) {
    if (handle != 1 || !net_acquired || size < 1514) return SOLO5_R_EINVAL;
    if (pending_size == 0) return SOLO5_R_AGAIN;
    *read_size = pending_size < size ? pending_size : size;
    memcpy(buf, pending, *read_size);
    pending_size = 0;
    return SOLO5_R_OK;
}

solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle, struct solo5_block_info *info) {
    if (block_file < 0 || block_acquired || strcmp(name, "store") != 0) return SOLO5_R_EINVAL;
    block_acquired = true;
    *handle = 1;
    info->capacity = block_capacity;
    info->block_size = block_size;
    return SOLO5_R_OK;
}

static bool block_range(solo5_handle_t handle, solo5_off_t offset, size_t size) {
    return handle == 1 && block_acquired && size == block_size && offset % block_size == 0 &&
           offset <= block_capacity - size;
}

solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf, size_t size) {
    if (!block_range(handle, offset, size)) return SOLO5_R_EINVAL;
    if (++writes == setting("HOST_CRASH_WRITE", 0)) {
        size_t part = setting("HOST_CRASH_BYTES", 0);
        if (pwrite(block_file, buf, part, (off_t)offset) != (ssize_t)part) die("pwrite");
        _exit(99);
    }
    if (pwrite(block_file, buf, size, (off_t)offset) != (ssize_t)size) die("pwrite");
    return SOLO5_R_OK;
}

solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size) {
    if (!block_range(handle, offset, size)) return SOLO5_R_EINVAL;
    if (pread(block_file, buf, size, (off_t)offset) != (ssize_t)size) die("pread");
    return SOLO5_R_OK;
}

int main(int argc, char **argv) {
    wired = getenv("HOST_WIRE") != NULL;
    if (getenv("HOST_BLOCK") != NULL) {
        struct stat status;
        block_file = open(getenv("HOST_BLOCK"), O_RDWR);
        if (block_file < 0 || fstat(block_file, &status) != 0) die("HOST_BLOCK");
        block_size = setting("HOST_BLOCK_SIZE", block_size);
        block_capacity = (uint64_t)status.st_size / block_size * block_size;
    }
    size_t heap_size = setting("HOST_HEAP", 1 << 20);
    static struct solo5_start_info info; /* static: the heap must not look like a leak */
    info = (struct solo5_start_info){
        .cmdline = argc > 1 ? argv[1] : "", .heap_start = (uintptr_t)malloc(heap_size), .heap_size = heap_size};
    return solo5_app_main(&info);
}
