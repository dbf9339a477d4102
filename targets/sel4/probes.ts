/**
 * Probes for a root task on seL4: what a program must not be able to do, tried by a program.
 *
 * As for the other targets: one unikernel, one attempt a boot, each announced before it is made. There is no image
 * without protections to compare with; where the kernel leaves everything writable and executable is a fact about it. So
 * the attempts that must get through on a machine (executing data on x86-64, where no-execute does not exist) are the
 * proof that an attempt is one. The last ones go for the kernel's calls: each must be refused.
 */
import { sharedProbeHeader, sharedProbeSource, stackProbeSource } from '../platform/sources.ts';
import type { TextKind } from '../regions.ts';
import type { SeL4Machine } from './kernel.ts';
import type { Aslr } from './platform.ts';

const folder = 'targets/sel4/probes';

/** Files of the probes' unikernel, relative to the package's root. */
export const sel4ProbeFiles = {
  sources: ['main.c', 'memory.c', 'capabilities.c']
    .map((file) => `${folder}/${file}`)
    .concat(sharedProbeSource, stackProbeSource),
  headers: [
    `${folder}/probe.h`,
    'targets/platform/machine/boot.h',
    'targets/sel4/abi/abi.h',
    ...(['riscv64', 'x86-64', 'aarch64'] as const).map((machine) => `targets/sel4/abi/call-${machine}.h`),
    sharedProbeHeader,
  ],
} as const;

export type Access = 'read' | 'write' | 'execute';

/**
 * How a probe may end.
 *
 * succeeds: nothing stops it. faults: the kernel stops the thread at one of the announced addresses. refused: a call
 * answers with an error. nothing: it found nothing. aborts: the guest's own code notices and ends.
 */
export type Ending =
  | { readonly kind: 'succeeds' }
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'faults'; readonly access: Access }
  | { readonly kind: 'aborts'; readonly message: string };

export interface Probe {
  readonly name: string;
  /** What it tries, to stand after "a program that". */
  readonly tries: string;
  readonly ends: (state: ProbedState) => Ending;
  /** Only of an image whose addresses are drawn by the build: the other has no such page. */
  readonly rootOnly?: true;
}

/** The probes for an image. */
export function probesOf({ aslr }: Pick<ProbedState, 'aslr'>): readonly Probe[] {
  return probes.filter(({ rootOnly }) => rootOnly !== true || aslr === 'build');
}

/** What decides how a probe must end. */
export interface ProbedState {
  readonly machine: SeL4Machine;
  readonly text: TextKind;
  readonly aslr: Aslr;
  /** Whether the kernel, or a first stage, says what it stops. */
  readonly tells: boolean;
}

const succeeds: Ending = { kind: 'succeeds' };

/** A probe that a fault stops; its name begins with the access. */
function stopped(name: string, tries: string): Probe {
  const access = name.slice(0, name.indexOf('-')) as Access;
  const faults: Ending = { kind: 'faults', access };
  return { name, tries, ends: () => faults };
}

/** A probe that executes what is mapped and is no code: x86-64 lets it. */
function executed(name: string, tries: string): Probe {
  const probe = stopped(name, tries);
  return { ...probe, ends: (state) => (state.machine === 'x86-64' ? succeeds : probe.ends(state)) };
}

function refused(name: string, tries: string): Probe {
  return { name, tries, ends: () => ({ kind: 'refused' }) };
}

/** Every probe, the control first: it must succeed everywhere, or no other says anything. */
export const probes: readonly Probe[] = [
  { name: 'control', tries: 'reads and writes its heap, which it may', ends: () => succeeds },

  {
    name: 'read-text',
    tries: 'reads code',
    ends: ({ text }) => (text === 'execute' ? { kind: 'faults', access: 'read' } : succeeds),
  },
  stopped('write-text', 'writes to code'),
  stopped('write-rodata', 'writes to read-only data'),
  stopped('write-relro', 'writes to data that is complete when the image is written (RELRO)'),
  stopped('write-boot-block', 'writes to its boot block'),
  { ...stopped('write-bootinfo', "writes to the kernel's BootInfo"), rootOnly: true },
  stopped('write-device-tree', 'writes to what the kernel tells of the machine'),

  // The same code as the next ones, where it may run: what stops them is where theirs is.
  { name: 'execute-text', tries: 'executes code of its own', ends: () => succeeds },
  executed('execute-data', 'executes data'),
  executed('execute-bss', 'executes zero-initialised data'),
  executed('execute-stack', 'executes its stack'),
  executed('execute-heap', 'executes its heap'),
  executed('execute-rodata', 'executes read-only data'),
  executed('execute-relro', 'executes RELRO data'),
  executed('execute-ipc-buffer', 'executes its IPC buffer'),

  stopped('read-null', 'reads address 0'),
  stopped('write-null', 'writes to address 0'),
  stopped('execute-null', 'executes address 0'),
  stopped('read-kernel', "reads the kernel's addresses"),
  stopped('read-below-image', 'reads below its image'),
  stopped('read-after-text', 'reads the guard page after its code'),
  stopped('read-after-rodata', 'reads the guard page after its read-only data'),

  { ...stopped('write-below-stack', 'recurses without end'), name: 'overflow-stack' },
  stopped('write-below-stack', 'writes below its stack'),
  stopped('write-above-stack', 'writes above its stack'),
  stopped('write-below-heap', 'writes below its heap'),
  stopped('write-above-heap', 'writes above its heap'),
  {
    name: 'smash-stack',
    tries: 'writes over the end of a buffer',
    ends: () => ({ kind: 'aborts', message: 'the canary is damaged' }),
  },

  refused('page-map', 'maps a page of its own anew (Page_Map)'),
  refused('page-unmap', 'unmaps a page of its own (Page_Unmap)'),
  refused('untyped-retype', 'makes an address space of memory that is left (Untyped_Retype)'),
  refused('asid-pool-assign', 'makes an address space usable (ASIDPool_Assign)'),
  refused('tcb-set-space', 'moves its thread to other spaces (TCB_SetSpace)'),
  refused('tcb-set-ipc-buffer', 'has the kernel write to a page of its choice (TCB_SetIPCBuffer)'),
  refused('cnode-copy', 'copies a capability (CNode_Copy)'),
  refused('cnode-delete', 'deletes a capability (CNode_Delete)'),
  {
    name: 'sweep-names',
    tries: 'makes every such call on every capability that it might have',
    ends: () => ({ kind: 'nothing' }),
  },
];
