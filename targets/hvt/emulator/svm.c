/*
 * Running the guest, and what makes it stop:
 *
 *   a 32-bit OUT to 0x500 + n   hypercall n
 *   another port access         the tender dies of it
 *   a nested page fault         a write to a read-only segment, or an access outside of memory: the tender dies
 *   HLT                         nothing could wake the guest: the tender dies
 *   a triple fault              likewise
 *   EFER                        read and written for the guest, so that it does not see the bit that SVM needs
 *   other MSRs                  an allow list; the rest is a general protection fault
 *   MONITOR, MWAIT              nothing happens, as under KVM
 *   SVM's own instructions      an invalid opcode
 *
 * CPUID, control registers, exceptions and all else are the guest's own: its page tables, NX, SMAP and protection keys
 * work as the processor model has them.
 */
#include "svm.h"

#include "guest.h"
#include "hypercalls.h"
#include "instruction.h"
#include "memory.h"
#include "report.h"
#include "vmcb.h"

enum { MSR_EFER = 0xc0000080, MSR_VM_CR = 0xc0010114, MSR_VM_HSAVE_PA = 0xc0010117 };
enum { EFER_SCE = 1, EFER_LME = 1 << 8, EFER_LMA = 1 << 10, EFER_NXE = 1 << 11, EFER_SVME = 1 << 12 };
enum { VECTOR_UD = 6, VECTOR_GP = 13 };

#define GUEST_CR0 0x80010021u /* PE NE WP PG */
#define GUEST_CR4 0x620u      /* PAE OSFXSR OSXMMEXCPT */
#define GUEST_EFER ((u64)(EFER_LME | EFER_LMA))

/* What QEMU throws its translations away for when a MOV, VMRUN or an exit changes it; PAE is always on. */
#define CR4_CHANGES_TRANSLATION (1u << 4 | 1u << 7 | 1u << 20 | 1u << 21) /* PSE PGE SMEP SMAP */

/* Registers that VMRUN does not switch, in the order that vm_run (start.S) expects. */
struct registers {
    u64 rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15;
};

void vm_load(const struct vmcb *vmcb);
void vm_run(struct vmcb *vmcb, struct registers *registers);

static struct vmcb vmcb __attribute__((aligned(PAGE)));
static struct registers registers;
/* Where the processor refused the guest's state at the last exit; 0 when it did not. */
static u64 refused_at;
static u8 host_save_area[PAGE] __attribute__((aligned(PAGE)));
static u8 io_permissions[3 * PAGE] __attribute__((aligned(PAGE)));
static u8 msr_permissions[2 * PAGE] __attribute__((aligned(PAGE)));

static void cpuid(u32 leaf, u32 out[4]) {
    __asm__ volatile("cpuid" : "=a"(out[0]), "=b"(out[1]), "=c"(out[2]), "=d"(out[3]) : "a"(leaf), "c"(0));
}

void svm_init(void) {
    u32 out[4];
    cpuid(0x80000000, out);
    u32 last = out[0];
    cpuid(0x80000001, out);
    bool has_svm = out[2] & 1 << 2;
    cpuid(0x8000000a, out);
    if (last < 0x8000000a || !has_svm || !(out[3] & 1))
        broken("the processor model has no SVM with nested paging (svm, npt)");
    write_msr(MSR_EFER, read_msr(MSR_EFER) | EFER_SVME);
    write_msr(MSR_VM_HSAVE_PA, (u64)host_save_area);
}

/* ---- The state at entry ---------------------------------------------------------------------------------------- */

/* Lets the guest read, and write, an MSR by itself. Two bits each, in one block per range of 0x2000 MSRs. */
static void allow_msr(u32 number, bool writing) {
    u32 base = number < 0x2000 ? 0 : 0x800;
    u32 bit = (number & 0x1fff) * 2;
    msr_permissions[base + bit / 8] &= (u8)~((writing ? 3u : 1u) << bit % 8);
}

