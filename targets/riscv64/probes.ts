/**
 * Probes for bare RISC-V: what a program must not be able to do, tried by a program.
 *
 * As for hvt (targets/hvt/probes.ts): one unikernel, one attempt a boot, and two expectations each, because an attempt
 * that is stopped proves nothing unless it gets through where nobody stops it. On a plain image, with address translation
 * off, nothing does but firmware's physical memory protection and addresses at which there is nothing: both are access
 * faults, never page faults. The last ones of the list get through on a hardened image as well: they show what code in
 * S-mode can take back.
 *
 * Causes: The RISC-V Instruction Set Manual, volume II, table 4.2.
 */
import { type ProbeFiles, sharedProbeHeader, sharedProbeSource, stackProbeSource } from '../platform/sources.ts';

const folder = 'targets/riscv64/probes';

/** Files of the probes' unikernel, relative to the package's root. */
export const riscvProbeFiles: ProbeFiles = {
  target: 'riscv64',
  sources: ['main.c', 'memory.c', 'sweep.c', 'undo.c', 'attempt.S']
    .map((file) => `${folder}/${file}`)
    .concat(sharedProbeSource, stackProbeSource),
  headers: [`${folder}/probe.h`, 'targets/platform/machine/boot.h', sharedProbeHeader],
};

/** Values of scause. */
export const CAUSES = {
  fetchAccess: 1,
  illegal: 2,
  loadAccess: 5,
  storeAccess: 7,
  fetchPage: 12,
  loadPage: 13,
  storePage: 15,
} as const;
export type Cause = keyof typeof CAUSES;

/**
 * How a probe may end.
 *
 * succeeds: nothing stops it. faults: a trap of this cause whose stval is the announced address. no-code: what was there
 * was fetched, and is no instruction; not every device answers a fetch, and then it is an access fault. nothing: it found nothing. aborts: the guest's own code notices and ends.
 */
export type Ending =
  | { readonly kind: 'succeeds' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'faults'; readonly cause: Exclude<Cause, 'illegal'> }
  | { readonly kind: 'no-code' }
  | { readonly kind: 'aborts'; readonly message: string };

export interface Probe {
  readonly name: string;
  /** What it tries, to stand after "a program that". */
  readonly tries: string;
  /** On an image that nobody hardened, and on a hardened one. */
  readonly plain: Ending;
  readonly hardened: Ending;
  /** It shows what code in S-mode can take back. */
  readonly limit?: true;
}

const succeeds: Ending = { kind: 'succeeds' };
const nothing: Ending = { kind: 'nothing' };
const noCode: Ending = { kind: 'no-code' };
const smashed: Ending = { kind: 'aborts', message: 'the canary is damaged' };

const faults = (cause: Exclude<Cause, 'illegal'>): Ending => ({ kind: 'faults', cause });
const pageFault = { read: faults('loadPage'), write: faults('storePage'), execute: faults('fetchPage') } as const;
const accessFault = {
  read: faults('loadAccess'),
  write: faults('storeAccess'),
  execute: faults('fetchAccess'),
} as const;

/** A probe that a hardened image stops with a page fault; its name begins with the access. */
function stopped(name: string, tries: string, plain: Ending | 'access fault' = succeeds): Probe {
  const access = name.slice(0, name.indexOf('-')) as keyof typeof pageFault;
  return { name, tries, plain: plain === 'access fault' ? accessFault[access] : plain, hardened: pageFault[access] };
}

/** Every probe, the control first: it must succeed everywhere, or no other says anything. */
export const probes: readonly Probe[] = [
  { name: 'control', tries: 'reads and writes its heap, which it may', plain: succeeds, hardened: succeeds },

  stopped('read-text', 'reads code'),
  stopped('write-text', 'writes to code'),
  stopped('write-rodata', 'writes to read-only data'),
  stopped('write-relro', 'writes to data that is read-only after start-up'),
  stopped('write-boot-block', 'writes to its boot block'),
  stopped('write-device-tree', 'writes to its device tree'),

  stopped('execute-data', 'executes data'),
  stopped('execute-bss', 'executes zero-initialised data'),
  stopped('execute-stack', 'executes its stack'),
  stopped('execute-trap-stack', 'executes its trap stack'),
  stopped('execute-heap', 'executes its heap'),
  stopped('execute-rodata', 'executes read-only data'),
  stopped('execute-relro', 'executes RELRO data'),
  stopped('execute-boot-block', 'executes its boot block'),
  stopped('execute-device-tree', 'executes its device tree'),
  stopped('execute-device', 'executes registers of a device', noCode),
  stopped('execute-mxr', 'executes an instruction that sets MXR, in its heap'),

  stopped('read-null', 'reads address 0', 'access fault'),
  stopped('write-null', 'writes to address 0', 'access fault'),
  stopped('execute-null', 'executes address 0', 'access fault'),

  { ...stopped('write-below-stack', 'writes below its stack'), name: 'overflow-stack', tries: 'recurses without end' },
  stopped('write-below-stack', 'writes below its stack'),
  stopped('write-above-stack', 'writes above its stack'),
  stopped('write-below-trap-stack', 'writes below its trap stack'),
  stopped('write-above-trap-stack', 'writes above its trap stack'),
  stopped('write-below-heap', 'writes below its heap'),
  stopped('write-above-heap', 'writes above its heap'),
  stopped('read-below-image', 'reads below its image'),
  { name: 'smash-stack', tries: 'writes over the end of a buffer', plain: smashed, hardened: smashed },

  stopped('read-stub', 'reads the start-up stub at its physical address'),
  stopped('write-stub', 'writes to the start-up stub at its physical address'),
  stopped('execute-stub', 'executes the start-up stub at its physical address'),
  stopped('read-veneer', "reads the stub's last instructions at their physical address"),
  stopped('execute-veneer', "executes the stub's last instructions at their physical address"),
  stopped('read-physical-text', 'reads code at its physical address'),
  stopped('write-physical-text', 'writes to code at its physical address'),
  stopped('execute-physical-text', 'executes code at its physical address'),
  stopped('read-physical-heap', 'reads its heap at its physical address'),
  stopped('read-page-tables', 'reads its page tables'),
  stopped('write-page-tables', 'writes to its page tables'),
  stopped('execute-page-tables', 'executes its page tables'),
  stopped('read-firmware', 'reads the firmware', 'access fault'),
  stopped('write-firmware', 'writes to the firmware', 'access fault'),
  stopped('execute-firmware', 'executes the firmware', 'access fault'),

  {
    name: 'sweep-pages',
    tries: 'looks for a page, its own or beside its own, that lets it do more than it may',
    plain: succeeds,
    hardened: nothing,
  },
  {
    name: 'sweep-physical',
    tries: "looks for the machine's memory at all its physical addresses",
    plain: succeeds,
    hardened: nothing,
  },
  { name: 'look-at-sstatus', tries: 'looks for SUM or MXR set', plain: nothing, hardened: nothing },
  { name: 'read-satp', tries: 'reads satp, which it may', plain: succeeds, hardened: succeeds },
  {
    name: 'read-text-with-sum',
    tries: 'reads code after setting SUM',
    plain: succeeds,
    hardened: pageFault.read,
  },

  // From here on, what S-mode can take back.
  { name: 'undo-mxr', tries: 'reads code after setting MXR', plain: succeeds, hardened: succeeds, limit: true },
  {
    name: 'undo-tables',
    tries: 'executes its heap under page tables of its own',
    plain: succeeds,
    hardened: succeeds,
    limit: true,
  },
];
