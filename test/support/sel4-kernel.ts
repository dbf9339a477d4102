/**
 * Kernels for tests, written by hand: as much of a kernel.elf, a configuration and a list of labels as casemate reads.
 *
 * They follow seL4's rules of what exists under which choice, with our own words; nothing here runs. Real kernels are
 * tried where the environment variable CASEMATE_SEL4_KERNELS names a folder with one folder for each.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Kernel, type KernelFiles, parseKernel, type SeL4Machine } from '../../targets/sel4/kernel.ts';
import { buildImage, PF } from './elf-image.ts';

export type Config = Record<string, string | boolean>;

const machineNumbers = { 'x86-64': 62, riscv64: 243, aarch64: 183 } as const;
const architectures = { 'x86-64': 'x86_64', riscv64: 'riscv64', aarch64: 'aarch64' } as const;

/** A configuration as a debug build has it; `changes` are made to it, undefined takes a key away. */
export function configOf(machine: SeL4Machine, changes: Record<string, string | boolean | undefined> = {}): Config {
  const own: Record<SeL4Machine, Config> = {
    'x86-64': { HUGE_PAGE: true, IOMMU: true, VTX: false, XSAVE_SIZE: '576', FSGSBASE_INST: true, PLAT: 'pc99' },
    riscv64: { PT_LEVELS: '3', RISCV_EXT_F: true, RISCV_EXT_D: true, PLAT: 'qemu-riscv-virt' },
    aarch64: {
      ...{ ARM_HYPERVISOR_SUPPORT: false, ARM_PA_SIZE_BITS_40: true, ARM_PA_SIZE_BITS_44: false },
      ...{ TK1_SMMU: false, EXPORT_VCNT_USER: false, ARM_TLS_REG_TPIDRU: true, PLAT: 'qemu-arm-virt' },
    },
  };
  const common: Config = {
    ...{ SEL4_ARCH: architectures[machine], WORD_SIZE: '64', KERNEL_MCS: false, DEBUG_BUILD: true, PRINTING: true },
    ...{ HAVE_FPU: true, ROOT_CNODE_SIZE_BITS: '12', MAX_NUM_BOOTINFO_UNTYPED_CAPS: '230' },
    ...{ RETYPE_FAN_OUT_LIMIT: '256', HARDWARE_DEBUG_API: false, ENABLE_SMP_SUPPORT: false, SET_TLS_BASE_SELF: false },
  };
  const all = { ...common, ...own[machine], ...changes };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined)) as Config;
}

const pageLabels = ['PageTableMap', 'PageTableUnmap'];
const machineLabels: Readonly<Record<SeL4Machine, (config: Config) => string[]>> = {
  'x86-64': (config) =>
    [
      ...['PDPTMap', 'PDPTUnmap', 'PageDirectoryMap', 'PageDirectoryUnmap', ...pageLabels],
      ...(config['IOMMU'] === true ? ['IOPageTableMap', 'IOPageTableUnmap'] : []),
      ...['PageMap', 'PageUnmap', ...(config['IOMMU'] === true ? ['PageMapIO'] : []), 'PageGetAddress'],
      ...['ASIDControlMakePool', 'ASIDPoolAssign', 'IOPortControlIssue', 'IOPortIn8', 'IOPortIn16', 'IOPortIn32'],
      ...['IOPortOut8', 'IOPortOut16', 'IOPortOut32', 'IRQIssueIRQHandlerIOAPIC', 'IRQIssueIRQHandlerMSI'],
      ...(config['VTX'] === true ? ['VCPUSetTCB'] : []),
    ].map((name) => `X86${name}`),
  riscv64: () =>
    [
      ...[...pageLabels, 'PageMap', 'PageUnmap', 'PageGetAddress', 'ASIDControlMakePool', 'ASIDPoolAssign'],
      'IRQIssueIRQHandlerTrigger',
    ].map((name) => `RISCV${name}`),
  aarch64: (config) =>
    [
      ...['VSpaceClean_Data', 'VSpaceUnify_Instruction', ...pageLabels, 'PageMap', 'PageUnmap', 'PageClean_Data'],
      ...['PageUnify_Instruction', 'PageGetAddress', 'ASIDControlMakePool', 'ASIDPoolAssign'],
      ...(config['ARM_HYPERVISOR_SUPPORT'] === true ? ['VCPUSetTCB', 'VCPUInjectIRQ'] : []),
      'IRQIssueIRQHandlerTrigger',
    ].map((name) => `ARM${name}`),
};

