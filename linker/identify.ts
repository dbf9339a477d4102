/**
 * What a file is, by its first bytes: enough to choose who reads it, and the machine that a link is for.
 * Sources: gABI "ELF Header"; LLVM's "Bitcode Wrapper Format".
 */
import * as elf from './elf.ts';
import type { Program } from './program.ts';

export function isElf(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0x7f && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x4c && bytes[start + 3] === 0x46;
}

/** LLVM bitcode, raw or in its wrapper: an object of clang -flto. */
export function isBitcode(bytes: Uint8Array, start = 0): boolean {
  const magic = [0, 1, 2, 3].map((i) => (bytes[start + i] ?? 0).toString(16).padStart(2, '0')).join('');
  return magic === '4243c0de' || magic === 'dec0170b';
}

/** e_machine as messages show it. */
export const machineNames = new Map<number, string>([
  [elf.EM_X86_64, 'x86-64'],
  [elf.EM_RISCV, 'riscv64'],
  [3, 'i386'],
  [40, 'arm'],
  [183, 'aarch64'],
]);

/** Machine of an ELF header at `start`, without further checks; undefined when it is not one we link. */
export function machineOf(bytes: Uint8Array, start: number): Program['machine'] | undefined {
  if (!isElf(bytes, start) || bytes.length < start + 20) return undefined;
  const machine = bytes[start + 18]! | (bytes[start + 19]! << 8);
  return machine === elf.EM_X86_64 ? 'x86-64' : machine === elf.EM_RISCV ? 'riscv64' : undefined;
}
