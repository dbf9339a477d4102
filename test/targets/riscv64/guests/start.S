/* Entry of a test guest behind the stub: a trap vector on the trap stack, then guest(a0, a1, a2). */
    .section .text.start, "ax", @progbits
    .globl _start
_start:
    la      t0, vector
    csrw    stvec, t0
    ld      t0, 56(a2)
    csrw    sscratch, t0
    call    guest
    j       power_off

    .balign 4
vector:
    csrrw   sp, sscratch, sp
    csrr    a0, scause
    csrr    a1, stval
    csrr    a2, sepc
    call    on_trap
    .globl  power_off
power_off:
    li      a0, 0
    li      a1, 0
    li      a6, 0
    li      a7, 0x53525354
    ecall
1:  wfi
    j       1b
