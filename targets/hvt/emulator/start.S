/*
 * The machine code that C cannot be: entry from QEMU's direct boot (PVH), interrupt entries, and the switch to the
 * guest and back.
 *
 * PVH boot enters in 32-bit protected mode without paging, EBX pointing to struct start_info. The first tables map
 * 8 GiB one to one in 2 MiB pages: the guest's memory may reach a little above 5 GiB.
 */

#define MAPPED_GIB 8

    .section .note.pvh, "a", @note
    .balign 4
    .long 4, 4, 18 /* sizes of name and descriptor; XEN_ELFNOTE_PHYS32_ENTRY */
    .asciz "Xen"
    .long start32

    .section .text.start, "ax"
    .code32
    .global start32
start32:
    cli
    mov $stack_top, %esp
    mov $boot_pdpt, %eax
    or $3, %eax
    mov %eax, boot_pml4
    /* One directory per GiB ... */
    xor %ecx, %ecx
1:  mov %ecx, %eax
    shl $12, %eax
    add $boot_directories, %eax
    or $3, %eax
    mov %eax, boot_pdpt(, %ecx, 8)
    inc %ecx
    cmp $MAPPED_GIB, %ecx
    jb 1b
    /* ... of 512 large pages; the address's upper half is the lowest bits of ECX / 2048. */
    xor %ecx, %ecx
2:  mov %ecx, %eax
    shl $21, %eax
    or $0x83, %eax
    mov %eax, boot_directories(, %ecx, 8)
    mov %ecx, %eax
    shr $11, %eax
    mov %eax, boot_directories + 4(, %ecx, 8)
    inc %ecx
    cmp $(MAPPED_GIB * 512), %ecx
    jb 2b

    mov $boot_pml4, %eax
    mov %eax, %cr3
    mov $0x20, %eax /* PAE */
    mov %eax, %cr4
    mov $0xc0000080, %ecx
    rdmsr
    or $0x900, %eax /* LME, NXE */
    wrmsr
    mov $0x80010001, %eax /* PG, WP, PE */
    mov %eax, %cr0
    lgdt descriptor_table
    ljmp $8, $start64

    .code64
start64:
    mov $16, %eax
    mov %eax, %ss
    mov %eax, %ds
    mov %eax, %es
    mov $stack_top, %esp
    mov %ebx, %edi
    call emulator_main
3:  hlt
    jmp 3b

/* void vm_load(const struct vmcb *): the guest state that VMRUN leaves alone; the emulator never touches it again. */
    .text
    .global vm_load
vm_load:
    mov %rdi, %rax
    vmload %rax
    ret

/* void vm_run(struct vmcb *, struct registers *): until the next exit. */
    .global vm_run
vm_run:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    push %rsi
    mov %rdi, %rax
    mov 0(%rsi), %rbx
    mov 8(%rsi), %rcx
    mov 16(%rsi), %rdx
    mov 32(%rsi), %rdi
    mov 40(%rsi), %rbp
    mov 48(%rsi), %r8
    mov 56(%rsi), %r9
    mov 64(%rsi), %r10
    mov 72(%rsi), %r11
    mov 80(%rsi), %r12
    mov 88(%rsi), %r13
    mov 96(%rsi), %r14
    mov 104(%rsi), %r15
    mov 24(%rsi), %rsi
    vmrun %rax
    mov (%rsp), %rax
    mov %rbx, 0(%rax)
    mov %rcx, 8(%rax)
    mov %rdx, 16(%rax)
    mov %rsi, 24(%rax)
    mov %rdi, 32(%rax)
    mov %rbp, 40(%rax)
    mov %r8, 48(%rax)
    mov %r9, 56(%rax)
    mov %r10, 64(%rax)
    mov %r11, 72(%rax)
    mov %r12, 80(%rax)
    mov %r13, 88(%rax)
    mov %r14, 96(%rax)
    mov %r15, 104(%rax)
    pop %rsi
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    stgi /* an exit turns all interrupts off, and wait_until needs them */
    ret

/* One entry per vector, 16 bytes apart: error code (pushed by the processor for some exceptions), vector, onwards. */
    .global interrupt_entries
    .balign 16
interrupt_entries:
    .set vector, 0
    .rept 256
    .balign 16
    .if (vector != 8) && (vector != 10) && (vector != 11) && (vector != 12) && (vector != 13) && (vector != 14) && \
        (vector != 17) && (vector != 21) && (vector != 29) && (vector != 30)
    push $0
    .endif
    push $vector
    jmp interrupt_common
    .set vector, vector + 1
    .endr

    .balign 16
interrupt_common:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    lea 72(%rsp), %rdi
    mov %rsp, %rax
    and $-16, %rsp
    push %rax
    push %rax
    cld
    call handle_interrupt
    pop %rsp
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    .section .rodata, "a"
    .balign 8
descriptors:
    .quad 0
    .quad 0x00af9b000000ffff /* 64-bit code */
    .quad 0x00cf93000000ffff /* data */
descriptor_table:
    .word descriptor_table - descriptors - 1
    .long descriptors

    .bss
    .balign 4096
boot_pml4:
    .skip 4096
boot_pdpt:
    .skip 4096
    .global boot_directories
boot_directories:
    .skip 4096 * MAPPED_GIB
    .global stack_guard
stack_guard:
    .skip 4096
    .skip 32768
stack_top:

    .section .note.GNU-stack, "", @progbits
