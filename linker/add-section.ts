/**
 * Adds a section that no segment loads to a finished file: it goes to the end, where it moves nothing else.
 *
 * Linkers end a file with the names of its sections and the section headers. These two step back behind the new section;
 * where they stand elsewhere, their old place stays as padding.
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import { claimsOf, type ElfFile, type ElfSection, unclaimed } from './elf-file.ts';

export interface AddedSection {
  readonly name: string;
  readonly type: number;
  readonly data: Uint8Array;
}

/** `file` with the section added as the last one. Errors: 'layout' for a file without section names. */
export function addSection(file: ElfFile, { name, type, data }: AddedSection): ElfFile {
  const { header, sections } = file;
  const names = sections[header.nameTable];
  if (header.nameTable === 0 || names?.type !== elf.SHT_STRTAB) {
    return fail('layout', `section ${printable(name)} cannot be added to a file without section names`);
  }
  const text = Buffer.from(`${name}\0`);
  const table = new Uint8Array(names.data.length + text.length);
  table.set(names.data);
  table.set(text, names.data.length);
  const isLast = (section: ElfSection): boolean =>
    section === names || section.offset + section.data.length <= names.offset;
  const end = Math.max(
    elf.EHDR_SIZE,
    header.programHeadersOffset + file.segments.length * elf.PHDR_SIZE,
    ...file.segments.map(({ offset, fileSize }) => (fileSize > 0 ? offset + fileSize : 0)),
    ...sections
      .filter((section) => section !== names && section.data.length > 0)
      .map((each) => each.offset + each.data.length),
  );
  const start = sections.every(isLast) ? end : Math.max(end, names.offset + names.data.length);
  const offset = elf.alignUp(start, 8);
  const namesOffset = offset + data.length;
  const headersOffset = elf.alignUp(namesOffset + table.length, 8);
  const added: ElfSection = {
    name,
    nameOffset: names.data.length,
    type,
    flags: 0,
    address: 0n,
    offset,
    size: data.length,
    link: 0,
    info: 0,
    align: 1,
    entsize: 0,
    data,
  };
  const all = sections.map((section) =>
    section === names ? { ...section, offset: namesOffset, size: table.length, data: table } : section,
  );
  const size = headersOffset + (all.length + 1) * elf.SHDR_SIZE;
  const result = {
    ...file,
    header: { ...header, sectionHeadersOffset: headersOffset },
    sections: [...all, added],
    size,
  };
  // Padding between what is there now: its bytes are those that lay there, or zeros behind the old end.
  const bytes = new Uint8Array(size);
  for (const { offset, data } of file.rest) if (offset < size) bytes.set(data.subarray(0, size - offset), offset);
  const claims = claimsOf(name, 'layout', result.header, result.segments.length, result.sections);
  return { ...result, rest: unclaimed(bytes, claims) };
}
