/* Where a program's thread begins that a first stage has made: its boot block is the argument, and it has a stack. */
    .section .text.sel4_program, "ax", @progbits
    .globl sel4_program
    .type sel4_program, @function
sel4_program:
    xorl %ebp, %ebp
    cld
    call layer_start
    .size sel4_program, . - sel4_program

    .section .note.GNU-stack, "", @progbits
