/**
 * What may be said of a kernel, and what may not.
 *
 * "Runs on a verified kernel" is true of few kernels and checked by fewer reports. Here a kernel's configuration is held
 * against every configuration that has proofs, key by key. When one matches, its row is stated, with what the proofs
 * assume; when none does, the report says that no proof applies, and which keys keep it from the nearest. What no
 * proof covers is said in either case, and so is what the machine's kernel cannot enforce at all.
 *
 * A configuration is a claim of whoever built the kernel: nothing in a kernel.elf shows from which source it was built.
 * A report therefore names the kernel by its SHA-256, and says so.
 * Source: seL4 16.0.0, CAVEATS.md.
 */
import { printable } from '../../base/errors.ts';
import { count } from '../../hardening/finding.ts';
import type { Kernel, SeL4Machine } from './kernel.ts';
import type { ConfigValue } from './kernel-config.ts';
import {
  freeKeys,
  type Property,
  type VerifiedConfiguration,
  verifiedConfigurations,
} from './verified-configurations.ts';

/** A key of which the kernel's value is not the verified one. */
export interface ConfigDifference {
  readonly key: string;
  /** 'off' for what is not there. */
  readonly verified: string;
  readonly found: string;
}

export interface Comparison {
  /** For example RISCV64_verified. */
  readonly configuration: string;
  /** What keeps the proofs from applying, by key. */
  readonly differences: readonly ConfigDifference[];
  /** What differs and is allowed to. */
  readonly allowed: readonly ConfigDifference[];
}

/** As data for a report; each text is one sentence or more, printable. */
export interface KernelClaims {
  readonly kernel: string;
  readonly sha256: string;
  readonly machine: SeL4Machine;
  /** The verified configuration that the kernel's is; absent when there is none. */
  readonly configuration?: string;
  /** Against that one, or the nearest. */
  readonly comparison: Comparison;
  readonly proved: readonly { readonly property: Property; readonly text: string }[];
  readonly conditions: readonly string[];
  readonly notCovered: readonly string[];
  /** What this machine's kernel can and cannot enforce of an image's memory. */
  readonly enforcement: readonly string[];
}

const propertyTexts: Readonly<Record<Property, string>> = {
  'functional-correctness':
    "Functional correctness: the kernel's C code does what its abstract specification says, and has no undefined behaviour such as buffer overruns or null pointers.",
  integrity: 'Integrity: nothing is written without the authority to write it.',
  confidentiality: 'Confidentiality: nothing is read without the authority to read it.',
  'non-interference':
    'Intransitive non-interference: components that are configured apart are isolated, timing channels excepted.',
};

const off = 'off';

/** One way to write a value, whichever file it is from: true is 1 in C, and what is false, empty or absent is off. */
function plain(value: ConfigValue | undefined): string {
  if (value === undefined || value === false || value === '') return off;
  return value === true ? '1' : String(value);
}

function compare(kernel: Pick<Kernel, 'config'>, { name, keys }: VerifiedConfiguration): Comparison {
  const [differences, allowed]: [ConfigDifference[], ConfigDifference[]] = [[], []];
  for (const key of [...new Set([...keys.keys(), ...kernel.config.keys()])].sort()) {
    const [verified, found] = [plain(keys.get(key)), plain(kernel.config.get(key))];
    if (verified === found) continue;
    // Free to differ, but not to be nothing.
    (freeKeys.has(key) && /^[1-9]\d*$/.test(found) ? allowed : differences).push({ key, verified, found });
  }
  return { configuration: name, differences, allowed };
}

/** A comparison with each verified configuration of the kernel's machine, the nearest first. */
export function compareVerified(kernel: Pick<Kernel, 'config' | 'machine'>): Comparison[] {
  return verifiedConfigurations
    .filter(({ machine }) => machine === kernel.machine)
    .map((each) => compare(kernel, each))
    .sort((a, b) => a.differences.length - b.differences.length);
}

