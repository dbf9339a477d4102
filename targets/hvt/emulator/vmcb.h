/*
 * The virtual machine control block: what the processor needs to know of a guest, and what it tells when the guest
 * stops. Source: AMD64 Architecture Programmer's Manual, volume 2, appendix B.
 */
#ifndef VMCB_H
#define VMCB_H

#include "base.h"

struct vmcb_segment {
    u16 selector, attributes;
    u32 limit;
    u64 base;
};

struct vmcb {
    u32 intercept_control_registers, intercept_debug_registers, intercept_exceptions;
    u32 intercepts[2];
    u8 reserved_014[0x040 - 0x014];
    u64 io_permissions, msr_permissions, tsc_offset;
    u32 address_space;
    u8 flush_tlb, reserved_05d[3];
    u64 virtual_interrupts, interrupt_shadow;
    u64 exit_code, exit_info_1, exit_info_2, exit_interrupted_event;
    u64 nested_paging;
    u8 reserved_098[0x0a8 - 0x098];
    u64 inject_event, nested_root;
    u8 reserved_0b8[0x400 - 0x0b8];

    struct vmcb_segment es, cs, ss, ds, fs, gs, gdt, ldt, idt, tr;
    u8 reserved_4a0[0x4cb - 0x4a0];
    u8 privilege;
    u32 reserved_4cc;
    u64 efer;
    u8 reserved_4d8[0x548 - 0x4d8];
    u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
    u8 reserved_580[0x5d8 - 0x580];
    u64 rsp;
    u8 reserved_5e0[0x5f8 - 0x5e0];
    u64 rax, star, lstar, cstar, sfmask, kernel_gs_base, sysenter_cs, sysenter_esp, sysenter_eip, cr2;
    u8 reserved_648[0x668 - 0x648];
    u64 page_attributes;
    u8 reserved_670[0x1000 - 0x670];
};

_Static_assert(offsetof(struct vmcb, io_permissions) == 0x040, "IOPM_BASE_PA");
_Static_assert(offsetof(struct vmcb, exit_code) == 0x070, "EXITCODE");
_Static_assert(offsetof(struct vmcb, inject_event) == 0x0a8, "EVENTINJ");
_Static_assert(offsetof(struct vmcb, tr) == 0x490, "TR");
_Static_assert(offsetof(struct vmcb, efer) == 0x4d0, "EFER");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "CR4");
_Static_assert(offsetof(struct vmcb, rsp) == 0x5d8, "RSP");
_Static_assert(offsetof(struct vmcb, cr2) == 0x640, "CR2");
_Static_assert(offsetof(struct vmcb, page_attributes) == 0x668, "G_PAT");
_Static_assert(sizeof(struct vmcb) == PAGE, "a control block is a page");

/* Bits of intercepts[0] and [1]. */
enum {
    INTERCEPT_INTERRUPT = 1u << 0,
    INTERCEPT_HLT = 1u << 24,
    INTERCEPT_INVLPGA = 1u << 26,
    INTERCEPT_IO = 1u << 27,
    INTERCEPT_MSR = 1u << 28,
    INTERCEPT_SHUTDOWN = 1u << 31,
};
enum {
    INTERCEPT_SVM_INSTRUCTIONS = 0x7f, /* VMRUN, VMMCALL, VMLOAD, VMSAVE, STGI, CLGI, SKINIT */
    INTERCEPT_MONITOR = 1u << 10,
    INTERCEPT_MWAIT = 1u << 11,
};

#define EXIT_HLT 0x78u
#define EXIT_INVLPGA 0x7au
#define EXIT_IO 0x7bu
#define EXIT_MSR 0x7cu
#define EXIT_SHUTDOWN 0x7fu
#define EXIT_VMRUN 0x80u
#define EXIT_SKINIT 0x86u
#define EXIT_MONITOR 0x8au
#define EXIT_MWAIT 0x8bu
#define EXIT_NESTED_PAGE_FAULT 0x400u
#define EXIT_INVALID UINT64_MAX
#define EXIT_INVALID_QEMU UINT32_MAX /* as QEMU spells it */

#endif
