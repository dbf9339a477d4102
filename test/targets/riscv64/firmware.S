/*
 * A firmware for tests that has what the OpenSBI of Debian 12 lacks and nothing else: SBI's DBCN console, TIME and SRST,
 * no legacy calls. It lies at 0x80000000 of QEMU's virt machine and enters what lies at 0x80200000. Its console takes at
 * most 7 bytes a call, and none while the serial line is busy: both are allowed.
 */
    .option norelax
    .option norvc
    .text
start:
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0                /* all of memory: read, write, execute */
    li t0, 0xb1ff
    csrw medeleg, t0                /* all exceptions but calls from S-mode */
    li t0, 0x222
    csrw mideleg, t0
    li t0, 7
    csrw mcounteren, t0
    li t0, 0x80000100
    csrw mtvec, t0
    li t0, 0x80001000
    csrw mscratch, t0               /* registers are saved below */
    li t0, 0x1880
    csrc mstatus, t0
    li t0, 0x0800                   /* mret goes to S-mode */
    csrs mstatus, t0
    li t0, 0x80200000
    csrw mepc, t0
    li a2, 0x123
    mret

    .org 0x100
trap:
    csrrw sp, mscratch, sp
    sd t0, -8(sp)
    sd t1, -16(sp)
    sd t2, -24(sp)
    csrr t0, mcause
    bgez t0, call
    li t0, 0x80                     /* the timer: pass it on to S-mode, once */
    csrc mie, t0
    li t0, 0x20
    csrs mip, t0
    j leave
call:
    csrr t0, mepc
    addi t0, t0, 4
    csrw mepc, t0
    li t0, 0x10
    beq a7, t0, base
    li t0, 0x4442434e
    beq a7, t0, console
    li t0, 0x54494d45
    beq a7, t0, timer
    li t0, 0x53525354
    beq a7, t0, reset
    li a0, -2                       /* not supported */
    j leave
base:
    li a1, 1
    li t0, 0x4442434e
    beq a0, t0, done
    li t0, 0x54494d45
    beq a0, t0, done
    li t0, 0x53525354
    beq a0, t0, done
    li a1, 0
done:
    li a0, 0
    j leave
console:                            /* a0 bytes at physical address a1 */
    li t0, 7
    bltu a0, t0, 1f
    mv a0, t0
1:  add a0, a0, a1                  /* where to stop */
    mv t0, a1
    li t2, 0x10000000
2:  beq t0, a0, 3f
    lbu t1, 5(t2)
    andi t1, t1, 0x20
    beqz t1, 3f
    lbu t1, 0(t0)
    sb t1, 0(t2)
    addi t0, t0, 1
    j 2b
3:  sub a1, t0, a1
    li a0, 0
    j leave
timer:
    li t0, 0x2004000
    sd a0, 0(t0)
    li t0, 0x20
    csrc mip, t0
    li t0, 0x80
    csrs mie, t0
    li a0, 0
    j leave
reset:
    li t0, 0x100000
    li t1, 0x5555
    sw t1, 0(t0)
4:  j 4b
leave:
    ld t2, -24(sp)
    ld t1, -16(sp)
    ld t0, -8(sp)
    csrrw sp, mscratch, sp
    mret
