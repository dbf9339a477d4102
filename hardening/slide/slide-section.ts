/**
 * Where an image keeps its slide section: found by its type, since names are for people.
 */
import { fail, printable } from '../../base/errors.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { HASH, HASH_AT, type Placement, SHT_CASEMATE_SLIDE, SLIDE_SECTION, sectionKind } from './codec.ts';
import { decodePlacement, decodeSlideInfo } from './decode.ts';
import { encodePlacement } from './encode.ts';
import type { SlideArena } from './kernels/kernels.ts';
import type { Layout, SlideInfo } from './slide-info.ts';

/** Index of the slide section, or -1. Errors: 'malformed-elf' for two, or one that is loaded. */
export function slideSectionIndex({ sections }: ElfFile, name: string): number {
  const found = sections.findIndex(({ type }) => type === SHT_CASEMATE_SLIDE);
  if (found !== sections.findLastIndex(({ type }) => type === SHT_CASEMATE_SLIDE)) {
    fail('malformed-elf', `${printable(name)}: has two slide sections`);
  }
  if (found >= 0 && sections[found]!.flags !== 0) {
    fail('malformed-elf', `${printable(name)}: its slide section has flags ${sections[found]!.flags}, expected 0`);
  }
  return found;
}

/** What the image says of itself; undefined when it says nothing. Errors as those of `decodeSlideInfo`. */
export function readSlideInfo(file: ElfFile, name: string, arena?: SlideArena): SlideInfo | undefined {
  const index = slideSectionIndex(file, name);
  return index < 0 ? undefined : decodeSlideInfo(file.sections[index]!.data, file, name, arena);
}

/** Where a slid image says its units are. Errors: 'image' when it does not say, and those of `decodePlacement`. */
export function readPlacement(file: ElfFile, units: number, name: string): Placement {
  const index = slideSectionIndex(file, name);
  if (index < 0) return fail('image', `${printable(name)}: has no slide section`);
  return decodePlacement(file.sections[index]!.data, units, name);
}

/** Puts where units went in the place of the information on the base image, which `moved` has still. */
export function recordPlacement(moved: ElfFile, layout: Layout, arena: SlideArena): ElfFile {
  const index = slideSectionIndex(moved, 'image');
  if (index < 0) return moved;
  const section = moved.sections[index]!;
  if (sectionKind(section.data, SLIDE_SECTION) !== 'info') fail('image', 'the image was slid already');
  const hash = section.data.slice(HASH_AT, HASH_AT + HASH);
  const bytes = encodePlacement({ textSize: layout.textSize, unitOffset: layout.unitOffset, hash }, arena);
  if (bytes.length > section.size) {
    fail(
      'malformed-elf',
      `the slide section of ${section.size} bytes has no room for the ${bytes.length} of a slid image`,
    );
  }
  section.data.fill(0);
  section.data.set(bytes);
  const size = bytes.length;
  const data = section.data.subarray(0, size);
  return { ...moved, sections: moved.sections.map((each, i) => (i === index ? { ...each, size, data } : each)) };
}
