/*
 * Entry of a test guest: keeps every register as the tender set it, then runs guest_main(boot_info) on the tender's
 * stack. Interrupt entries report an exception by on_exception(vector, error, address, instruction).
 */
    .section .text.start, "ax"
    .global _start
_start:
    mov %rax, entry_registers + 0
    mov %rbx, entry_registers + 8
    mov %rcx, entry_registers + 16
    mov %rdx, entry_registers + 24
    mov %rsi, entry_registers + 32
    mov %rdi, entry_registers + 40
    mov %rbp, entry_registers + 48
    mov %rsp, entry_registers + 56
    mov %r8, entry_registers + 64
    mov %r9, entry_registers + 72
    mov %r10, entry_registers + 80
    mov %r11, entry_registers + 88
    mov %r12, entry_registers + 96
    mov %r13, entry_registers + 104
    mov %r14, entry_registers + 112
    mov %r15, entry_registers + 120
    pushfq
    pop %rax
    mov %rax, entry_registers + 128
    and $-16, %rsp
    call guest_main
1:  jmp 1b

    .global exception_entries
    .balign 16
exception_entries:
    .set vector, 0
    .rept 32
    .balign 16
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && \
        (vector != 17) && (vector != 21)
    push $0
    .endif
    push $vector
    jmp exception_common
    .set vector, vector + 1
    .endr
exception_common:
    pop %rdi
    pop %rsi
    pop %rcx
    mov %cr2, %rdx
    and $-16, %rsp
    call on_exception
2:  jmp 2b

    .bss
    .balign 8
    .global entry_registers
entry_registers:
    .skip 17 * 8

    .section .note.GNU-stack, "", @progbits
