/*
 * Copying memory: 64 bytes at a time while there are so many, then 8, then single ones. Unaligned words are as fast as any
 * here. Weak, so that a C library among the inputs may bring its own.
 */
    .section .text.memcpy, "ax", @progbits
    .weak memcpy
    .type memcpy, @function
    .p2align 2
memcpy:
    mov x3, x0
1:  subs x2, x2, #64
    b.lo 2f
    ldp x4, x5, [x1]
    ldp x6, x7, [x1, #16]
    ldp x8, x9, [x1, #32]
    ldp x10, x11, [x1, #48]
    add x1, x1, #64
    stp x4, x5, [x3]
    stp x6, x7, [x3, #16]
    stp x8, x9, [x3, #32]
    stp x10, x11, [x3, #48]
    add x3, x3, #64
    b 1b
2:  add x2, x2, #64
3:  subs x2, x2, #8
    b.lo 4f
    ldr x4, [x1], #8
    str x4, [x3], #8
    b 3b
4:  adds x2, x2, #8
    b.eq 6f
5:  ldrb w4, [x1], #1
    strb w4, [x3], #1
    subs x2, x2, #1
    b.ne 5b
6:  ret
    .size memcpy, . - memcpy

    .section .note.GNU-stack, "", @progbits
