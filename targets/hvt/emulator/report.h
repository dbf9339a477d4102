/*
 * The line to the host (COM1): what became of the guest, and the host's clock.
 *
 * The guest's console is not used for it, so nothing of ours mixes with what the guest prints, and no guest can fake a
 * verdict. Lines from the emulator, each ended by a newline:
 *
 *   time               the host answers with 16 hexadecimal digits: nanoseconds since 1970
 *   halted STATUS      the guest ended itself (signed decimal)
 *   refused TEXT       the tender's loader would not have run this image
 *   killed TEXT        the tender would have died of what the guest did
 *   broken TEXT        the emulator or QEMU failed; says nothing about the guest
 *
 * The last four are the final word: the machine stops after them.
 */
#ifndef REPORT_H
#define REPORT_H

#include "base.h"

void report_init(void);

/* %s, %d (i32), %u (u32), %x (u32), %lu and %lx (u64). */
_Noreturn void refuse(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void kill_guest(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void report_halted(i32 status);

/* Asks for the host's time; host_time waits for the answer. */
void ask_host_time(void);
u64 host_time(void);

#endif
