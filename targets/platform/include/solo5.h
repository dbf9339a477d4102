/*
 * The application interface of a casemate unikernel: Solo5's public C API, declared anew.
 *
 * MirageOS and the libraries around it already speak this interface, so every target of casemate offers it and code
 * written for Solo5 compiles and links unchanged: names, types and values are Solo5's; the words are ours. A target's
 * platform layer (targets/<target>/platform) implements it.
 *
 * Results: functions that return solo5_result_t return SOLO5_R_OK on success, and the reason otherwise; our layers
 * check their arguments and report SOLO5_R_EINVAL, but portable code must not count on it (an implementation may abort
 * instead). Functions without a result cannot fail in a way that a program could handle.
 */
#ifndef SOLO5_H_INCLUDED
#define SOLO5_H_INCLUDED

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum {
    SOLO5_R_OK = 0,     /* done */
    SOLO5_R_AGAIN = 1,  /* not now; the same call may succeed later */
    SOLO5_R_EINVAL = 2, /* an argument is wrong */
    SOLO5_R_EUNSPEC = 3 /* it failed for another reason */
} solo5_result_t;

/* ---- Start and end --------------------------------------------------------------------------------------------- */

/* What a program is told at its start. It is read-only and lives as long as the program. */
struct solo5_start_info {
    const char *cmdline;  /* arguments as one NUL-terminated string; never NULL */
    uintptr_t heap_start; /* first byte of the program's own memory, page aligned */
    size_t heap_size;     /* its size in bytes; the initial stack lies above it and is not part of it */
};

/* The program. Returning a value is the same as calling solo5_exit with it. */
int solo5_app_main(const struct solo5_start_info *info);

#define SOLO5_EXIT_SUCCESS 0
#define SOLO5_EXIT_FAILURE 1
#define SOLO5_EXIT_ABORT 255 /* values from 255 up belong to the platform */

/* Ends the program; the host sees `status` where it can. */
void solo5_exit(int status) __attribute__((noreturn));

/* Ends the program abnormally with SOLO5_EXIT_ABORT; the host may keep a core dump. */
void solo5_abort(void) __attribute__((noreturn));

/* ---- Thread-local storage -------------------------------------------------------------------------------------- */

/*
 * The initial thread has its storage ready when solo5_app_main runs. A program with more threads makes a block for
 * each: solo5_tls_size() bytes from its allocator, solo5_tls_init(block), and on every switch
 * solo5_set_tls_base(solo5_tls_tp_offset(block)).
 */
size_t solo5_tls_size(void);

/* The value of the thread pointer for the block at `tls`. */
uintptr_t solo5_tls_tp_offset(uintptr_t tls);

/* Fills the block at `tls` with the initial values of thread-local variables. SOLO5_R_EINVAL: `tls` is 0. */
solo5_result_t solo5_tls_init(uintptr_t tls);

/* Sets the thread pointer (FS base on x86-64). SOLO5_R_EINVAL: `base` is not an address that the CPU accepts. */
solo5_result_t solo5_set_tls_base(uintptr_t base);

/* ---- Time ------------------------------------------------------------------------------------------------------ */

/* Nanoseconds. */
typedef uint64_t solo5_time_t;

/* Time since some moment in the past; never runs backwards. Cheap. */
solo5_time_t solo5_clock_monotonic(void);

/* Time since 1970-01-01 00:00 UTC as the host sees it. Asks the host at every call. */
solo5_time_t solo5_clock_wall(void);

/* ---- Handles and waiting --------------------------------------------------------------------------------------- */

/* A device that was acquired. */
typedef uint64_t solo5_handle_t;

/* Bit h stands for handle h. */
typedef uint64_t solo5_handle_set_t;

/*
 * Sleeps until the monotonic clock reaches `deadline` or a network device has a packet, whichever comes first. When
 * `ready_set` is not NULL it receives the devices that have one.
 */
void solo5_yield(solo5_time_t deadline, solo5_handle_set_t *ready_set);

/* ---- Console --------------------------------------------------------------------------------------------------- */

/* Writes `size` bytes; what the host cannot take is lost. */
void solo5_console_write(const char *buf, size_t size);

/* ---- Network --------------------------------------------------------------------------------------------------- */

#define SOLO5_NET_ALEN 6  /* bytes of an Ethernet address */
#define SOLO5_NET_HLEN 14 /* bytes of an Ethernet header */

struct solo5_net_info {
    uint8_t mac_address[SOLO5_NET_ALEN];
    size_t mtu; /* bytes after the Ethernet header */
};

/*
 * Opens the network device that the image's manifest calls `name`. Once per device: a second time, and for a name that
 * is not a network device, the result is SOLO5_R_EINVAL.
 */
solo5_result_t solo5_net_acquire(const char *name, solo5_handle_t *handle, struct solo5_net_info *info);

/* Sends one frame of `size` bytes, header included, at most mtu + SOLO5_NET_HLEN. A busy host drops it in silence. */
solo5_result_t solo5_net_write(solo5_handle_t handle, const uint8_t *buf, size_t size);

/*
 * Takes one frame, if there is one, into `buf` of `size` bytes, at least mtu + SOLO5_NET_HLEN; `*read_size` becomes the
 * frame's length. SOLO5_R_AGAIN: there is none.
 */
solo5_result_t solo5_net_read(solo5_handle_t handle, uint8_t *buf, size_t size, size_t *read_size);

/* ---- Block storage --------------------------------------------------------------------------------------------- */

/* Bytes from the beginning of a device. */
typedef uint64_t solo5_off_t;

struct solo5_block_info {
    solo5_off_t capacity;   /* bytes */
    solo5_off_t block_size; /* bytes; offsets and sizes are multiples of it */
};

/* Opens the block device that the image's manifest calls `name`; as solo5_net_acquire. */
solo5_result_t solo5_block_acquire(const char *name, solo5_handle_t *handle, struct solo5_block_info *info);

/*
 * Writes or reads `size` bytes at `offset`, all or nothing. Portable code moves one block per call; SOLO5_R_EINVAL when
 * offset or size is no multiple of the block size or the range leaves the device.
 */
solo5_result_t solo5_block_write(solo5_handle_t handle, solo5_off_t offset, const uint8_t *buf, size_t size);
solo5_result_t solo5_block_read(solo5_handle_t handle, solo5_off_t offset, uint8_t *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif
