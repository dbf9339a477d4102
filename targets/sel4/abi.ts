/**
 * The numbers of seL4's ABI that a kernel's files do not list: they follow from its configuration.
 *
 * Only the labels of invocations are written down by a kernel's build. System calls, object types and the layout of
 * BootInfo are fixed by the order of lists in seL4's sources, and shift with a few choices: the MCS scheduler adds two
 * objects, two regions of BootInfo become three, and so on. They are set down here once, each with the list it follows,
 * as functions of the kernel.
 * Source: seL4 16.0.0, under libsel4: include/api/syscall.xml, include/sel4/objecttype.h with sel4_arch/objecttype.h and
 * arch/objecttype.h of each architecture, include/sel4/bootinfo_types.h, constants.h and arch/types.h.
 */
import { fail, printable } from '../../base/errors.ts';
import type { Kernel } from './kernel.ts';
import { countOf, isSet } from './kernel-config.ts';

/** A way to say a number for each of some names. */
export type Numbers = Readonly<Record<string, number>>;

/** The calls of the API, in order: the first is -1, the next -2. */
const apiCalls = ['Call', 'ReplyRecv', 'Send', 'NBSend', 'Recv', 'Reply', 'Yield', 'NBRecv'];
const mcsCalls = [
  ...['Call', 'ReplyRecv', 'NBSendRecv', 'NBSendWait', 'Send', 'NBSend', 'Recv', 'NBRecv', 'Wait', 'NBWait', 'Yield'],
];

/**
 * The calls that follow the API's in the same count. A kernel that was built without one keeps its number free, and
 * answers it as an unknown call, with a fault.
 */
const furtherCalls = [
  ...['DebugPutChar', 'DebugDumpScheduler', 'DebugHalt', 'DebugCapIdentify', 'DebugSnapshot', 'DebugNameThread'],
  ...['DebugSendIPI', 'DebugGetThreadAffinity', 'DebugRun'],
  ...['BenchmarkFlushCaches', 'BenchmarkResetLog', 'BenchmarkFinalizeLog', 'BenchmarkSetLogBuffer'],
  ...['BenchmarkNullSyscall', 'BenchmarkGetThreadUtilisation', 'BenchmarkResetThreadUtilisation'],
  ...['BenchmarkDumpAllThreadsUtilisation', 'BenchmarkResetAllThreadsUtilisation'],
  ...['X86DangerousWRMSR', 'X86DangerousRDMSR', 'VMEnter', 'SetTLSBase'],
];

/** Number of every system call, by its name in syscall.xml. */
export function syscallsOf(kernel: Pick<Kernel, 'isMcs'>): Numbers {
  const calls = [...(kernel.isMcs ? mcsCalls : apiCalls), ...furtherCalls];
  return Object.fromEntries(calls.map((name, i) => [name, -1 - i]));
}

/** Object types that a Retype can make, in the order of the enumerations: first everyone's, then a machine's own. */
function objectOrder(kernel: Kernel): string[] {
  const { config, configFile, isMcs, machine } = kernel;
  const has = (key: string): boolean => isSet(config, key, configFile);
  const common = ['UNTYPED', 'TCB', 'ENDPOINT', 'NOTIFICATION', 'CNODE', ...(isMcs ? ['SCHED_CONTEXT', 'REPLY'] : [])];
  switch (machine) {
    case 'x86-64':
      return [
        ...[...common, 'PDPT', 'VSPACE', ...(has('HUGE_PAGE') ? ['1G'] : [])],
        ...['4K', '2M', 'PAGE_TABLE', 'PAGE_DIRECTORY', ...(has('IOMMU') ? ['IO_PAGE_TABLE'] : [])],
        ...(has('VTX') ? ['VCPU', 'EPT_PML4', 'EPT_PDPT', 'EPT_PD', 'EPT_PT'] : []),
      ];
    case 'riscv64':
      // Sv48 has tera pages; Sv39, with three levels, has none.
      return [
        ...[...common, '1G', ...(countOf(config, 'PT_LEVELS', configFile, [2, 4]) > 3 ? ['512G'] : [])],
        ...['4K', '2M', 'PAGE_TABLE'],
      ];
    case 'aarch64':
      return [
        ...[...common, '1G', 'VSPACE', '4K', '2M', 'PAGE_TABLE'],
        ...[...(has('ARM_HYPERVISOR_SUPPORT') ? ['VCPU'] : []), ...(has('TK1_SMMU') ? ['IO_PAGE_TABLE'] : [])],
      ];
  }
}

/**
 * Number of every object type, by our one name for it on all machines: `4K`, `2M` and `1G` are frames; VSPACE is what
 * an address space begins with (a PML4 on x86-64; on RISC-V a page table like any other).
 */
export function objectTypesOf(kernel: Kernel): Numbers {
  const types = Object.fromEntries(objectOrder(kernel).map((name, i) => [name, i]));
  return kernel.machine === 'riscv64' ? { ...types, VSPACE: types['PAGE_TABLE'] } : types;
}

/** Sizes of objects that depend on the kernel or the machine, as powers of two. */
export function objectBitsOf(kernel: Kernel): Numbers {
  const { config, configFile, hasFpu, isMcs, machine } = kernel;
  const has = (key: string): boolean => isSet(config, key, configFile);
  const tcb = (): number => {
    switch (machine) {
      case 'x86-64':
        return countOf(config, 'XSAVE_SIZE', configFile, [0, 4096]) >= 832 ? 12 : 11;
      case 'riscv64':
        return hasFpu ? 11 : 10;
      case 'aarch64': {
        const counts = has('ARM_HYPERVISOR_SUPPORT') && has('ENABLE_SMP_SUPPORT') && !isMcs;
        const wide = has('HARDWARE_DEBUG_API') || has('ARM_HYP_ENABLE_VCPU_CP14_SAVE_AND_RESTORE');
        return wide || (counts && has('BENCHMARK_TRACK_UTILISATION')) ? 12 : 11;
      }
    }
  };
  // A hypervisor's second stage with 40 bits begins with two tables side by side.
  const wideRoot = machine === 'aarch64' && has('ARM_HYPERVISOR_SUPPORT') && has('ARM_PA_SIZE_BITS_40');
  return {
    SLOT: 5,
    TCB: tcb(),
    ENDPOINT: 4,
    NOTIFICATION: isMcs ? 6 : 5,
    REPLY: 5,
    PAGE_TABLE: 12,
    VSPACE: wideRoot ? 13 : 12,
    ASID_POOL: 12,
  };
}

/** Members of BootInfo in order, each with its size in words; a region is its first slot and the one after its last. */
const bootInfoMembers: readonly (readonly [name: string, words: number, onlyMcs?: true])[] = [
  ['EXTRA_LEN', 1],
  ['NODE_ID', 1],
  ['NUM_NODES', 1],
  ['NUM_IOPT_LEVELS', 1],
  ['IPC_BUFFER', 1],
  ['EMPTY', 2],
  ['SHARED_FRAMES', 2],
  ['IMAGE_FRAMES', 2],
  ['IMAGE_PAGING', 2],
  ['IO_SPACE', 2],
  ['EXTRA_PAGES', 2],
  ['CNODE_BITS', 1],
  ['DOMAIN', 1],
  ['SCHED_CONTROL', 2, true],
  ['UNTYPED', 2],
  ['UNTYPED_LIST', 0],
];

/** Offset of each member of BootInfo. The words of all three machines have 8 bytes, so MCS alone makes a difference. */
export function bootInfoOf(kernel: Pick<Kernel, 'isMcs'>): Numbers {
  const offsets: Record<string, number> = {};
  let at = 0;
  for (const [name, words, onlyMcs] of bootInfoMembers) {
    if (onlyMcs && !kernel.isMcs) continue;
    offsets[name] = at;
    at += 8 * words;
  }
  return offsets;
}

/** Chunks of extra BootInfo, by id. */
export const bootInfoChunks: Numbers = { PADDING: 0, VBE: 1, MEMORY_MAP: 2, RSDP: 3, FRAMEBUFFER: 4, TSC: 5, FDT: 6 };

/** Slots that a kernel fills first, before the image's pages: seL4_NumInitialCaps. */
export const initialCaps = 16;

/** Attributes of a mapping: what keeps code from running in it, what the kernel takes as usual, and what suits a device. */
export function attributesOf({ machine }: Pick<Kernel, 'machine'>): Numbers {
  switch (machine) {
    case 'x86-64':
      // There is no attribute against execution: the kernel never sets the bit in a page table.
      return { EXECUTE_NEVER: 0, DEFAULT: 0, DEVICE: 3 };
    case 'riscv64':
      return { EXECUTE_NEVER: 1, DEFAULT: 0, DEVICE: 0 };
    case 'aarch64':
      return { EXECUTE_NEVER: 4, DEFAULT: 3, DEVICE: 0 };
  }
}

/** Labels under our names: [name in C, name in invocations_all.json]. `@` is the machine's prefix. */
const labelNames: readonly (readonly [c: string, label: string])[] = [
  ['UNTYPED_RETYPE', 'UntypedRetype'],
  ['TCB_READ_REGISTERS', 'TCBReadRegisters'],
  ['TCB_WRITE_REGISTERS', 'TCBWriteRegisters'],
  ['TCB_COPY_REGISTERS', 'TCBCopyRegisters'],
  ['TCB_CONFIGURE', 'TCBConfigure'],
  ['TCB_SET_PRIORITY', 'TCBSetPriority'],
  ['TCB_SET_MC_PRIORITY', 'TCBSetMCPriority'],
  ['TCB_SET_SCHED_PARAMS', 'TCBSetSchedParams'],
  ['TCB_SET_TIMEOUT_ENDPOINT', 'TCBSetTimeoutEndpoint'],
  ['TCB_SET_IPC_BUFFER', 'TCBSetIPCBuffer'],
  ['TCB_SET_SPACE', 'TCBSetSpace'],
  ['TCB_SUSPEND', 'TCBSuspend'],
  ['TCB_RESUME', 'TCBResume'],
  ['TCB_BIND_NOTIFICATION', 'TCBBindNotification'],
  ['TCB_UNBIND_NOTIFICATION', 'TCBUnbindNotification'],
  ['TCB_SET_TLS_BASE', 'TCBSetTLSBase'],
  ['TCB_SET_FLAGS', 'TCBSetFlags'],
  ['CNODE_REVOKE', 'CNodeRevoke'],
  ['CNODE_DELETE', 'CNodeDelete'],
  ['CNODE_COPY', 'CNodeCopy'],
  ['CNODE_MINT', 'CNodeMint'],
  ['CNODE_MOVE', 'CNodeMove'],
  ['CNODE_MUTATE', 'CNodeMutate'],
  ['CNODE_ROTATE', 'CNodeRotate'],
  ['CNODE_SAVE_CALLER', 'CNodeSaveCaller'],
  ['IRQ_ISSUE', 'IRQIssueIRQHandler'],
  ['IRQ_ISSUE_TRIGGER', '@IRQIssueIRQHandlerTrigger'],
  ['IRQ_ISSUE_IOAPIC', '@IRQIssueIRQHandlerIOAPIC'],
  ['IRQ_ISSUE_MSI', '@IRQIssueIRQHandlerMSI'],
  ['IRQ_ACK', 'IRQAckIRQ'],
  ['IRQ_SET', 'IRQSetIRQHandler'],
  ['IRQ_CLEAR', 'IRQClearIRQHandler'],
  ['SCHED_CONTROL_CONFIGURE', 'SchedControlConfigureFlags'],
  ['SCHED_CONTEXT_BIND', 'SchedContextBind'],
  ['SCHED_CONTEXT_UNBIND', 'SchedContextUnbind'],
  ['PAGE_MAP', '@PageMap'],
  ['PAGE_UNMAP', '@PageUnmap'],
  ['PAGE_GET_ADDRESS', '@PageGetAddress'],
  ['PAGE_MAP_IO', '@PageMapIO'],
  ['PAGE_UNIFY_INSTRUCTION', '@PageUnify_Instruction'],
  ['PAGE_CLEAN_DATA', '@PageClean_Data'],
  ['VSPACE_UNIFY_INSTRUCTION', '@VSpaceUnify_Instruction'],
  ['PAGE_TABLE_MAP', '@PageTableMap'],
  ['PAGE_TABLE_UNMAP', '@PageTableUnmap'],
  ['PAGE_DIRECTORY_MAP', '@PageDirectoryMap'],
  ['PAGE_DIRECTORY_UNMAP', '@PageDirectoryUnmap'],
  ['PDPT_MAP', '@PDPTMap'],
  ['PDPT_UNMAP', '@PDPTUnmap'],
  ['ASID_CONTROL_MAKE_POOL', '@ASIDControlMakePool'],
  ['ASID_POOL_ASSIGN', '@ASIDPoolAssign'],
  ['IO_PORT_CONTROL_ISSUE', '@IOPortControlIssue'],
  ['IO_PORT_IN8', '@IOPortIn8'],
  ['IO_PORT_IN16', '@IOPortIn16'],
  ['IO_PORT_IN32', '@IOPortIn32'],
  ['IO_PORT_OUT8', '@IOPortOut8'],
  ['IO_PORT_OUT16', '@IOPortOut16'],
  ['IO_PORT_OUT32', '@IOPortOut32'],
];

