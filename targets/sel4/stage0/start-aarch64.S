/* The kernel's entry on AArch64: x0 = BootInfo, and no stack yet. */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
    .p2align 2
_start:
    adrp x1, sel4_stack_top
    add x1, x1, :lo12:sel4_stack_top
    mov sp, x1
    mov x29, xzr
    mov x30, xzr
    b sel4_stage0
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
