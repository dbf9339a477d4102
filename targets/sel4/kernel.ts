/**
 * A seL4 kernel, as its own files describe it.
 *
 * seL4 is brought by the user, who built it or took it from a Microkit SDK. Its calls have no fixed numbers: a label, the
 * number that names what an invocation does, depends on the choices of the kernel's build, and a wrong one answers
 * "illegal operation" at best. So nothing is assumed here: kernel.elf, gen_config and invocations_all.json are read
 * together, held against one another, and refused when they cannot be of the same build. An image that is made from the
 * result carries the SHA-256 of its kernel.elf and fits no other.
 * Sources: seL4's tools/invocation_json_gen.py (labels from 1 on, none left out), libsel4's object-api*.xml (under which
 * configuration a label exists), and constants.h of each architecture (where user space ends).
 */
import { createHash } from 'node:crypto';
import { fail, printable } from '../../base/errors.ts';
import { parseJson } from '../../base/json.ts';
import { countOf, flagOf, isSet, type KernelConfig, type NamedText, parseGenConfig, wordOf } from './kernel-config.ts';
import { type KernelElf, readKernelElf, type SeL4Machine } from './kernel-elf.ts';
import { type MemoryRange, parsePlatformMemory } from './kernel-memory.ts';

export type { SeL4Machine } from './kernel-elf.ts';

/** Invariant: the files it was read from agree on machine, scheduler and labels. */
export interface Kernel {
  /** As messages call it. */
  readonly name: string;
  /** Of kernel.elf, in hexadecimal. */
  readonly sha256: string;
  /** kernel.elf. */
  readonly bytes: Uint8Array;
  readonly machine: SeL4Machine;
  /** gen_config; keys without CONFIG_. */
  readonly config: KernelConfig;
  /** What messages call the files that the configuration and the labels are from. */
  readonly configFile: string;
  readonly labelsFile: string;
  readonly isMcs: boolean;
  readonly isDebug: boolean;
  readonly hasPrinting: boolean;
  readonly hasFpu: boolean;
  /** The root task's CNode has 2 ** cnodeBits slots. */
  readonly cnodeBits: number;
  /** The first address beyond user space. */
  readonly userTop: bigint;
  /** Number of an invocation, under the name that invocations_all.json gives it. */
  readonly labels: ReadonlyMap<string, number>;
  /** The memory that it was built for; absent when its files do not say. */
  readonly memory?: readonly MemoryRange[];
}

export interface KernelFiles {
  readonly name: string;
  readonly elf: Uint8Array;
  readonly genConfig: NamedText;
  readonly invocations: NamedText;
  /** A platform_gen.json, which kernels for x86-64 do not have. */
  readonly platform?: NamedText;
}

/** What seL4 calls the architecture of a machine. */
const architectures: Readonly<Record<SeL4Machine, string>> = {
  'x86-64': 'x86_64',
  riscv64: 'riscv64',
  aarch64: 'aarch64',
};

/** How the labels of a machine's own invocations begin. */
export const labelPrefix: Readonly<Record<SeL4Machine, string>> = { 'x86-64': 'X86', riscv64: 'RISCV', aarch64: 'ARM' };

/** Invocations that an image needs of every kernel, and of its machine's. */
const needed = [
  ...['UntypedRetype', 'TCBReadRegisters', 'TCBWriteRegisters', 'TCBConfigure', 'TCBSetPriority', 'TCBSetSchedParams'],
  ...['TCBSetIPCBuffer', 'TCBSetSpace', 'TCBSuspend', 'TCBResume', 'TCBBindNotification', 'TCBSetTLSBase'],
  ...['CNodeRevoke', 'CNodeDelete', 'CNodeCopy', 'CNodeMint', 'CNodeMove'],
  ...['IRQIssueIRQHandler', 'IRQAckIRQ', 'IRQSetIRQHandler', 'IRQClearIRQHandler'],
];
const neededOf: Readonly<Record<SeL4Machine, readonly string[]>> = {
  'x86-64': [
    ...['PDPTMap', 'PageDirectoryMap', 'PageTableMap', 'PageMap', 'PageUnmap', 'PageGetAddress'],
    ...['ASIDControlMakePool', 'ASIDPoolAssign', 'IOPortControlIssue'],
    ...['IOPortIn8', 'IOPortIn16', 'IOPortIn32', 'IOPortOut8', 'IOPortOut16', 'IOPortOut32'],
  ],
  riscv64: ['PageTableMap', 'PageMap', 'PageUnmap', 'PageGetAddress', 'ASIDControlMakePool', 'ASIDPoolAssign'],
  aarch64: ['PageTableMap', 'PageMap', 'PageUnmap', 'PageGetAddress', 'ASIDControlMakePool', 'ASIDPoolAssign'],
};

