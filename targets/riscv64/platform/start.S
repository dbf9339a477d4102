/*
 * The first instructions of an image, in S-mode: a0 = hart, a1 = flattened device tree, a2 = boot block.
 *
 * With page tables in force, a start-up stub has relocated the image and given it a stack, a trap stack and a boot block.
 * Without (a plain image that firmware entered) all that is done here, and a2 means nothing: firmware leaves there what
 * it likes. Traps come first of all, so that any mistake ends in a message.
 *
 * No page that stays executable may hold an instruction that writes sstatus: it could make text readable. A plain image
 * has to, once, so these instructions lie among the read-only data: without page tables that executes, with them it
 * does not.
 */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
    .p2align 2
_start:
    .option push
    .option norelax
    lla gp, __global_pointer$
    .option pop
    lla t0, rv_trap_entry
    csrw stvec, t0
    csrw sie, zero
    csrr t0, satp
    bnez t0, 3f

    lla sp, rv_first_stack_top
    csrw sscratch, sp
    lla t0, __bss_start
    lla t1, __bss_end
1:  bgeu t0, t1, 2f
    sd zero, 0(t0)
    addi t0, t0, 8
    j 1b
2:  lla t0, rv_plain_status
    jalr t0
    mv s0, a0
    mv s1, a1
    lla a0, rv_image
    call rv_relocate
    mv a0, s0
    mv a1, s1
    call rv_plain_boot
    mv a2, a0

3:  ld t0, 56(a2)
    csrw sscratch, t0
    ld sp, 40(a2)
    fscsr zero
    li ra, 0
    li s0, 0
    mv a0, a2
    tail layer_start
    .size _start, . - _start

    .section .rodata.rv_plain_status, "a", @progbits
    .p2align 2
rv_plain_status:
    li t0, 0xc0102                  /* MXR, SUM, SIE: off */
    csrc sstatus, t0
    li t0, 0x6000                   /* FS: dirty */
    csrs sstatus, t0
    ret

    .bss
    .p2align 4
    .globl rv_first_stack
rv_first_stack:
    .skip 16384
    .globl rv_first_stack_top
rv_first_stack_top:

    .section .note.GNU-stack, "", @progbits
