/**
 * What is known about moving an image: from casemate's own build, or nothing.
 */
import { decodeSlideInfo, SHT_CASEMATE_SLIDE, SLIDE_SECTION } from '../../hardening/slide/codec.ts';
import type { SlideInfo } from '../../hardening/slide/slide-info.ts';
import type { ElfFile } from '../../linker/elf-file.ts';

export interface Movable {
  /** Undefined for an image that must stay where it is. */
  readonly info?: SlideInfo;
  /** Why there is none. */
  readonly reason: string;
}

/** `name` names the file in messages. Errors: 'malformed-elf', 'image' for an info that does not fit the file. */
export function movableParts(file: ElfFile, name: string): Movable {
  const section = file.sections.find(({ type }) => type === SHT_CASEMATE_SLIDE);
  if (section !== undefined) return { info: decodeSlideInfo(section.data, file, name), reason: '' };
  return {
    reason: `the image keeps no relocations (no ${SLIDE_SECTION}; link it with ld -q, or build it with casemate)`,
  };
}