/** Names of the labels that a kernel of this configuration has, in their order. */
export function labelNamesOf(machine: SeL4Machine, config: Config): string[] {
  const isMcs = config['KERNEL_MCS'] === true;
  return [
    ...['UntypedRetype', 'TCBReadRegisters', 'TCBWriteRegisters', 'TCBCopyRegisters', 'TCBConfigure'],
    ...['TCBSetPriority', 'TCBSetMCPriority', 'TCBSetSchedParams', ...(isMcs ? ['TCBSetTimeoutEndpoint'] : [])],
    ...['TCBSetIPCBuffer', 'TCBSetSpace', 'TCBSuspend', 'TCBResume', 'TCBBindNotification', 'TCBUnbindNotification'],
    ...[...(config['HARDWARE_DEBUG_API'] === true ? ['TCBSetBreakpoint'] : []), 'TCBSetTLSBase', 'TCBSetFlags'],
    ...['CNodeRevoke', 'CNodeDelete', 'CNodeCopy', 'CNodeMint', 'CNodeMove', 'CNodeMutate', 'CNodeRotate'],
    ...[...(isMcs ? [] : ['CNodeSaveCaller']), 'IRQIssueIRQHandler', 'IRQAckIRQ', 'IRQSetIRQHandler'],
    ...['IRQClearIRQHandler', 'DomainSetSet'],
    ...(isMcs ? ['SchedControlConfigureFlags', 'SchedContextBind', 'SchedContextUnbind'] : []),
    ...machineLabels[machine](config),
  ];
}

/** Names with the labels 1, 2, ... */
export const labelled = (names: readonly string[]): Record<string, number> =>
  Object.fromEntries(names.map((name, i) => [name, i + 1]));

/** A configuration as gen_config.h has it. */
export function headerOf(config: Config): string {
  const lines = Object.entries(config).map(([key, value]) => {
    if (value === false) return `/* disabled: CONFIG_${key} */`;
    return `#define CONFIG_${key}  ${value === true ? '1' : value === '' ? '/* empty */' : value}`;
  });
  return `#pragma once\n\n${lines.join('\n')}\n`;
}

/** A kernel.elf with a page of nothing and these symbols. */
export function kernelElf(machine: SeL4Machine, symbols: readonly string[] = ['schedule', 'handleSyscall']): Buffer {
  return buildImage({
    machine: machineNumbers[machine],
    segments: [
      { flags: PF.R | PF.W | PF.X, address: 0xffffffff80200000n, loadAddress: 0x80200000, bytes: Buffer.alloc(64) },
    ],
    ...(symbols.length > 0 ? { symbols: symbols.map((name) => ({ name })) } : {}),
  });
}

/** The files of a kernel; `changes` are made to its configuration, `over` replaces a file. */
export function kernelFiles(
  machine: SeL4Machine,
  changes: Record<string, string | boolean | undefined> = {},
  over: Partial<KernelFiles> = {},
): KernelFiles {
  const config = configOf(machine, changes);
  const symbols = config['KERNEL_MCS'] === true ? ['schedule', 'refill_new'] : undefined;
  return {
    name: 'kernel.elf',
    elf: kernelElf(machine, symbols),
    genConfig: { name: 'gen_config.json', text: JSON.stringify(config, null, 4) },
    invocations: { name: 'invocations_all.json', text: JSON.stringify(labelled(labelNamesOf(machine, config))) },
    ...over,
  };
}

export const kernelOf = (machine: SeL4Machine, changes: Record<string, string | boolean | undefined> = {}): Kernel =>
  parseKernel(kernelFiles(machine, changes));

export const machines: readonly SeL4Machine[] = ['x86-64', 'riscv64', 'aarch64'];

/** Paths of real kernels; none where nobody says where some are. */
export function realKernels(): string[] {
  const folder = process.env['CASEMATE_SEL4_KERNELS'];
  if (folder === undefined || folder === '') return [];
  return readdirSync(folder)
    .sort()
    .map((name) => join(folder, name, 'kernel.elf'))
    .filter((path) => existsSync(path));
}
