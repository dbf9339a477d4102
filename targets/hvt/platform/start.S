/*
 * The first instructions of an image.
 *
 * The tender enters here in 64-bit mode with RDI = boot_info, a stack at the top of memory and no interrupt table. C
 * code uses SSE registers for plain copies, so the floating-point state is put in order before any of it runs. The hvt
 * interface promises CR4.OSFXSR and a clear CR0.EM; we check instead of setting them, because an instruction that
 * writes a control register is exactly what an attacker wants to find in the text.
 */
    .section .text._start, "ax", @progbits
    .globl _start
    .type _start, @function
    .p2align 4
_start:
    cld
    xorl %ebp, %ebp
    movq %cr4, %rax
    notl %eax
    testl $0x600, %eax              /* OSFXSR, OSXMMEXCPT */
    jnz no_sse
    movq %cr0, %rax
    testl $0xc, %eax                /* EM, TS */
    jnz no_sse
    fninit
    ldmxcsr initial_mxcsr(%rip)
    movq %rsp, %rsi
    andq $-16, %rsp
    call hvt_start
no_sse:
    leaq no_sse_puts(%rip), %rax
    movl $0x502, %edx
    outl %eax, %dx
    leaq no_sse_halt(%rip), %rax
    movl $0x508, %edx
    outl %eax, %dx
1:  hlt
    jmp 1b
    .size _start, . - _start

    .section .rodata.start, "a", @progbits
    .p2align 3
no_sse_puts:
    .quad no_sse_text, no_sse_end - no_sse_text
no_sse_halt:
    .quad 0, 255
initial_mxcsr:
    .long 0x1f80                    /* all exceptions masked, round to nearest */
no_sse_text:
    .ascii "casemate: ABORT: the tender started us without SSE (CR4.OSFXSR, CR0.EM); this needs an hvt tender\n"
no_sse_end:

    .section .note.GNU-stack, "", @progbits
