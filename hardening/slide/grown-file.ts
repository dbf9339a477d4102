/**
 * Room in the file for a text segment that has become longer: what stands behind it moves back by whole pages.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { fail } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { claimsOf, type ElfFile, unclaimed } from '../../linker/elf-file.ts';
import type { SlideInfo } from './slide-info.ts';

export interface Growth {
  /** Where the text segment begins and ended in the file. */
  readonly offset: number;
  readonly oldEnd: number;
  /** What lies at or behind `oldEnd` moves back by this many bytes. */
  readonly shift: number;
}

/** How the file changes for text of `textSize` bytes. Errors: 'layout' when something shares the text's bytes. */
export function growthOf(file: ElfFile, info: SlideInfo, textSize: number): Growth {
  const { offset, fileSize } = file.segments[info.segments[info.text]!.index]!;
  const oldEnd = offset + fileSize;
  let next = Number.POSITIVE_INFINITY;
  let align = 1;
  const occupy = (at: number, size: number): void => {
    if (size > 0 && at >= oldEnd && at < next) next = at;
    if (size > 0 && at < oldEnd && at + size > oldEnd) {
      fail('layout', 'something in the file reaches over the end of the text segment; it cannot grow');
    }
  };
  for (const section of file.sections) occupy(section.offset, section.data.length);
  for (const segment of file.segments) {
    if (segment.type !== elf.PT_LOAD) continue;
    occupy(segment.offset, segment.fileSize);
    align = Math.max(align, segment.align);
  }
  const { header } = file;
  occupy(header.sectionHeadersOffset, file.sections.length * elf.SHDR_SIZE);
  occupy(header.programHeadersOffset, file.segments.length * elf.PHDR_SIZE);
  if (next === Number.POSITIVE_INFINITY) next = Math.max(oldEnd, file.size);
  for (const { offset: at, data } of file.rest) {
    // Bytes of unknown meaning, unlike padding, are kept.
    const from = Math.max(at, oldEnd);
    const end = Math.min(at + data.length, offset + textSize, next);
    if (from >= end) continue;
    const used = data.subarray(from - at, end - at).findIndex((byte) => byte !== 0);
    if (used >= 0) next = from + used;
  }
  const missing = offset + textSize - next;
  return { offset, oldEnd, shift: missing <= 0 ? 0 : alignUp(missing, align) };
}

/** `file` with its contents taken from `bytes`, in which what lay behind the text moved by `shift`. */
export function elfWithBytes(file: ElfFile, bytes: Uint8Array, { oldEnd, shift }: Growth): ElfFile {
  const place = (offset: number): number => (offset >= oldEnd ? offset + shift : offset);
  const sections = file.sections.map((section) => {
    const offset = place(section.offset);
    return { ...section, offset, data: bytes.subarray(offset, offset + section.data.length) };
  });
  const header = {
    ...file.header,
    ident: bytes.subarray(0, 16),
    programHeadersOffset: place(file.header.programHeadersOffset),
    sectionHeadersOffset: place(file.header.sectionHeadersOffset),
  };
  const segments = file.segments.map((segment) => ({ ...segment, offset: place(segment.offset) }));
  return { header, segments, sections, rest: [], size: bytes.length };
}

/** The file with `rest` filled in: what no header or section claims of `bytes`, its contents. */
export function withRest(file: ElfFile, bytes: Uint8Array, name: string): ElfFile {
  const claims = claimsOf(name, 'layout', file.header, file.segments.length, file.sections);
  return { ...file, rest: unclaimed(bytes, claims) };
}
