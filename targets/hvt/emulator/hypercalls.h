/* The tender's services: what a guest asks for through ports 0x500 + number. */
#ifndef HYPERCALLS_H
#define HYPERCALLS_H

#include "base.h"

#define HYPERCALL_PORT 0x500u

/* Serves hypercall `number` with the request at guest address `request`; ends the guest when it is wrong. */
void hypercall(u32 number, u64 request);

#endif
