/*
 * How a probe says what it is about to try, and how it ends when nothing stopped it. The same for all targets.
 *
 *   probe NAME tries LOW HIGH        just before; the access goes to an address from LOW to HIGH, both included
 *   probe NAME succeeded VALUE       nothing stopped it
 *   probe NAME found nothing         nothing stopped it, and there was nothing there
 *
 * Between the two stands whatever stopped it: the platform layer's trap message, or nothing when the machine died.
 */
#ifndef SAY_H
#define SAY_H

#include <solo5.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGE 4096u

void say(const char *text);
void say_hex(uint64_t value);
void tries(uintptr_t low, uintptr_t high);
void succeeded(uint64_t value);
void nothing_found(void);
bool equal(const char *left, const char *right);
/* A number in hexadecimal, up to the first character that is no digit. */
uintptr_t hexadecimal(const char *text);
/* Takes the probe's name, the first word of the command line; returns what follows it. */
const char *take_name(const char *text);

/* The probe's name. */
extern char probe_name[32];

/* An address that the compiler knows nothing about. */
static inline uintptr_t hidden(uintptr_t address) {
    __asm__ volatile("" : "+r"(address));
    return address;
}

#endif
