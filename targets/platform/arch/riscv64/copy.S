/*
 * Copying memory, which is most of what a frame costs: words where both sides allow them, bytes elsewhere, because
 * firmware emulates unaligned words on some processors, at a hundred times the cost.
 *
 *   memcpy      weak, so that a C library among the inputs may bring its own
 *   layer_copy  the same to the layer itself, which relies on what is left alone: a0, a3 to a7 and everything that a
 *               function has to keep (arch.h), so that whoever calls it for every frame saves no registers
 */
    .section .text.memcpy, "ax", @progbits
    .weak memcpy
    .type memcpy, @function
    .globl layer_copy
    .type layer_copy, @function
    .p2align 1
memcpy:
layer_copy:
    mv t1, a0
    xor t0, a0, a1
    andi t0, t0, 7
    bnez t0, 7f
1:  andi t0, t1, 7
    beqz t0, 2f
    beqz a2, 8f
    lbu t0, 0(a1)
    sb t0, 0(t1)
    addi a1, a1, 1
    addi t1, t1, 1
    addi a2, a2, -1
    j 1b

2:  andi t0, a2, -64
    add t2, a1, t0
    andi a2, a2, 63
    beqz t0, 4f
3:  ld t0, 0(a1)
    ld t3, 8(a1)
    ld t4, 16(a1)
    ld t5, 24(a1)
    sd t0, 0(t1)
    sd t3, 8(t1)
    sd t4, 16(t1)
    sd t5, 24(t1)
    ld t0, 32(a1)
    ld t3, 40(a1)
    ld t4, 48(a1)
    ld t5, 56(a1)
    sd t0, 32(t1)
    sd t3, 40(t1)
    sd t4, 48(t1)
    sd t5, 56(t1)
    addi a1, a1, 64
    addi t1, t1, 64
    bne a1, t2, 3b

4:  andi t0, a2, -8
    add t2, a1, t0
    andi a2, a2, 7
    beqz t0, 6f
5:  ld t0, 0(a1)
    addi a1, a1, 8
    sd t0, 0(t1)
    addi t1, t1, 8
    bne a1, t2, 5b

6:  andi t0, a2, 4
    beqz t0, 7f
    lw t0, 0(a1)
    addi a1, a1, 4
    sw t0, 0(t1)
    addi t1, t1, 4
    addi a2, a2, -4
7:  beqz a2, 8f
    lbu t0, 0(a1)
    addi a1, a1, 1
    sb t0, 0(t1)
    addi t1, t1, 1
    addi a2, a2, -1
    j 7b
8:  ret
    .size memcpy, . - memcpy

    .section .note.GNU-stack, "", @progbits
