/**
 * Any 64-bit little-endian ELF file as plain data, and back.
 *
 * The linker reads objects into tables made for speed (read-object.ts); this is the general form for images that we
 * did not link: everything that the file holds, header fields as they stand, contents as slices. Each byte of the file
 * belongs to exactly one of: the ELF header, the program headers, the section headers, a section, or `rest` (what lies
 * between: padding, or the contents of an image without section headers). Writing (write-elf-file.ts) puts each back
 * where it was, so that reading and writing is the identity, and an edited field or byte is all that changes.
 *
 * Addresses are bigint, exact over all 64 bits; offsets and sizes are numbers, since they were checked against the
 * file or are below 2^53.
 * Sources: gABI chapter 4 "ELF Header", "Sections" (extended numbering; sections do not overlap), chapter 5 "Program
 * Header".
 */
import { type ErrorCode, fail, hex, printable } from '../base/errors.ts';
import * as elf from './elf.ts';

export interface ElfHeader {
  /** e_ident: 16 bytes. */
  readonly ident: Uint8Array;
  readonly type: number;
  readonly machine: number;
  readonly version: number;
  readonly entry: bigint;
  readonly programHeadersOffset: number;
  readonly sectionHeadersOffset: number;
  readonly flags: number;
  /** As they stand; they count only where there are such headers, and are then 56 and 64. */
  readonly programHeaderSize: number;
  readonly sectionHeaderSize: number;
  /** Index of the section that holds section names; 0 when there is none. */
  readonly nameTable: number;
}

export interface ElfSegment {
  readonly type: number;
  readonly flags: number;
  readonly offset: number;
  readonly address: bigint;
  readonly loadAddress: bigint;
  readonly fileSize: number;
  readonly memorySize: number;
  readonly align: number;
}

export interface ElfSection {
  /** Derived from `nameOffset` in the name table; '' without one. Editing it alone changes nothing. */
  readonly name: string;
  readonly nameOffset: number;
  readonly type: number;
  readonly flags: number;
  readonly address: bigint;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
  /** `size` bytes, or none for SHT_NOBITS and SHT_NULL. */
  readonly data: Uint8Array;
}

/** Bytes that no header and no section claims. */
export interface ElfRest {
  readonly offset: number;
  readonly data: Uint8Array;
}

/** Invariant: header, tables, sections and rest do not overlap and make up all of `size` bytes. */
export interface ElfFile {
  readonly header: ElfHeader;
  readonly segments: readonly ElfSegment[];
  /** By section header index: the first is SHN_UNDEF's, with the counts of extended numbering. */
  readonly sections: readonly ElfSection[];
  readonly rest: readonly ElfRest[];
  /** Of the whole file. */
  readonly size: number;
}

/** e_phnum from which on the count is in section 0. */
export const PN_XNUM = 0xffff;

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** What a field is called in messages: `file: section 3 (.text): sh_size`. */
export type Where = () => string;

/** A 64-bit field that is used as a size or offset. */
function readNumber(view: DataView, at: number, where: Where, field: string): number {
  const value = elf.readUnsigned64(view, at);
  if (value > Number.MAX_SAFE_INTEGER) fail('malformed-elf', `${where()}: ${field} is ${hex(value)}, beyond any file`);
  return value;
}

function mustFit(offset: number, size: number, fileSize: number, where: Where): void {
  if (offset + size > fileSize) {
    fail(
      'malformed-elf',
      `${where()}: ${size} bytes at ${hex(offset)} go past the end of the file (${fileSize} bytes)`,
    );
  }
}

interface Counts {
  readonly segments: number;
  readonly sections: number;
  readonly nameTable: number;
}

/** Numbers of headers, from the ELF header or, when they are too large for it, from section 0. */
function readCounts(view: DataView, file: string, sectionHeaders: number): Counts {
  let segments = view.getUint16(56, true);
  let sections = view.getUint16(60, true);
  let nameTable = view.getUint16(62, true);
  if (sectionHeaders === 0) {
    if (sections !== 0) fail('malformed-elf', `${file}: e_shnum is ${sections}, but there are no section headers`);
    if (segments === PN_XNUM) fail('malformed-elf', `${file}: e_phnum is 0xffff, but no section 0 holds the count`);
    return { segments, sections, nameTable };
  }
  const where: Where = () => `${file}: section 0`;
  mustFit(sectionHeaders, elf.SHDR_SIZE, view.byteLength, where);
  if (sections === 0) {
    sections = readNumber(view, sectionHeaders + 32, where, 'sh_size');
    const least = elf.SHN_LORESERVE;
    if (sections < least)
      fail('malformed-elf', `${where()}: counts ${sections} sections, which e_shnum can (< ${least})`);
  }
  if (nameTable === elf.SHN_XINDEX) {
    nameTable = view.getUint32(sectionHeaders + 40, true);
    if (nameTable < elf.SHN_LORESERVE)
      fail('malformed-elf', `${where()}: sh_link is ${nameTable}, which fits e_shstrndx`);
  }
  if (segments === PN_XNUM) {
    segments = view.getUint32(sectionHeaders + 44, true);
    if (segments < PN_XNUM) fail('malformed-elf', `${where()}: sh_info is ${segments}, which fits e_phnum`);
  }
  if (nameTable >= sections)
    fail('malformed-elf', `${file}: e_shstrndx is ${nameTable}, but there are ${sections} sections`);
  return { segments, sections, nameTable };
}

