/* The root task's entry, and that of a thread it makes: a0 says what to do, a1 is the stack. */
    .section .text.first, "ax", @progbits
    .globl _start
_start:
    lla sp, stack_top
    tail root

    .text
    .globl child_start
child_start:
    tail child

    .bss
    .p2align 4
    .space 65536
stack_top:

    .section .note.GNU-stack, "", @progbits
