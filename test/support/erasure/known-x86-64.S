/* Functions of which is known what they leave; each takes a pointer to 32 secret bytes. See oracle.test.ts. */
        .intel_syntax noprefix
        .macro  begin name
        .globl  \name
        .type   \name, @function
\name:
        .endm
        .text
        begin   leaves_nothing
        mov     rax, [rdi]
        xor     eax, eax
        ret

        begin   leaves_on_stack
        mov     rax, [rdi]
        push    rax
        push    rax
        add     rsp, 8
        xor     eax, eax
        mov     [rsp], rax
        add     rsp, 8
        ret

        begin   leaves_in_register
        movzx   r9d, byte ptr [rdi + 5]
        shr     r9d, 7
        xor     eax, eax
        ret

        begin   leaves_in_vector
        movdqu  xmm7, [rdi]
        psrldq  xmm7, 15
        xor     eax, eax
        ret

        begin   leaves_in_memory
        mov     eax, [rdi]
        mov     [rip + kept + 4], eax
        xor     eax, eax
        ret

        begin   spills_result
        mov     eax, [rdi]
        and     eax, 1
        push    rax
        add     rsp, 8
        ret

        begin   spills_output
        mov     rax, [rdi]
        mov     [rsi], rax
        push    rax
        add     rsp, 8
        xor     eax, eax
        ret

        begin   wipes_argument
        mov     qword ptr [rdi], 0
        mov     qword ptr [rdi + 8], 0
        mov     qword ptr [rdi + 24], 0
        ret

        begin   dies
        ud2

        .bss
kept:   .zero   8
        .section .note.GNU-stack, "", @progbits
