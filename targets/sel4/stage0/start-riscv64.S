/* The kernel's entry on RISC-V: a0 = BootInfo, and no stack yet. */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
    .p2align 2
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    lla sp, sel4_stack_top
    li ra, 0
    li s0, 0
    tail sel4_stage0
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
