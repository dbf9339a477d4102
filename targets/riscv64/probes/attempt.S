/*
 * One access that may trap, and comes back all the same: a0 = address; returns scause, or -1 when nothing stopped it.
 * When it trapped, the word at a1 gets stval.
 *
 * The trap vector is set for the time of the access. There is no sret: after a trap we are in S-mode already, with
 * interrupts off as before.
 */
    .macro attempt name, access:vararg
    .section .text.\name, "ax", @progbits
    .globl \name
    .type \name, @function
    .p2align 2
\name:
    lla t0, 2f
    csrrw t2, stvec, t0
    mv t3, ra
    \access
    li a0, -1
    j 1f
    .p2align 2
2:  csrr a0, scause
    csrr t1, stval
    sd t1, 0(a1)
1:  csrw stvec, t2
    jr t3
    .size \name, . - \name
    .endm

    attempt attempt_read, lb t1, 0(a0)
    attempt attempt_write, sb a2, 0(a0)
    attempt attempt_execute, jalr a0

    .section .note.GNU-stack, "", @progbits
