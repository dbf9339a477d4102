/**
 * The header of one unit of .debug_line: how its program is encoded, and the names of its source files.
 *
 * Names are kept as places in the file and read when somebody asks: many entries may share one long string.
 * Source: DWARF 5, section 6.2.4 (header), 6.2.4.1 (entry formats); DWARF 4 and 2, section 6.2.4, for the older lists.
 */
import { stringAt } from '../linker/elf-file.ts';
import { type Cursor, leb, skip, skipString, Unreadable, unsigned } from './dwarf-cursor.ts';

/** Sections that names of files lie in. */
export interface NameSections {
  readonly strings: Uint8Array;
  readonly lineStrings: Uint8Array;
}

/** A string that ends with a zero; undefined: it is kept where this does not look. */
type StringPlace = { readonly data: Uint8Array; readonly at: number } | undefined;

interface FileEntry {
  readonly name: StringPlace;
  readonly folder: number;
}

export interface LineHeader {
  readonly version: number;
  readonly least: number;
  readonly lineBase: number;
  readonly lineRange: number;
  readonly opcodeBase: number;
  /** Operands of each standard opcode, from the first on. */
  readonly operands: readonly number[];
  readonly folders: readonly StringPlace[];
  readonly files: readonly FileEntry[];
}

const PATH = 1;
const DIRECTORY = 2;

/** Operands of the opcodes 1 to 12; a unit that counts others means other opcodes. */
const OPERANDS = [0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];

type EntryValue = { readonly place?: StringPlace; readonly number?: number };

/** A value of an entry, by its form. */
function entryValue(cursor: Cursor, form: number, offsetSize: number, sections: NameSections): EntryValue {
  switch (form) {
    case 0x08: {
      const place = { data: cursor.data, at: cursor.at };
      skipString(cursor);
      return { place };
    }
    case 0x0e: // strp
      return { place: { data: sections.strings, at: unsigned(cursor, offsetSize) } };
    case 0x1f: // line_strp
      return { place: { data: sections.lineStrings, at: unsigned(cursor, offsetSize) } };
    case 0x0b: // data1
      return { number: unsigned(cursor, 1) };
    case 0x05: // data2
      return { number: unsigned(cursor, 2) };
    case 0x06: // data4
      return { number: unsigned(cursor, 4) };
    case 0x07: // data8
      return { number: unsigned(cursor, 8) };
    case 0x0f: // udata
      return { number: leb(cursor) };
    case 0x1e: // data16: a checksum
      skip(cursor, 16);
      return {};
    case 0x09: // block
      skip(cursor, leb(cursor));
      return {};
    case 0x1a: // strx: an index into a table that only .debug_info names
      leb(cursor);
      return {};
    case 0x25: // strx1, strx2, strx4
    case 0x26:
    case 0x28:
      skip(cursor, form - 0x24);
      return {};
    default:
      throw new Unreadable(`form 0x${form.toString(16)} is not known`);
  }
}

/** Entries of DWARF 5 as their format lists them: folders, or files. */
function formattedEntries(cursor: Cursor, offsetSize: number, sections: NameSections): FileEntry[] {
  const format = Array.from({ length: unsigned(cursor, 1) }, () => [leb(cursor), leb(cursor)] as const);
  const count = leb(cursor);
  // Each entry takes a byte at least: what has none would be counted for ever.
  if (count > cursor.data.length - cursor.at || (count > 0 && format.length === 0))
    throw new Unreadable('more files are counted than are listed');
  const entries: FileEntry[] = [];
  for (let i = 0; i < count; i++) {
    let name: StringPlace;
    let folder = 0;
    for (const [content, form] of format) {
      const value = entryValue(cursor, form, offsetSize, sections);
      if (content === PATH) name = value.place;
      if (content === DIRECTORY) folder = value.number ?? -1;
    }
    entries.push({ name, folder });
  }
  return entries;
}

function inlineString(cursor: Cursor): StringPlace {
  const place = { data: cursor.data, at: cursor.at };
  skipString(cursor);
  return place;
}

const isAtEnd = (cursor: Cursor): boolean => {
  if (cursor.at < cursor.data.length && cursor.data[cursor.at] !== 0) return false;
  skip(cursor, 1);
  return true;
};

/** An entry of a file as DWARF 2 to 4 list it, and as a program may define one. */
export function fileEntry(cursor: Cursor): FileEntry {
  const name = inlineString(cursor);
  const folder = leb(cursor);
  leb(cursor); // when it was changed
  leb(cursor); // its size
  return { name, folder };
}

/**
 * Reads the header that the cursor is at, and goes to where the program begins. Errors: Unreadable, for other versions
 * than 2 to 5 too, and machines that execute several instructions at once.
 */
export function readLineHeader(unit: Cursor, offsetSize: 4 | 8, sections: NameSections): LineHeader {
  const version = unsigned(unit, 2);
  if (version < 2 || version > 5) throw new Unreadable(`version ${version} is not known`);
  if (version === 5 && (unsigned(unit, 1) !== 8 || unsigned(unit, 1) !== 0))
    throw new Unreadable('addresses are not of 64 bits');
  const length = unsigned(unit, offsetSize);
  const program = unit.at + length;
  if (program > unit.data.length) throw new Unreadable('a unit ends early');
  const header: Cursor = { data: unit.data.subarray(0, program), at: unit.at };
  const least = unsigned(header, 1);
  if (version >= 4 && unsigned(header, 1) > 1) throw new Unreadable('several operations are one instruction');
  unsigned(header, 1); // whether rows are statements to begin with
  const lineBase = (unsigned(header, 1) << 24) >> 24;
  const lineRange = unsigned(header, 1);
  const opcodeBase = unsigned(header, 1);
  if (lineRange === 0 || opcodeBase === 0) throw new Unreadable('its opcodes mean nothing');
  const operands = Array.from({ length: opcodeBase - 1 }, () => unsigned(header, 1));
  if (operands.some((count, i) => OPERANDS[i] !== undefined && OPERANDS[i] !== count))
    throw new Unreadable('its opcodes have other operands than they are defined with');
  const folders: StringPlace[] = [];
  const files: FileEntry[] = [];
  if (version === 5) {
    folders.push(...formattedEntries(header, offsetSize, sections).map(({ name }) => name));
    files.push(...formattedEntries(header, offsetSize, sections));
  } else {
    while (!isAtEnd(header)) folders.push(inlineString(header));
    while (!isAtEnd(header)) files.push(fileEntry(header));
  }
  unit.at = program;
  return { version, least, lineBase, lineRange, opcodeBase, operands, folders, files };
}

const textAt = (place: StringPlace): string | undefined => place && stringAt(place.data, place.at);

/**
 * The name of a file, by its number in the program, as the compiler was given it: relative to the folder of the
 * compilation, or absolute. Undefined: there is none. `defined`: what the program itself defined.
 */
export function fileName(header: LineHeader, number: number, defined: readonly FileEntry[]): string | undefined {
  const isNew = header.version === 5;
  const index = isNew ? number : number - 1;
  const entry = header.files[index] ?? defined[index - header.files.length];
  const name = textAt(entry?.name);
  if (entry === undefined || name === undefined || name === '') return undefined;
  // The folder of number 0 is that of the compilation.
  if (name.startsWith('/') || entry.folder === 0) return name;
  const folder = textAt(header.folders[isNew ? entry.folder : entry.folder - 1]);
  return folder === undefined ? undefined : `${folder}/${name}`;
}
