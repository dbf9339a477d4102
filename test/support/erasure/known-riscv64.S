/* The same as known-x86-64.S. */
        .macro  begin name
        .globl  \name
        .type   \name, @function
\name:
        .endm
        .text
        begin   leaves_nothing
        ld      a0, 0(a0)
        li      a0, 0
        ret

        begin   leaves_on_stack
        ld      a0, 0(a0)
        sd      a0, -8(sp)
        sd      a0, -16(sp)
        sd      zero, -8(sp)
        li      a0, 0
        ret

        begin   leaves_in_register
        lbu     t3, 5(a0)
        srli    t3, t3, 7
        li      a0, 0
        ret

        begin   leaves_in_vector
        fld     f7, 8(a0)
        li      a0, 0
        ret

        begin   leaves_in_memory
        lw      a0, 0(a0)
        lla     a1, kept
        sw      a0, 4(a1)
        li      a0, 0
        ret

        begin   spills_result
        lw      a0, 0(a0)
        andi    a0, a0, 1
        sd      a0, -8(sp)
        ret

        begin   spills_output
        ld      a2, 0(a0)
        sd      a2, 0(a1)
        sd      a2, -8(sp)
        li      a2, 0
        li      a0, 0
        ret

        begin   wipes_argument
        sd      zero, 0(a0)
        sd      zero, 8(a0)
        sd      zero, 24(a0)
        ret

        begin   dies
        unimp

        .bss
kept:   .zero   8
        .section .note.GNU-stack, "", @progbits
