/*
 * Entry points for all 32 exceptions, 16 bytes apart, so that traps.c computes their addresses instead of relocating a
 * table. Each brings the stack to the same shape (struct trap_frame in traps.c) and goes on to hvt_trap_report, which does
 * not return.
 */
    .section .text.hvt_trap_entries, "ax", @progbits
    .globl hvt_trap_entries
    .type hvt_trap_entries, @function
    .p2align 4
hvt_trap_entries:
    .set vector, 0
    .rept 32
    .p2align 4
    /* The CPU pushes an error code for these; for the others a 0 takes its place. */
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    pushq $0
    .endif
    pushq $vector
    jmp trap_common
    .set vector, vector + 1
    .endr
    .size hvt_trap_entries, . - hvt_trap_entries

    .p2align 4
    .type trap_common, @function
trap_common:
    cld
    movq %rsp, %rdi
    movq %cr2, %rsi
    andq $-16, %rsp
    call hvt_trap_report
1:  hlt
    jmp 1b
    .size trap_common, . - trap_common

    .section .note.GNU-stack, "", @progbits
