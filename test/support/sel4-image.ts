/**
 * Root images for tests, written by hand: what a reader of one looks at, and no program. Every part can be chosen, so that
 * a test can break one and keep the others.
 */
import type { Kernel } from '../../targets/sel4/kernel.ts';
import { type BuiltImage, buildImage, PF } from './elf-image.ts';

export const rootMachineNumbers = { 'x86-64': 62, riscv64: 243, aarch64: 183 } as const;

export const rootBase = 0x10000000n;

/** What start-up code is told: 40 bytes, the magic and four words. */
export function settingsBlock(...words: bigint[]): Buffer {
  const bytes = Buffer.alloc(40);
  const all = [0x31305345344c4553n, ...words];
  for (const [i, word] of all.slice(0, 5).entries()) bytes.writeBigUInt64LE(word, 8 * i);
  return bytes;
}

export interface RootChoices {
  readonly base?: bigint;
  /** Contents of .casemate.sel4; null: no such section. */
  readonly binding?: string | null;
  readonly settings?: Buffer;
  /** Bytes of .sel4.arguments; 0: no such section. */
  readonly room?: number;
  readonly changes?: Partial<BuiltImage>;
}

export const bindingText = (kernel: Kernel, over: object = {}): string =>
  JSON.stringify({ kernel: kernel.sha256, machine: kernel.machine, aslr: 'build', ...over });

/** A root image for a kernel: text, read-only data with its settings, data. */
export function builtRoot(kernel: Kernel, choices: RootChoices = {}): Buffer {
  const { base = rootBase, binding = bindingText(kernel), room = 64, changes = {} } = choices;
  // x86-64 has no pages that can be executed and not read.
  const readable = kernel.machine === 'x86-64';
  const settings = choices.settings ?? settingsBlock(readable ? 2n : 0n, 0x40000000n, 0x1000000n, 0x80000000n);
  const data = Buffer.concat([settings, Buffer.alloc(64 - (settings.length % 64)), Buffer.alloc(room)]);
  const read = base + 0x2000n;
  const inRead = { type: 1, flags: 2 };
  return buildImage({
    machine: rootMachineNumbers[kernel.machine],
    segments: [
      { flags: readable ? PF.R | PF.X : PF.X, address: base, bytes: Buffer.from('text of a program') },
      { flags: PF.R, address: read, bytes: data },
      { flags: PF.R | PF.W, address: base + 0x4000n, bytes: Buffer.from('its data'), memorySize: 0x1800 },
    ],
    sections: [
      { ...inRead, name: '.sel4.settings', address: read, offset: 0x2000, size: settings.length },
      ...(room === 0 ? [] : [{ ...inRead, name: '.sel4.arguments', address: read + 64n, offset: 0x2040, size: room }]),
      ...(binding === null ? [] : [{ name: '.casemate.sel4', type: 1, bytes: Buffer.from(binding, 'latin1') }]),
    ],
    ...changes,
  });
}
