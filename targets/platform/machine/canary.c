/*
 * The stack protector's canary, which our own code and that of every program we compile reads from the global
 * __stack_chk_guard. start.c gives it the value that the boot block brings, before any function that is protected by it.
 */
#include "guest.h"

uintptr_t __stack_chk_guard __attribute__((section(".data.__stack_chk_guard")));

_Noreturn void __stack_chk_fail(void);

_Noreturn void __stack_chk_fail(void) { layer_abort("a stack buffer was overrun (the canary is damaged)"); }
