/* The same as oracle-x86-64.S, for RV64GC. */
        .text
        .globl _start
_start:
        .option push
        .option norelax
        lla     gp, __global_pointer$
        .option pop
        andi    sp, sp, -16
        call    oracle_main
        unimp

        .globl oracle_call
        .type oracle_call, @function
oracle_call:
        lla     t0, oracle_saved
        sd      ra, 0(t0)
        sd      sp, 8(t0)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        sd      s\n, 16 + 8 * \n(t0)
        .endr
        li      t1, 0x5a5a5a5a5a5a5a5a
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        fmv.d.x f\n, t1
        .endr
        lla     t0, oracle_arguments
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7
        ld      a\n, 8 * \n(t0)
        .endr
        lla     t0, oracle_top
        ld      sp, 0(t0)
        lla     t0, oracle_function
        ld      t0, 0(t0)
        .irp r, t2, s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10, s11, t3, t4, t5, t6
        mv      \r, t1
        .endr
        jalr    t0

        /* The stack pointer is what it was, and what lies above it is the driver's. */
        .irp n, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        sd      x\n, 8 * \n(sp)
        .endr
        sd      sp, 16(sp)
        sd      zero, 0(sp)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
        fsd     f\n, 256 + 8 * \n(sp)
        .endr
        lla     t0, oracle_registers
        mv      t1, sp
        addi    t2, sp, 512
1:      ld      t3, 0(t1)
        sd      t3, 0(t0)
        addi    t0, t0, 8
        addi    t1, t1, 8
        bltu    t1, t2, 1b

        lla     t0, oracle_saved
        ld      ra, 0(t0)
        ld      sp, 8(t0)
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
        ld      s\n, 16 + 8 * \n(t0)
        .endr
        ret
        .size oracle_call, . - oracle_call
        .section .note.GNU-stack, "", @progbits