function readHeader(bytes: Uint8Array, view: DataView, file: string): { header: ElfHeader; counts: Counts } {
  const size = bytes.length;
  if (size < elf.EHDR_SIZE) fail('malformed-elf', `${file}: ${size} bytes are too few for an ELF header (64)`);
  if (view.getUint32(0) !== 0x7f454c46) fail('malformed-elf', `${file}: is not an ELF file`);
  if (bytes[4] !== 2 || bytes[5] !== 1) {
    fail('unsupported-input', `${file}: not a 64-bit little-endian ELF file (class ${bytes[4]}, data ${bytes[5]})`);
  }
  const own = view.getUint16(52, true);
  if (own !== elf.EHDR_SIZE) fail('malformed-elf', `${file}: e_ehsize is ${own}, expected ${elf.EHDR_SIZE}`);
  const where: Where = () => file;
  const sectionHeadersOffset = readNumber(view, 40, where, 'e_shoff');
  const counts = readCounts(view, file, sectionHeadersOffset);
  const header: ElfHeader = {
    ident: bytes.subarray(0, 16),
    type: view.getUint16(16, true),
    machine: view.getUint16(18, true),
    version: view.getUint32(20, true),
    entry: view.getBigUint64(24, true),
    programHeadersOffset: readNumber(view, 32, where, 'e_phoff'),
    sectionHeadersOffset,
    flags: view.getUint32(48, true),
    programHeaderSize: view.getUint16(54, true),
    sectionHeaderSize: view.getUint16(58, true),
    nameTable: counts.nameTable,
  };
  if (counts.segments > 0 && header.programHeaderSize !== elf.PHDR_SIZE) {
    fail('malformed-elf', `${file}: e_phentsize is ${header.programHeaderSize}, expected ${elf.PHDR_SIZE}`);
  }
  if (counts.sections > 0 && header.sectionHeaderSize !== elf.SHDR_SIZE) {
    fail('malformed-elf', `${file}: e_shentsize is ${header.sectionHeaderSize}, expected ${elf.SHDR_SIZE}`);
  }
  return { header, counts };
}

function readSegments(view: DataView, file: string, offset: number, count: number): ElfSegment[] {
  if (count > 0) mustFit(offset, count * elf.PHDR_SIZE, view.byteLength, () => `${file}: program headers`);
  const segments: ElfSegment[] = [];
  for (let i = 0; i < count; i++) {
    const at = offset + i * elf.PHDR_SIZE;
    const where: Where = () => `${file}: program header ${i}`;
    const segment: ElfSegment = {
      type: view.getUint32(at, true),
      flags: view.getUint32(at + 4, true),
      offset: readNumber(view, at + 8, where, 'p_offset'),
      address: view.getBigUint64(at + 16, true),
      loadAddress: view.getBigUint64(at + 24, true),
      fileSize: readNumber(view, at + 32, where, 'p_filesz'),
      memorySize: readNumber(view, at + 40, where, 'p_memsz'),
      align: readNumber(view, at + 48, where, 'p_align'),
    };
    if (segment.type !== elf.PT_NULL && segment.fileSize > 0) {
      mustFit(segment.offset, segment.fileSize, view.byteLength, where);
    }
    segments.push(segment);
  }
  return segments;
}

/** Whether a section of this type has bytes in the file. */
export function hasData(type: number): boolean {
  return type !== elf.SHT_NOBITS && type !== elf.SHT_NULL;
}

function readSectionHeader(bytes: Uint8Array, view: DataView, file: string, i: number, at: number): ElfSection {
  const where: Where = () => `${file}: section ${i}`;
  const type = view.getUint32(at + 4, true);
  const offset = readNumber(view, at + 24, where, 'sh_offset');
  const size = readNumber(view, at + 32, where, 'sh_size');
  if (hasData(type)) mustFit(offset, size, bytes.length, where);
  return {
    name: '',
    nameOffset: view.getUint32(at, true),
    type,
    flags: readNumber(view, at + 8, where, 'sh_flags'),
    address: view.getBigUint64(at + 16, true),
    offset,
    size,
    link: view.getUint32(at + 40, true),
    info: view.getUint32(at + 44, true),
    align: readNumber(view, at + 48, where, 'sh_addralign'),
    entsize: readNumber(view, at + 56, where, 'sh_entsize'),
    data: hasData(type) ? bytes.subarray(offset, offset + size) : new Uint8Array(0),
  };
}

