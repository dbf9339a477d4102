/**
 * What is known about moving an image: from casemate's own build, from relocations that another linker kept, or nothing.
 */
import { CasemateError } from '../../base/errors.ts';
import { slideInfoFromRelocations } from '../../hardening/slide/from-relocs.ts';
import type { SlideArena } from '../../hardening/slide/kernels/kernels.ts';
import type { SlideInfo } from '../../hardening/slide/slide-info.ts';
import { readSlideInfo } from '../../hardening/slide/slide-section.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';

export interface Movable {
  /** Undefined for an image that must stay where it is. */
  readonly info?: SlideInfo;
  /** Why there is none. */
  readonly reason: string;
}

/** Whether the linker kept relocations of loaded sections. */
function keepsRelocations(file: ElfFile): boolean {
  return file.sections.some(
    ({ type, info, flags }) =>
      type === elf.SHT_RELA &&
      (flags & elf.SHF_ALLOC) === 0 &&
      ((file.sections[info]?.flags ?? 0) & elf.SHF_ALLOC) !== 0,
  );
}

/**
 * `name` names the file in messages. An image whose relocations cannot be followed stays, with that as the reason.
 * Errors: 'malformed-elf', 'image' for an info that does not fit the file.
 */
export function movableParts(file: ElfFile, name: string, arena?: SlideArena): Movable {
  const info = readSlideInfo(file, name, arena);
  if (info !== undefined) return { info, reason: '' };
  if (!keepsRelocations(file)) {
    return { reason: 'the image keeps no relocations (link it with ld -q, or build it with casemate)' };
  }
  try {
    return { info: slideInfoFromRelocations(file, name), reason: '' };
  } catch (error) {
    if (!(error instanceof CasemateError)) throw error;
    return { reason: `its relocations cannot be followed: ${error.message}` };
  }
}
