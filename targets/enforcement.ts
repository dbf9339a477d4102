/**
 * What an image of any target enforces by itself, for casemate check: the machine says whose stub it can have.
 */
import type { OwnProtection } from '../hardening/subject.ts';
import * as elf from '../linker/elf.ts';
import type { ElfFile } from '../linker/elf-file.ts';
import { hvtProtection } from './hvt/enforcement.ts';
import { riscvProtection } from './riscv64/enforcement.ts';

/** `name` is printable. Errors: 'image' for a stub that is not this version's. */
export function ownProtection(file: ElfFile, bytes: Uint8Array, name: string): OwnProtection | undefined {
  return file.header.machine === elf.EM_RISCV ? riscvProtection(file, bytes, name) : hvtProtection(file, bytes, name);
}