/**
 * Labels that exist exactly when a choice was made: what tells the invocations of one build from those of another. The
 * last word of each says of which machine, if not of all.
 */
const conditional: readonly (readonly [label: string, key: string, when: boolean, machine?: SeL4Machine])[] = [
  ['SchedControlConfigureFlags', 'KERNEL_MCS', true],
  ['SchedContextBind', 'KERNEL_MCS', true],
  ['TCBSetTimeoutEndpoint', 'KERNEL_MCS', true],
  ['CNodeSaveCaller', 'KERNEL_MCS', false],
  ['TCBSetBreakpoint', 'HARDWARE_DEBUG_API', true],
  ['X86IOPageTableMap', 'IOMMU', true, 'x86-64'],
  ['X86VCPUSetTCB', 'VTX', true, 'x86-64'],
  ['ARMVCPUSetTCB', 'ARM_HYPERVISOR_SUPPORT', true, 'aarch64'],
];

/** More than any kernel has; a message info keeps 52 bits for a label. */
const mostLabels = 4096;
const mostText = 1 << 20;

/** Reads an invocations_all.json: names to labels, which are 1, 2, ... without a gap. */
export function parseInvocations({ name, text }: NamedText): Map<string, number> {
  const file = printable(name);
  if (text.length > mostText)
    fail('limit', `${file}: ${text.length} characters; a list of invocations has at most ${mostText}`);
  const { value, lineOf } = parseJson(text, name, 'kernel');
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    fail('kernel', `${file}: must be one object of invocations and their labels`);
  const entries = Object.entries(value);
  if (entries.length === 0) fail('kernel', `${file}: no invocation in it; give the kernel's invocations_all.json`);
  if (entries.length > mostLabels)
    fail('limit', `${file}: ${entries.length} labels; a kernel has at most ${mostLabels}`);
  const labels = new Map<string, number>();
  const names = new Map<number, string>();
  for (const [key, label] of entries) {
    const where = `${file}:${lineOf(`/${key.replace(/~/g, '~0').replace(/\//g, '~1')}`)}: ${printable(key, 60)}`;
    if (!/^[A-Za-z][A-Za-z0-9_]*$/.test(key)) fail('kernel', `${where}: is no name of an invocation`);
    if (typeof label !== 'number' || !Number.isInteger(label) || label < 1 || label > entries.length) {
      const shown = printable(JSON.stringify(label), 40);
      fail('kernel', `${where}: its label is ${shown}; labels are 1 to ${entries.length}, one for each entry`);
    }
    const other = names.get(label);
    if (other !== undefined)
      fail('kernel', `${where}: its label is ${label}, which is ${other}'s; every invocation has its own`);
    names.set(label, key);
    labels.set(key, label);
  }
  return labels;
}

function checkLabels(labels: ReadonlyMap<string, number>, machine: SeL4Machine, file: string): void {
  const own = labelPrefix[machine];
  for (const [other, prefix] of Object.entries(labelPrefix)) {
    const foreign = other === machine ? undefined : [...labels.keys()].find((key) => key.startsWith(prefix));
    if (foreign !== undefined)
      fail('kernel', `${file}: ${foreign} is an invocation of ${other}, but the kernel is ${machine}`);
  }
  const missing = [...needed, ...neededOf[machine].map((key) => own + key)].filter((key) => !labels.has(key));
  if (missing.length > 0) {
    const count = `${labels.size} labels, but not ${missing.slice(0, 4).join(', ')}`;
    const more = missing.length > 4 ? ` and ${missing.length - 4} more` : '';
    fail('kernel', `${file}: ${count}${more}; give the invocations_all.json of this kernel's own build`);
  }
}

/** Refuses labels and a configuration that cannot be of one build. */
function checkAgreement(
  labels: ReadonlyMap<string, number>,
  config: KernelConfig,
  machine: SeL4Machine,
  files: KernelFiles,
): void {
  const [configFile, labelsFile] = [printable(files.genConfig.name), printable(files.invocations.name)];
  for (const [label, key, when, only] of conditional) {
    if ((only !== undefined && only !== machine) || !config.has(key)) continue;
    const on = flagOf(config, key, configFile);
    const expected = on === when;
    if (labels.has(label) === expected) continue;
    const has = expected ? `has no ${label}` : `has ${label}`;
    const rule = `which exists ${when ? 'only with' : 'only without'} it`;
    fail('kernel', `${configFile}: ${key} is ${on}, but ${labelsFile} ${has}, ${rule}: they are of two builds`);
  }
}

/** Functions that only a kernel with scheduling contexts has. A kernel that was stripped says nothing. */
const mcsFunction = /^(refill_|schedContext_|decodeSchedContext)/;

function checkSymbols(elf: KernelElf, isMcs: boolean, files: KernelFiles): void {
  if (elf.symbols.size === 0) return;
  const found = [...elf.symbols].find((name) => mcsFunction.test(name));
  if ((found !== undefined) === isMcs) return;
  const what = found === undefined ? 'no function of scheduling contexts' : `the function ${printable(found, 60)}`;
  const says = `${printable(files.genConfig.name)}: KERNEL_MCS is ${isMcs}`;
  fail('kernel', `${says}, but ${printable(files.name)} has ${what}: they are of two builds`);
}

function checkMachine(elf: KernelElf, config: KernelConfig, files: KernelFiles): void {
  const configFile = printable(files.genConfig.name);
  const says = wordOf(config, 'SEL4_ARCH', configFile);
  const expected = architectures[elf.machine];
  if (says !== expected) {
    const is = elf.container === 32 ? `${elf.machine} in an i386 container` : elf.machine;
    fail(
      'kernel',
      `${printable(files.name)} is ${is} (${expected}), but ${configFile}: SEL4_ARCH is ${printable(says, 40)}`,
    );
  }
  const width = countOf(config, 'WORD_SIZE', configFile, [1, 1024]);
  if (width !== 64) fail('kernel', `${configFile}: WORD_SIZE is ${width}, but ${expected} has 64`);
}

/** The first address beyond user space: seL4_UserTop of each constants.h, which AArch64's gives as the last one within. */
function userTopOf(machine: SeL4Machine, config: KernelConfig, file: string): bigint {
  if (machine === 'x86-64') return 0x7ffffffff000n;
  if (machine === 'riscv64') return 0x3ffffff000n;
  if (!isSet(config, 'ARM_HYPERVISOR_SUPPORT', file)) return 1n << 47n;
  if (isSet(config, 'ARM_PA_SIZE_BITS_44', file)) return 1n << 44n;
  if (isSet(config, 'ARM_PA_SIZE_BITS_40', file)) return 1n << 40n;
  return fail('kernel', `${printable(file)}: a hypervisor with neither ARM_PA_SIZE_BITS_40 nor ARM_PA_SIZE_BITS_44`);
}

/** Holds the files of a kernel against one another and says what is in them. */
export function parseKernel(files: KernelFiles): Kernel {
  const elf = readKernelElf(files.elf, files.name);
  const config = parseGenConfig(files.genConfig);
  const configFile = files.genConfig.name;
  checkMachine(elf, config, files);
  const labels = parseInvocations(files.invocations);
  const isMcs = flagOf(config, 'KERNEL_MCS', configFile);
  checkAgreement(labels, config, elf.machine, files);
  checkLabels(labels, elf.machine, printable(files.invocations.name));
  checkSymbols(elf, isMcs, files);
  return {
    name: files.name,
    sha256: createHash('sha256').update(files.elf).digest('hex'),
    bytes: files.elf,
    machine: elf.machine,
    config,
    configFile,
    labelsFile: files.invocations.name,
    isMcs,
    isDebug: flagOf(config, 'DEBUG_BUILD', configFile),
    hasPrinting: flagOf(config, 'PRINTING', configFile),
    hasFpu: flagOf(config, 'HAVE_FPU', configFile),
    // Source: the limits that config.cmake gives for 64-bit kernels.
    cnodeBits: countOf(config, 'ROOT_CNODE_SIZE_BITS', configFile, [7, 26]),
    userTop: userTopOf(elf.machine, config, configFile),
    labels,
    ...(files.platform && { memory: parsePlatformMemory(files.platform) }),
  };
}

/** The label of an invocation; fails when this kernel has none of that name. */
export function labelOf(kernel: Kernel, name: string): number {
  const label = kernel.labels.get(name);
  if (label !== undefined) return label;
  return fail('kernel', `${printable(kernel.labelsFile)}: no label ${name}; this kernel cannot do what the image asks`);
}

/** Calls that need no capability, and give whoever makes them the processor: by the key that a kernel has them with. */
const dangers: ReadonlyMap<string, string> = new Map([
  ['DANGEROUS_CODE_INJECTION', "runs any thread's code with the kernel's rights (DebugRun)"],
  ['KERNEL_X86_DANGEROUS_MSR', "writes any thread's values into the processor's registers (X86DangerousWRMSR)"],
]);

/** Why nothing holds that this kernel enforces; undefined when it has no such call. Source: seL4, src/api/syscall.c. */
export function dangerOf({ config, configFile }: Pick<Kernel, 'config' | 'configFile'>): string | undefined {
  const [found] = [...dangers].filter(([key]) => isSet(config, key, configFile));
  return found && `${printable(configFile)} sets ${found[0]}: this kernel ${found[1]}`;
}