/** NUL-terminated UTF-8 at `offset` of a string table; undefined when it does not end inside. */
export function stringAt(table: Uint8Array, offset: number): string | undefined {
  const end = offset < table.length ? table.indexOf(0, offset) : -1;
  return end < 0 ? undefined : Buffer.from(table.buffer, table.byteOffset + offset, end - offset).toString('utf8');
}

function readSections(bytes: Uint8Array, view: DataView, file: string, header: ElfHeader, count: number): ElfSection[] {
  const first = header.sectionHeadersOffset;
  mustFit(first, count * elf.SHDR_SIZE, bytes.length, () => `${file}: section headers`);
  const sections: ElfSection[] = [];
  for (let i = 0; i < count; i++) sections.push(readSectionHeader(bytes, view, file, i, first + i * elf.SHDR_SIZE));
  const names = header.nameTable === 0 ? undefined : sections[header.nameTable]?.data;
  if (!names) return sections;
  // Hostile names may share one long tail: without a cache, reading them would take quadratic time and memory.
  const known = new Map<number, string>();
  let budget = 16 * names.length + 65_536;
  return sections.map((section, i) => {
    let name = known.get(section.nameOffset);
    if (name === undefined) {
      name = stringAt(names, section.nameOffset);
      if (name === undefined) {
        fail('malformed-elf', `${file}: section ${i}: its name at ${section.nameOffset} is not in the name table`);
      }
      known.set(section.nameOffset, name);
      budget -= name.length;
      if (budget < 0) fail('limit', `${file}: section names of ${names.length} bytes overlap each other too much`);
    }
    return { ...section, name };
  });
}

export interface Claim {
  readonly offset: number;
  readonly end: number;
  readonly what: Where;
}

/** What lies where in the file, in order, nothing empty; fails with `code` where two parts overlap. */
export function claimsOf(
  file: string,
  code: ErrorCode,
  header: ElfHeader,
  segments: number,
  sections: readonly ElfSection[],
): Claim[] {
  const claims: Claim[] = [];
  const claim = (offset: number, size: number, what: Where): void => {
    if (size > 0) claims.push({ offset, end: offset + size, what });
  };
  claim(0, elf.EHDR_SIZE, () => 'the ELF header');
  claim(header.programHeadersOffset, segments * elf.PHDR_SIZE, () => 'the program headers');
  claim(header.sectionHeadersOffset, sections.length * elf.SHDR_SIZE, () => 'the section headers');
  sections.forEach((section, i) => {
    claim(section.offset, section.data.length, () => `section ${i} (${printable(section.name)})`);
  });
  claims.sort((a, b) => a.offset - b.offset);
  for (let i = 1; i < claims.length; i++) {
    const [before, after] = [claims[i - 1]!, claims[i]!];
    if (after.offset < before.end) {
      const ends = `ends at ${hex(before.end)}`;
      fail(code, `${file}: ${before.what()} ${ends}, but ${after.what()} begins at ${hex(after.offset)}`);
    }
  }
  return claims;
}

/** The parts of a file that no claim of `claims` (in order) covers. */
export function unclaimed(bytes: Uint8Array, claims: readonly Claim[]): ElfRest[] {
  const rest: ElfRest[] = [];
  let at = 0;
  const keep = (end: number): void => {
    if (end > at) rest.push({ offset: at, data: bytes.subarray(at, end) });
  };
  for (const { offset, end } of claims) {
    keep(offset);
    at = end;
  }
  keep(bytes.length);
  return rest;
}

/**
 * Reads a file; the contents are slices of `input`, not copies. `name` names it in messages.
 * Errors: 'malformed-elf'; 'unsupported-input' for 32-bit and big-endian files; 'limit'.
 */
export function readElfFile(input: Uint8Array, name: string): ElfFile {
  const file = printable(name);
  // A Buffer's slices would be Buffers, and equal data must be equal.
  const bytes = new Uint8Array(input.buffer, input.byteOffset, input.byteLength);
  const view = viewOf(bytes);
  const { header, counts } = readHeader(bytes, view, file);
  const segments = readSegments(view, file, header.programHeadersOffset, counts.segments);
  const sections = readSections(bytes, view, file, header, counts.sections);
  const claims = claimsOf(file, 'malformed-elf', header, segments.length, sections);
  return { header, segments, sections, rest: unclaimed(bytes, claims), size: bytes.length };
}