static void allow_msrs(void) {
    static const u32 guest_owned[] = {
        0x174, 0x175, 0x176,                            /* SYSENTER */
        0x277,                                          /* PAT */
        0x6e1,                                          /* PKRS */
        0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084, /* SYSCALL */
        0xc0000100, 0xc0000101, 0xc0000102, 0xc0000103, /* FS, GS, KERNEL_GS, TSC_AUX */
    };
    memset(msr_permissions, 0xff, sizeof msr_permissions);
    for (size_t i = 0; i < COUNT_OF(guest_owned); i++) allow_msr(guest_owned[i], true);
    allow_msr(0x10, false); /* the time-stamp counter */
}

static void set_intercepts(void) {
    vmcb.intercepts[0] =
        INTERCEPT_INTERRUPT | INTERCEPT_HLT | INTERCEPT_INVLPGA | INTERCEPT_IO | INTERCEPT_MSR | INTERCEPT_SHUTDOWN;
    vmcb.intercepts[1] = INTERCEPT_SVM_INSTRUCTIONS | INTERCEPT_MONITOR | INTERCEPT_MWAIT;
    memset(io_permissions, 0xff, sizeof io_permissions);
    allow_msrs();
    vmcb.io_permissions = (u64)io_permissions;
    vmcb.msr_permissions = (u64)msr_permissions;
    vmcb.virtual_interrupts = 1ul << 24; /* the guest's IF and CR8 mean virtual interrupts, of which there are none */
    vmcb.address_space = 1;
    vmcb.flush_tlb = 1;
    vmcb.nested_paging = 1;
    vmcb.nested_root = nested_tables();
}

static void set_state(u64 entry) {
    const struct vmcb_segment data = {0x10, 0xc93, UINT32_MAX, 0};
    vmcb.cs = (struct vmcb_segment){0x08, 0xa99, UINT32_MAX, 0};
    vmcb.ss = vmcb.ds = vmcb.es = vmcb.fs = vmcb.gs = data;
    vmcb.tr = (struct vmcb_segment){0, 0x8b, 0, 0};
    vmcb.gdt = (struct vmcb_segment){0, 0, GUEST_GDT_LIMIT, GUEST_GDT};
    vmcb.efer = GUEST_EFER | EFER_SVME;
    vmcb.cr0 = GUEST_CR0;
    vmcb.cr3 = GUEST_PAGE_TABLES;
    vmcb.cr4 = GUEST_CR4;
    vmcb.dr6 = 0xffff0ff0;
    vmcb.dr7 = 0x400;
    vmcb.rflags = 2;
    vmcb.rip = entry;
    vmcb.rsp = guest_memory_size() - 8;
    vmcb.page_attributes = 0x0007040600070406;
    registers.rdi = GUEST_BOOT_INFO;
}

/* ---- Exits ----------------------------------------------------------------------------------------------------- */

static void inject_ud(void) { vmcb.inject_event = 1ul << 31 | 3 << 8 | VECTOR_UD; }
static void inject_gp(void) { vmcb.inject_event = 1ul << 31 | 1 << 11 | 3 << 8 | VECTOR_GP; }

/* `length` is the instruction's without prefixes. */
static void step_over(u64 length) {
    struct instruction instruction;
    if (!read_instruction(vmcb.cr3, vmcb.rip, &instruction))
        kill_guest("the instruction at %lx changed while it ran", vmcb.rip);
    vmcb.rip += instruction.prefixes + length;
    vmcb.interrupt_shadow = 0;
}

static void handle_io(void) {
    enum { IN = 1, STRING = 1 << 2, SIZE_4 = 1 << 6 };
    u64 info = vmcb.exit_info_1;
    u32 port = (u32)(info >> 16);
    if (info & (IN | STRING) || !(info & SIZE_4) || port < HYPERCALL_PORT || port > HYPERCALL_PORT + 8)
        kill_guest("invalid port access: %s%s of %u bytes, port %x, at %lx", info & IN ? "in" : "out",
                   info & STRING ? " string" : "", (u32)(info >> 4 & 7), port, vmcb.rip);
    u64 request = (u32)vmcb.rax;
    vmcb.rip = vmcb.exit_info_2;
    vmcb.interrupt_shadow = 0;
    hypercall(port - HYPERCALL_PORT, request);
}

