/**
 * What a hardened image's page tables will say, for casemate check.
 *
 * An image counts as hardened when its entry is our stub, byte for byte, with a configuration that reads back: then what
 * the configuration says is what the tables enforce. Everything else that calls itself hardened is judged as it stands.
 */
import type { OwnProtection } from '../../hardening/subject.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { BOOT_INFO } from './stage0/regions.ts';
import { findStub, STUB_SIZE } from './stage0/stub.ts';

/** `name` is printable. Errors: 'image' for a stub that is not this version's. */
export function hvtProtection(file: ElfFile, bytes: Uint8Array, name: string): OwnProtection | undefined {
  const stub = findStub(file, bytes, name);
  if (stub === undefined) return undefined;
  const { regions, require, stack } = stub.config;
  const [start, end] = [BigInt(stub.base), BigInt(stub.base + STUB_SIZE)];
  return {
    enforcement: {
      regions: regions
        .filter((region) => region.start !== BOOT_INFO.start)
        .map((region) => ({ start: BigInt(region.start), end: BigInt(region.end), kind: region.kind })),
      requires: require,
      stack,
    },
    startup: file.segments.flatMap(({ type, address, memorySize }, i) =>
      type === elf.PT_LOAD && memorySize > 0 && address >= start && address + BigInt(memorySize) <= end ? [i] : [],
    ),
  };
}
