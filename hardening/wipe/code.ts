/**
 * The code of a linked image, part by part, as checks of veneers read it.
 */
import * as elf from '../../linker/elf.ts';
import type { LinkedImage } from '../../linker/image.ts';
import { functionsOf } from '../../linker/provenance.ts';

export interface CodeSection {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Offsets at which functions begin, ascending. */
  readonly starts: readonly number[];
}

/** Its loaded sections with code. */
export function codeSections(image: LinkedImage): CodeSection[] {
  const addresses = functionsOf(image).map(({ address }) => address);
  return image.sections
    .filter(({ flags, type, size }) => (flags & elf.SHF_EXECINSTR) !== 0 && type !== elf.SHT_NOBITS && size > 0)
    .map(({ address, fileOffset, size }) => ({
      address,
      bytes: image.bytes.subarray(fileOffset, fileOffset + size),
      starts: [...new Set(addresses.filter((at) => address <= at && at < address + size).map((at) => at - address))],
    }));
}
