/*
 * The stand-in's entry, as a loader calls seL4's: paging is on, with this code's addresses and physical ones mapped, and
 * a0 to a7 say what to boot. Then its traps: a thread's registers go to where sscratch says, and the stand-in's own stack
 * begins anew at each, since it keeps nothing from one to the next.
 */
    .section .text.first, "ax", @progbits
    .globl _start
_start:
    lla sp, stack_top
    call boot
    j to_user

    .text
    .option arch, +d
    .macro integers operation, base
    .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \operation x\n, 8*\n(\base)
    .endr
    .endm

    .macro floats operation, base
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    \operation f\n, 256+8*\n(\base)
    .endr
    .endm

    .p2align 2
from_user:
    csrrw a0, sscratch, a0
    integers sd, a0
    csrr t0, sscratch
    sd t0, 80(a0)
    csrr t0, sepc
    sd t0, 0(a0)
    lla sp, stack_top
    lla t0, from_own
    csrw stvec, t0
    call trap
/* a0: registers of the thread to run. */
to_user:
    lla t0, from_user
    csrw stvec, t0
    ld t0, 0(a0)
    csrw sepc, t0
    csrw sscratch, a0
    integers ld, a0
    ld a0, 80(a0)
    sret

    .p2align 2
from_own:
    lla sp, stack_top
    csrr a0, scause
    csrr a1, sepc
    csrr a2, stval
    call own_fault

/* a0: struct registers. */
    .globl keep_floats
keep_floats:
    floats fsd, a0
    frcsr t0
    sd t0, 512(a0)
    ret

    .globl set_floats
set_floats:
    floats fld, a0
    ld t0, 512(a0)
    fscsr t0
    ret

    .bss
    .p2align 12
    .space 16384
stack_top:

    .section .note.GNU-stack, "", @progbits
