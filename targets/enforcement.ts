/**
 * What an image of any target enforces by itself, for casemate check: the machine says whose stub it can have.
 */
import { fail, hex } from '../base/errors.ts';
import type { OwnProtection } from '../hardening/subject.ts';
import * as elf from '../linker/elf.ts';
import type { ElfFile } from '../linker/elf-file.ts';
import { hvtProtection } from './hvt/enforcement.ts';
import { riscvProtection } from './riscv64/enforcement.ts';

/**
 * `name` is printable. Errors: 'image' for a stub that is not this version's, or whose pages are writable and executable:
 * rules look at what is left when it has run, so nobody else would say so.
 */
export function ownProtection(file: ElfFile, bytes: Uint8Array, name: string): OwnProtection | undefined {
  const own =
    file.header.machine === elf.EM_RISCV ? riscvProtection(file, bytes, name) : hvtProtection(file, bytes, name);
  for (const index of own?.startup ?? []) {
    const { flags, address } = file.segments[index]!;
    if ((flags & elf.PF_W) !== 0 && (flags & elf.PF_X) !== 0)
      fail(
        'image',
        `${name}: the stub's segment at ${hex(address)} is writable and executable; harden the original again`,
      );
  }
  return own;
}
