/**
 * What a file is, by its first bytes: enough to choose who reads it, and the machine that a link is for.
 * Sources: gABI "ELF Header"; LLVM's "Bitcode Wrapper Format".
 */
import * as elf from './elf.ts';
import type { Machine } from './program.ts';

export function isElf(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0x7f && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x4c && bytes[start + 3] === 0x46;
}

/** LLVM bitcode, raw or in its wrapper: an object of clang -flto. */
export function isBitcode(bytes: Uint8Array, start = 0): boolean {
  const magic = [0, 1, 2, 3].map((i) => (bytes[start + i] ?? 0).toString(16).padStart(2, '0')).join('');
  return magic === '4243c0de' || magic === 'dec0170b';
}

/** e_machine of the machines that are linked for. */
export const elfMachines: Readonly<Record<Machine, number>> = {
  'x86-64': elf.EM_X86_64,
  riscv64: elf.EM_RISCV,
  aarch64: elf.EM_AARCH64,
};

const linkedMachines = new Map(Object.entries(elfMachines).map(([name, number]) => [number, name as Machine]));

/** The machine of a value of e_machine; undefined when it is not one we link. */
export function machineNumbered(number: number): Machine | undefined {
  return linkedMachines.get(number);
}

/** e_machine as messages show it. */
export const machineNames: ReadonlyMap<number, string> = new Map<number, string>([
  ...linkedMachines,
  [3, 'i386'],
  [40, 'arm'],
]);

export function machineText(number: number): string {
  return machineNames.get(number) ?? `machine ${number}`;
}

/** Machine of an ELF header at `start`, without further checks; undefined when it is not one we link. */
export function machineOf(bytes: Uint8Array, start: number): Machine | undefined {
  if (!isElf(bytes, start) || bytes.length < start + 20) return undefined;
  return machineNumbered(bytes[start + 18]! | (bytes[start + 19]! << 8));
}
