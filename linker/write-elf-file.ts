/**
 * Writes an ElfFile: every part at the place that its header gives, nothing moved.
 *
 * The counts in the header (and in section 0, where extended numbering needs it) follow from the lists; all else is
 * written as it stands. What reads and writes a file without edits gets the same bytes.
 * Source: gABI chapter 4, e_shnum, e_shstrndx and e_phnum.
 */
import { fail, hex, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import {
  claimsOf,
  type ElfFile,
  type ElfSection,
  type ElfSegment,
  hasData,
  PN_XNUM,
  viewOf,
  type Where,
} from './elf-file.ts';

function writeHeader(out: Uint8Array, view: DataView, file: ElfFile): void {
  const { header, segments, sections } = file;
  const extended = sections.length >= elf.SHN_LORESERVE;
  out.set(header.ident, 0);
  view.setUint16(16, header.type, true);
  view.setUint16(18, header.machine, true);
  view.setUint32(20, header.version, true);
  view.setBigUint64(24, header.entry, true);
  elf.write64(view, 32, header.programHeadersOffset);
  elf.write64(view, 40, header.sectionHeadersOffset);
  view.setUint32(48, header.flags, true);
  view.setUint16(52, elf.EHDR_SIZE, true);
  view.setUint16(54, header.programHeaderSize, true);
  view.setUint16(56, Math.min(segments.length, PN_XNUM), true);
  view.setUint16(58, header.sectionHeaderSize, true);
  view.setUint16(60, extended ? 0 : sections.length, true);
  view.setUint16(62, header.nameTable >= elf.SHN_LORESERVE ? elf.SHN_XINDEX : header.nameTable, true);
}

function writeSegment(view: DataView, at: number, segment: ElfSegment): void {
  view.setUint32(at, segment.type, true);
  view.setUint32(at + 4, segment.flags, true);
  elf.write64(view, at + 8, segment.offset);
  view.setBigUint64(at + 16, segment.address, true);
  view.setBigUint64(at + 24, segment.loadAddress, true);
  elf.write64(view, at + 32, segment.fileSize);
  elf.write64(view, at + 40, segment.memorySize);
  elf.write64(view, at + 48, segment.align);
}

function writeSection(view: DataView, at: number, section: ElfSection): void {
  view.setUint32(at, section.nameOffset, true);
  view.setUint32(at + 4, section.type, true);
  elf.write64(view, at + 8, section.flags);
  view.setBigUint64(at + 16, section.address, true);
  elf.write64(view, at + 24, section.offset);
  elf.write64(view, at + 32, section.size);
  view.setUint32(at + 40, section.link, true);
  view.setUint32(at + 44, section.info, true);
  elf.write64(view, at + 48, section.align);
  elf.write64(view, at + 56, section.entsize);
}

/** Section 0 with the counts that do not fit the ELF header. */
function nullSection(file: ElfFile): ElfSection | undefined {
  const { sections, segments, header } = file;
  const first = sections[0];
  if (!first) return undefined;
  return {
    ...first,
    size: sections.length >= elf.SHN_LORESERVE ? sections.length : first.size,
    link: header.nameTable >= elf.SHN_LORESERVE ? header.nameTable : first.link,
    info: segments.length >= PN_XNUM ? segments.length : first.info,
  };
}

/**
 * The file's bytes, everything at the place that its header says. Errors: 'layout' when an edit made parts overlap,
 * go past `size`, or disagree with their length.
 */
export function writeElfFile(file: ElfFile): Uint8Array {
  const { header, segments, sections, rest, size } = file;
  const out = new Uint8Array(size);
  const place = (offset: number, data: Uint8Array, what: Where): void => {
    if (data.length === 0) return;
    if (offset + data.length > size) {
      fail('layout', `${what()}: ${data.length} bytes at ${hex(offset)} do not fit the file of ${size} bytes`);
    }
    out.set(data, offset);
  };
  if (size < elf.EHDR_SIZE) fail('layout', `a file of ${size} bytes has no room for an ELF header`);
  sections.forEach((section, i) => {
    if (hasData(section.type) && section.data.length !== section.size) {
      fail(
        'layout',
        `section ${i} (${printable(section.name)}): has ${section.data.length} bytes, but its size is ${section.size}`,
      );
    }
  });
  // Overlaps would make the order of writing matter.
  claimsOf('the edited file', 'layout', header, segments.length, sections);
  sections.forEach((section, i) => {
    const what: Where = () => `section ${i} (${printable(section.name)})`;
    place(section.offset, section.data, what);
  });
  for (const { offset, data } of rest) place(offset, data, () => 'unclaimed bytes');
  writeElfHeaders(file, out);
  return out;
}

/** Writes the ELF header and both tables of headers into `out`, which has the contents already. Errors: 'layout'. */
export function writeElfHeaders(file: ElfFile, out: Uint8Array): void {
  const { header, segments, sections } = file;
  const place = (offset: number, data: Uint8Array, what: string): void => {
    if (data.length === 0) return;
    if (offset + data.length > out.length) {
      fail('layout', `${what}: ${data.length} bytes at ${hex(offset)} do not fit the file of ${out.length} bytes`);
    }
    out.set(data, offset);
  };
  writeHeader(out, viewOf(out), file);
  const tables = new Uint8Array(Math.max(segments.length * elf.PHDR_SIZE, sections.length * elf.SHDR_SIZE));
  const table = viewOf(tables);
  segments.forEach((segment, i) => {
    writeSegment(table, i * elf.PHDR_SIZE, segment);
  });
  place(header.programHeadersOffset, tables.subarray(0, segments.length * elf.PHDR_SIZE), 'program headers');
  sections.forEach((section, i) => {
    writeSection(table, i * elf.SHDR_SIZE, i === 0 ? nullSection(file)! : section);
  });
  place(header.sectionHeadersOffset, tables.subarray(0, sections.length * elf.SHDR_SIZE), 'section headers');
}
