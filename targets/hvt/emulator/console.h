/* The guest's console: a port of a virtio-serial device. */
#ifndef CONSOLE_H
#define CONSOLE_H

#include "base.h"

void console_attach(u32 transport);

/* Writes bytes of guest memory; returns when the host has them. */
void console_write(u64 address, u64 size);

#endif