static void write_efer(u64 value) {
    u64 allowed = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE;
    /* Long mode stays on while paging is on, which it is. */
    if (value & ~allowed || !(value & EFER_LME)) {
        inject_gp();
        return;
    }
    vmcb.efer = (value & ~(u64)EFER_LMA) | (vmcb.efer & EFER_LMA) | EFER_SVME;
    vmcb.flush_tlb = 1;
    step_over(2);
}

static void handle_msr(void) {
    bool writing = vmcb.exit_info_1 & 1;
    if ((u32)registers.rcx != MSR_EFER) {
        inject_gp();
    } else if (writing) {
        write_efer(registers.rdx << 32 | (u32)vmcb.rax);
    } else {
        u64 seen = vmcb.efer & ~(u64)EFER_SVME;
        vmcb.rax = (u32)seen;
        registers.rdx = seen >> 32;
        step_over(2);
    }
}

static _Noreturn void handle_page_fault(void) {
    enum { PRESENT = 1, WRITE = 2 };
    u64 address = vmcb.exit_info_2;
    if (address >= guest_memory_size())
        kill_guest("access to %lx, outside of memory's %lx, at %lx", address, guest_memory_size(), vmcb.rip);
    kill_guest("%s %lx, in a segment that %s, at %lx", vmcb.exit_info_1 & WRITE ? "write to" : "access to", address,
               vmcb.exit_info_1 & PRESENT ? "is not writable" : "has no permissions", vmcb.rip);
}

/*
 * The processor refuses the guest's state. For a MOV to a control register that the processor model does not allow,
 * QEMU says so where a processor raises a general protection fault: the guest gets that fault.
 */
static void handle_invalid(void) {
    struct instruction instruction;
    bool is_control_move = read_instruction(vmcb.cr3, vmcb.rip, &instruction) && instruction.opcode == 0x22;
    if (!is_control_move || vmcb.rip == refused_at)
        kill_guest("the processor refuses the guest's state, at %lx", vmcb.rip);
    refused_at = vmcb.rip;
    inject_gp();
}

static void handle_exit(void) {
    bool refused = vmcb.exit_code == EXIT_INVALID || vmcb.exit_code == EXIT_INVALID_QEMU;
    if (refused) return handle_invalid();
    refused_at = 0;
    switch (vmcb.exit_code) {
    case EXIT_IO: handle_io(); break;
    case EXIT_MSR: handle_msr(); break;
    case EXIT_MONITOR:
    case EXIT_MWAIT: step_over(3); break;
    case EXIT_INVLPGA:
    case EXIT_VMRUN ... EXIT_SKINIT: inject_ud(); break;
    case EXIT_HLT: kill_guest("HLT at %lx: nothing could wake the guest", vmcb.rip);
    case EXIT_SHUTDOWN: kill_guest("triple fault (an exception that the guest has no handler for)");
    case EXIT_NESTED_PAGE_FAULT: handle_page_fault();
    default: kill_guest("unhandled exit %lx, at %lx", vmcb.exit_code, vmcb.rip);
    }
}

/*
 * Gives our own CR4 the guest's value of those bits. For us they decide nothing: we have no user pages, no global pages
 * and no 32-bit tables. But QEMU, whose TLB does not tell host and guest apart, flushes it once more at every entry and
 * every exit that changes one of them, and a guest with SMAP on would pay for that at every hypercall (a quarter of
 * the time that one takes). A processor's ASIDs save both kinds of guests all of it.
 */
static void follow_guest(void) {
    static u64 followed;
    u64 wanted = vmcb.cr4 & CR4_CHANGES_TRANSLATION;
    if (wanted == followed) return;
    u64 cr4;
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"((cr4 & ~(u64)CR4_CHANGES_TRANSLATION) | wanted) : "memory");
    followed = wanted;
}

_Noreturn void svm_run(u64 entry) {
    set_intercepts();
    set_state(entry);
    vm_load(&vmcb);
    for (;;) {
        vm_run(&vmcb, &registers);
        vmcb.flush_tlb = 0;
        vmcb.inject_event = 0;
        follow_guest();
        handle_exit();
    }
}
