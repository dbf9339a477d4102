/*
 * Where a trap goes: to the trap stack, which sscratch names, and to rv_trap_report, which does not return. A program
 * that ran out of stack is reported like any other.
 *
 * A trap inside the report finds another vector: it powers off without a word and without memory.
 */
    .section .text.rv_trap_entry, "ax", @progbits
    .globl rv_trap_entry
    .type rv_trap_entry, @function
    .p2align 2
rv_trap_entry:
    csrrw sp, sscratch, sp
    lla t0, rv_trap_again
    csrw stvec, t0
    csrr a0, scause
    csrr a1, stval
    csrr a2, sepc
    tail rv_trap_report
    .size rv_trap_entry, . - rv_trap_entry

    .type rv_trap_again, @function
    .p2align 2
rv_trap_again:
    li a7, 0x53525354               /* SRST: shutdown, system failure */
    li a6, 0
    li a0, 0
    li a1, 1
    ecall
    li a7, 8                        /* legacy shutdown */
    ecall
1:  wfi
    j 1b
    .size rv_trap_again, . - rv_trap_again

    .section .note.GNU-stack, "", @progbits
