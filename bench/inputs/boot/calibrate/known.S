/*
 * A piece of code of which one can say by hand how many instructions it executes before its return: 2560, an instruction
 * under rep once for each repetition and at least once. Loops, repetitions, instructions that leave for the tender, and a 0 to repeat.
 */
    .text
    .globl known
    .type known, @function
    .p2align 12
known:
    pushq %rbx                      /* 1 */
    movl $1000, %ecx                /* 1 */
1:  decl %ecx                       /* 1000 */
    jnz 1b                          /* 1000 */
    leaq buffer(%rip), %rdi         /* 1 */
    movl $540, %ecx                 /* 1 */
    xorl %eax, %eax                 /* 1 */
    rep stosb                       /* 540 */
    rep stosb                       /* 1: nothing left to do */
    cpuid                           /* 1 */
    movl $0xc0000080, %ecx          /* 1 */
    rdmsr                           /* 1: the tender answers */
    movl $9, %ecx                   /* 1 */
2:  loop 2b                         /* 9 */
    popq %rbx                       /* 1 */
    .globl known_return
known_return:
    ret
    .size known, . - known

    .bss
buffer:
    .skip 540
    .section .note.GNU-stack, "", @progbits