/** What the proofs of a configuration take for granted. */
function conditionsOf({ coversFastpath, binary }: VerifiedConfiguration, kernel: Kernel): string[] {
  return [
    `They hold if this kernel.elf was built from unmodified source of a revision that the proofs were checked for, with the configuration in ${printable(kernel.configFile)}. No file of the kernel shows that; its builder says so.`,
    binary
      ? 'Compiler and linker are trusted, unless the tool chain for binary verification was run on this kernel.elf.'
      : 'Compiler and linker are trusted.',
    'Hardware is trusted to work as specified, and so are assembly code, and the management of caches and TLB.',
    ...(coversFastpath ? [] : ['The fast path of IPC, which this configuration switches on, is not covered.']),
  ];
}

function notCoveredBy(kernel: Kernel): string[] {
  return [
    "Boot code: what runs before the root task's first instruction.",
    'DMA: a device that may write memory writes any of it; an IOMMU is in no verified configuration.',
    'Timing channels and other channels of the microarchitecture.',
    'More than one processor.',
    ...(kernel.isDebug || kernel.hasPrinting
      ? ['Debugging and printing, with which this kernel was built: its calls for them look into other threads.']
      : []),
    'Anything in the image: a proof about the kernel says nothing of the program that it runs.',
  ];
}

const enforcementOf: Readonly<Record<SeL4Machine, readonly string[]>> = {
  'x86-64': [
    'Text and read-only data are not writable.',
    'No-execute does not exist in this kernel: it never sets the bit, so data, stack and heap can be executed.',
    'Execute-only memory does not exist: what can be executed can be read.',
  ],
  riscv64: [
    'Each page has its own rights to be read, written and executed; text can be execute-only.',
    'The kernel starts a root task with all of its memory readable, writable and executable; the rights are the work of its first steps.',
  ],
  aarch64: [
    'Each page has its own rights to be read, written and executed; whether text can be execute-only depends on the version of the kernel, so that only a probe that faults shows it.',
    'The kernel starts a root task with its image readable, writable and executable; the rights are the work of its first steps.',
  ],
};

/** What may be said of a kernel. */
export function claimsOf(kernel: Kernel): KernelClaims {
  const [comparison] = compareVerified(kernel);
  const exact = comparison.differences.length === 0;
  const row = verifiedConfigurations.find(({ name }) => exact && name === comparison.configuration);
  return {
    kernel: printable(kernel.name),
    sha256: kernel.sha256,
    machine: kernel.machine,
    ...(row === undefined ? {} : { configuration: row.name }),
    comparison,
    proved: (row?.properties ?? []).map((property) => ({ property, text: propertyTexts[property] })),
    conditions: row === undefined ? [] : conditionsOf(row, kernel),
    notCovered: notCoveredBy(kernel),
    enforcement: enforcementOf[kernel.machine],
  };
}

/** Differences that a line of text shows, of a list that may be long. */
const MOST_SHOWN = 6;

function shown(differences: readonly ConfigDifference[]): string {
  const some = differences
    .slice(0, MOST_SHOWN)
    .map(({ key, verified, found }) => `${printable(key, 60)} ${printable(found, 40)}, not ${printable(verified, 40)}`);
  const more = differences.length - some.length;
  return [...some, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
}

/** The claims as lines for a terminal or a text report. */
export function claimLines(claims: KernelClaims): string[] {
  const { comparison, configuration, conditions, notCovered, enforcement, proved } = claims;
  const { allowed, differences } = comparison;
  const verdict =
    configuration === undefined
      ? `No proof applies: of the nearest verified configuration, ${comparison.configuration}, ${count(differences.length, 'key differs', 'keys differ')} (${shown(differences)}).`
      : `Its configuration is ${configuration}, of which there are proofs.`;
  return [
    `Kernel ${claims.kernel}, SHA-256 ${claims.sha256}.`,
    verdict,
    ...(configuration !== undefined && allowed.length > 0 ? [`Allowed to differ: ${shown(allowed)}.`] : []),
    ...proved.map(({ text }) => `Proved: ${text}`),
    ...conditions.map((text) => `Condition: ${text}`),
    ...notCovered.map((text) => `Not covered: ${text}`),
    ...enforcement.map((text) => `Enforcement: ${text}`),
  ];
}
