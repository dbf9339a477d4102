/**
 * Adding to a finished ELF file without moving what it holds.
 *
 * What is added goes to the end of the file. Header tables that grow move there too, and where they were stay zero
 * bytes, so no offset that anything else relies on changes. A file without section headers stays without.
 * Source: gABI chapter 4 "ELF Header", "Sections", chapter 5 "Program Header".
 */
import { alignUp } from '../base/arithmetic.ts';
import * as elf from './elf.ts';
import type { ElfFile, ElfRest, ElfSection, ElfSegment } from './elf-file.ts';

/** A section to add; its contents are placed by whoever adds it. */
export interface NewSection {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  /** 0n for what is never loaded. */
  readonly address: bigint;
  readonly align: number;
  readonly data: Uint8Array;
}

/** Zero bytes in place of `size` bytes at `offset` that nothing claims any more. */
function freed(offset: number, size: number): ElfRest[] {
  return size === 0 ? [] : [{ offset, data: new Uint8Array(size) }];
}

/** Room at the end of the file, after zero bytes up to the alignment. */
function extend(file: ElfFile, size: number, align: number): { file: ElfFile; offset: number } {
  const offset = alignUp(file.size, align);
  return {
    file: { ...file, size: offset + size, rest: [...file.rest, ...freed(file.size, offset - file.size)] },
    offset,
  };
}

/** Appends bytes that no section describes; says where they are. */
export function appendBytes(file: ElfFile, data: Uint8Array, align: number): { file: ElfFile; offset: number } {
  const { file: longer, offset } = extend(file, data.length, align);
  return { file: { ...longer, rest: [...longer.rest, { offset, data }] }, offset };
}

function withSectionHeadersAtEnd(file: ElfFile, sections: readonly ElfSection[]): ElfFile {
  const { header } = file;
  const before = freed(header.sectionHeadersOffset, file.sections.length * elf.SHDR_SIZE);
  const { file: longer, offset } = extend(file, sections.length * elf.SHDR_SIZE, 8);
  const rest = [...longer.rest, ...before];
  return { ...longer, sections, rest, header: { ...header, sectionHeadersOffset: offset } };
}

/** Appends names to the table of section names: it moves to the end of the file. */
function withNames(file: ElfFile, names: readonly string[]): { file: ElfFile; offsets: number[] } {
  const index = file.header.nameTable;
  const table = file.sections[index]!;
  const added = Buffer.from(`${names.join('\0')}\0`);
  const data = new Uint8Array(table.data.length + added.length);
  data.set(table.data);
  data.set(added, table.data.length);
  const { file: longer, offset } = extend(file, data.length, 1);
  const sections = longer.sections.map((s, i) => (i === index ? { ...s, offset, size: data.length, data } : s));
  const rest = [...longer.rest, ...freed(table.offset, table.data.length)];
  let at = table.data.length;
  const offsets = names.map((name) => {
    const start = at;
    at += Buffer.byteLength(name) + 1;
    return start;
  });
  return { file: { ...longer, sections, rest }, offsets };
}

/**
 * Adds sections with their contents at the end of the file, in order; says where each lies. In a file without section
 * headers, or without names for them, the contents are added and nothing describes them.
 */
export function addSections(file: ElfFile, added: readonly NewSection[]): { file: ElfFile; offsets: number[] } {
  const described = file.header.nameTable !== 0;
  const named = described
    ? withNames(
        file,
        added.map(({ name }) => name),
      )
    : { file, offsets: [] };
  let result = named.file;
  const sections = [...result.sections];
  const offsets = added.map((section, i) => {
    if (!described) {
      const appended = appendBytes(result, section.data, section.align);
      result = appended.file;
      return appended.offset;
    }
    const { file: longer, offset } = extend(result, section.data.length, section.align);
    result = longer;
    const { name, type, flags, address, align, data } = section;
    const place = { name, nameOffset: named.offsets[i]!, offset, size: data.length };
    sections.push({ ...place, type, flags, address, align, data, link: 0, info: 0, entsize: 0 });
    return offset;
  });
  return { file: described ? withSectionHeadersAtEnd(result, sections) : result, offsets };
}

/** Whether a loaded segment holds the program headers: programs may then look for them there. */
function headersAreLoaded(file: ElfFile): boolean {
  const { programHeadersOffset: start } = file.header;
  return file.segments.some(
    ({ type, offset, fileSize }) => type === elf.PT_LOAD && offset < start + elf.PHDR_SIZE && start < offset + fileSize,
  );
}

/** Headers that tell nothing of the program: ones without meaning, and the stack's flags, which only hosted systems read. */
function isSpare({ type }: ElfSegment): boolean {
  return type === elf.PT_NULL || type === elf.PT_GNU_STACK;
}

/** How many program headers `addSegment` can add. */
export function roomForSegments(file: ElfFile): number {
  return headersAreLoaded(file) ? file.segments.filter(isSpare).length : Number.POSITIVE_INFINITY;
}

/**
 * Inserts a program header before the one of index `at`. It takes the place of a spare one, wherever that is; without any,
 * the table moves to the end of the file, which must not be done to headers that are loaded: see `roomForSegments`.
 */
export function addSegment(file: ElfFile, segment: ElfSegment, at: number): ElfFile {
  const { header } = file;
  const spare = file.segments.findLastIndex(isSpare);
  const segments = [...file.segments.slice(0, at), segment, ...file.segments.slice(at)];
  if (spare >= 0) return { ...file, segments: segments.filter((_, i) => i !== (spare < at ? spare : spare + 1)) };
  if (headersAreLoaded(file)) throw new Error('program headers that are loaded cannot move');
  const before = freed(header.programHeadersOffset, file.segments.length * elf.PHDR_SIZE);
  const { file: longer, offset } = extend(file, segments.length * elf.PHDR_SIZE, 8);
  const moved = { ...header, programHeadersOffset: offset, programHeaderSize: elf.PHDR_SIZE };
  return { ...longer, segments, rest: [...longer.rest, ...before], header: moved };
}

/** Gives section `index` other contents: in its place when they fit, else at the end of the file. Not for loaded ones. */
export function replaceSection(file: ElfFile, index: number, data: Uint8Array): ElfFile {
  const old = file.sections[index]!;
  const fits = data.length <= old.data.length;
  const { file: longer, offset } = fits ? { file, offset: old.offset } : extend(file, data.length, 8);
  const left = fits ? freed(offset + data.length, old.data.length - data.length) : freed(old.offset, old.data.length);
  const replaced = { ...old, offset, size: data.length, data };
  const sections = longer.sections.map((section, i) => (i === index ? replaced : section));
  return { ...longer, sections, rest: [...longer.rest, ...left] };
}
