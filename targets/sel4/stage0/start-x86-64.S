/* The kernel's entry on x86-64: rdi = BootInfo, and no stack yet. */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
_start:
    leaq sel4_stack_top(%rip), %rsp
    xorl %ebp, %ebp
    cld
    call sel4_stage0
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
