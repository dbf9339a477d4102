/*
 * oracle_call: fills every register with a pattern, calls oracle_function with oracle_arguments on the stack that ends
 * at oracle_top, and stores all registers afterwards. Nothing of the driver is left in a register before, nor lost
 * behind; the direction flag is clear as the ABI says.
 */
        .intel_syntax noprefix
        .text
        .globl _start
_start: xor     ebp, ebp
        and     rsp, -16
        call    oracle_main
        ud2

        .globl oracle_call
        .type oracle_call, @function
oracle_call:
        mov     [rip + oracle_saved], rbx
        mov     [rip + oracle_saved + 8], rbp
        mov     [rip + oracle_saved + 16], r12
        mov     [rip + oracle_saved + 24], r13
        mov     [rip + oracle_saved + 32], r14
        mov     [rip + oracle_saved + 40], r15
        mov     [rip + oracle_saved + 48], rsp

        /* No flag of floating point is raised yet. */
        mov     dword ptr [rip + oracle_registers], 0x1f80
        ldmxcsr [rip + oracle_registers]
        mov     rax, 0x5a5a5a5a5a5a5a5a
        movq    xmm0, rax
        punpcklqdq xmm0, xmm0
        cmp     qword ptr [rip + oracle_has_avx], 0
        je      1f
        vinsertf128 ymm0, ymm0, xmm0, 1
        .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovaps ymm\n, ymm0
        .endr
        jmp     2f
1:      .irp n, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movaps  xmm\n, xmm0
        .endr
2:      mov     rdi, [rip + oracle_arguments]
        mov     rsi, [rip + oracle_arguments + 8]
        mov     rdx, [rip + oracle_arguments + 16]
        mov     rcx, [rip + oracle_arguments + 24]
        mov     r8, [rip + oracle_arguments + 32]
        mov     r9, [rip + oracle_arguments + 40]
        mov     rsp, [rip + oracle_top]
        .irp r, rbx, rbp, r10, r11, r12, r13, r14, r15
        mov     \r, rax
        .endr
        xor     eax, eax
        cld
        call    [rip + oracle_function]

        mov     [rip + oracle_registers], rax
        lahf
        seto    al
        movzx   eax, ax
        mov     [rip + oracle_registers + 640], rax
        stmxcsr [rip + oracle_registers + 648]
        mov     [rip + oracle_registers + 8], rcx
        mov     [rip + oracle_registers + 16], rdx
        mov     [rip + oracle_registers + 24], rbx
        mov     [rip + oracle_registers + 32], rsp
        mov     [rip + oracle_registers + 40], rbp
        mov     [rip + oracle_registers + 48], rsi
        mov     [rip + oracle_registers + 56], rdi
        .irp n, 8, 9, 10, 11, 12, 13, 14, 15
        mov     [rip + oracle_registers + 8 * \n], r\n
        .endr
        cmp     qword ptr [rip + oracle_has_avx], 0
        je      3f
        .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        vmovups [rip + oracle_registers + 128 + 32 * \n], ymm\n
        .endr
        vzeroupper
        jmp     4f
3:      .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        movups  [rip + oracle_registers + 128 + 32 * \n], xmm\n
        .endr
4:      mov     rsp, [rip + oracle_saved + 48]
        mov     rbx, [rip + oracle_saved]
        mov     rbp, [rip + oracle_saved + 8]
        mov     r12, [rip + oracle_saved + 16]
        mov     r13, [rip + oracle_saved + 24]
        mov     r14, [rip + oracle_saved + 32]
        mov     r15, [rip + oracle_saved + 40]
        ret
        .size oracle_call, . - oracle_call
        .section .note.GNU-stack, "", @progbits
