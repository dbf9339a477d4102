/**
 * What a hardened RISC-V program's page tables will say, for casemate check.
 *
 * A program counts as hardened when our stub, byte for byte, is what it is entered through, with a configuration that
 * reads back: then what the configuration says is what the tables enforce.
 */
import type { OwnProtection } from '../../hardening/subject.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { addressWords } from './entropy-bits.ts';
import { findStub } from './stage0/stub.ts';

/** `name` is printable. Errors: 'image' for a stub that is not this version's. */
export function riscvProtection(file: ElfFile, bytes: Uint8Array, name: string): OwnProtection | undefined {
  const stub = findStub(file, bytes, name);
  if (stub === undefined) return undefined;
  const { regions, require, stack, mode } = stub.config;
  return {
    enforcement: {
      regions: regions.map(({ start, end, kind }) => ({ start: BigInt(start), end: BigInt(end), kind })),
      requires: require,
      stack,
      addresses: addressWords(mode, require),
    },
    startup: stub.indices,
  };
}