const prefixes = { 'x86-64': 'X86', riscv64: 'RISCV', aarch64: 'ARM' } as const;

/** The labels that this kernel has, under our names. */
function labelsOf(kernel: Kernel): Numbers {
  const own = labelNames.map(([c, label]) => [c, kernel.labels.get(label.replace('@', prefixes[kernel.machine]))]);
  return Object.fromEntries(own.filter(([, label]) => label !== undefined)) as Numbers;
}

/** `NBSendRecv` as C writes it: NB_SEND_RECV. */
function screaming(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, '$1$3_$2$4').toUpperCase();
}

/** Calls whose name in C is shorter than in the list. */
const shortCalls: Readonly<Record<string, string>> = { DebugPutChar: 'PUTCHAR', DebugHalt: 'HALT' };

const bit = (value: boolean): number => (value ? 1 : 0);

/** Every constant that our C and assembly take from the kernel, by its name there. */
export function cConstants(kernel: Kernel): ReadonlyMap<string, number | bigint> {
  const { config, configFile, machine } = kernel;
  const constants = new Map<string, number | bigint>();
  const add = (prefix: string, numbers: Readonly<Record<string, number | bigint>>, suffix = ''): void => {
    for (const [name, value] of Object.entries(numbers)) constants.set(`SEL4_${prefix}${name}${suffix}`, value);
  };
  for (const [name, number] of Object.entries(syscallsOf(kernel)))
    constants.set(`SEL4_SYS_${shortCalls[name] ?? screaming(name)}`, number);
  add('LABEL_', labelsOf(kernel));
  add('OBJECT_', objectTypesOf(kernel));
  add('', objectBitsOf(kernel), '_BITS');
  add('BOOTINFO_', bootInfoOf(kernel));
  add('CHUNK_', bootInfoChunks);
  const attributes = attributesOf(kernel);
  add('', {
    EXECUTE_NEVER: attributes['EXECUTE_NEVER'],
    DEFAULT_ATTRIBUTES: attributes['DEFAULT'],
    DEVICE_ATTRIBUTES: attributes['DEVICE'],
    BOOTINFO_MAX_UNTYPED: countOf(config, 'MAX_NUM_BOOTINFO_UNTYPED_CAPS', configFile, [1, 1024]),
    RETYPE_LIMIT: countOf(config, 'RETYPE_FAN_OUT_LIMIT', configFile, [1, 1 << 20]),
    INITIAL_CAPS: initialCaps,
    CNODE_BITS: kernel.cnodeBits,
    USER_TOP: kernel.userTop,
    IS_MCS: bit(kernel.isMcs),
    IS_DEBUG: bit(kernel.isDebug),
    HAS_PUTCHAR: bit(kernel.hasPrinting),
    HAS_HALT: bit(kernel.isDebug),
    HAS_FPU: bit(kernel.hasFpu),
    // Where a thread may write its own TLS base: with an instruction, by a call, or not at all.
    HAS_FSGSBASE: bit(machine === 'x86-64' && isSet(config, 'FSGSBASE_INST', configFile)),
    HAS_SET_TLS_BASE: bit(isSet(config, 'SET_TLS_BASE_SELF', configFile)),
    // Whether AArch64's counter of time can be read by a thread.
    HAS_VCNT: bit(machine === 'aarch64' && isSet(config, 'EXPORT_VCNT_USER', configFile)),
    HAS_PCNT: bit(machine === 'aarch64' && isSet(config, 'EXPORT_PCNT_USER', configFile)),
  });
  return constants;
}

/** The constants as options of a C compiler: -DNAME=VALUE. The same kernel gives the same list. */
export function cDefinitions(kernel: Kernel): string[] {
  return [...cConstants(kernel)].map(([name, value]) => {
    if (!/^SEL4_[A-Z0-9_]+$/.test(name)) fail('kernel', `${printable(kernel.name)}: ${name} is no name for C`);
    return `-D${name}=${typeof value === 'bigint' ? `0x${value.toString(16)}` : value}`;
  });
}
