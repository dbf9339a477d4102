/**
 * The folders in which units were compiled, from DWARF: DW_AT_comp_dir of each unit's first entry.
 *
 * A unit names its abbreviation table, whose declaration of the entry's code lists attributes and forms; walking these
 * up to DW_AT_comp_dir needs the sizes of the forms that compilers put before it and no more. An unknown form, a
 * compressed section or a broken unit ends the reading with a reason.
 *
 * Source: DWARF 5, sections 7.5.1 (unit headers), 7.5.3 (abbreviations), 7.5.6 (forms); versions 2 to 5.
 */
import { SHF_COMPRESSED } from '../linker/elf.ts';
import { type ElfFile, stringAt } from '../linker/elf-file.ts';
import { type Cursor, leb, skip, skipString, Unreadable, unitOf, unsigned } from './dwarf-cursor.ts';

export interface CompilationFolders {
  /** Distinct, in the order of the units. */
  readonly found: readonly string[];
  readonly problem: string | undefined;
}

const DW_AT_COMP_DIR = 0x1b;
const DW_AT_STR_OFFSETS_BASE = 0x72;
const MOST_UNITS = 4096;
/** Numbers read from abbreviations in all: units may share one huge table, and each looks for its code from the start. */
const MOST_NUMBERS = 2_000_000;

interface Tables {
  readonly info: Uint8Array;
  readonly abbrev: Uint8Array;
  readonly strings: Uint8Array;
  readonly lineStrings: Uint8Array;
  readonly offsets: Uint8Array;
  readonly budget: { used: number };
}

interface Unit {
  readonly tables: Tables;
  readonly offsetSize: number;
  readonly addressSize: number;
  readonly version: number;
  stringBase: number;
}

/** Skips or reads an attribute's value: a string, a number, or undefined for the rest. */
function formValue(unit: Unit, form: number, cursor: Cursor): string | number | undefined {
  const { tables, offsetSize } = unit;
  const past = (size: number): undefined => {
    skip(cursor, size);
    return undefined;
  };
  const indexed = (index: number): string | undefined => {
    const at = unit.stringBase + index * offsetSize;
    if (at + offsetSize > tables.offsets.length) return undefined;
    return stringAt(tables.strings, unsigned({ data: tables.offsets, at }, offsetSize));
  };
  switch (form) {
    case 0x01: // addr
      return past(unit.addressSize);
    case 0x03: // block2
      return past(unsigned(cursor, 2));
    case 0x04: // block4
      return past(unsigned(cursor, 4));
    case 0x05: // data2
      return unsigned(cursor, 2);
    case 0x06: // data4
      return unsigned(cursor, 4);
    case 0x07: // data8
      return unsigned(cursor, 8);
    case 0x08: {
      const text = stringAt(cursor.data, cursor.at);
      skipString(cursor);
      return text;
    }
    case 0x0a: // block1
      return past(unsigned(cursor, 1));
    case 0x0b: // data1
    case 0x0c: // flag
    case 0x11: // ref1
      return unsigned(cursor, 1);
    case 0x0d: // sdata
    case 0x0f: // udata
    case 0x1b: // addrx
      return leb(cursor);
    case 0x0e: // strp
      return stringAt(tables.strings, unsigned(cursor, offsetSize));
    case 0x17: // sec_offset
      return unsigned(cursor, offsetSize);
    case 0x18: // exprloc
    case 0x09: // block
      return past(leb(cursor));
    case 0x19: // flag_present
    case 0x21: // implicit_const: its value is in the abbreviation
      return undefined;
    case 0x1a: // strx
      return indexed(leb(cursor));
    case 0x1e: // data16
      return past(16);
    case 0x1f: // line_strp
      return stringAt(tables.lineStrings, unsigned(cursor, offsetSize));
    case 0x25: // strx1 to strx4
    case 0x26:
    case 0x27:
    case 0x28:
      return indexed(unsigned(cursor, form - 0x24));
    case 0x29: // addrx1 to addrx4
    case 0x2a:
    case 0x2b:
    case 0x2c:
      return unsigned(cursor, form - 0x28);
    default:
      throw new Unreadable(`form 0x${form.toString(16)} is not known`);
  }
}

/** Attributes and forms of the abbreviation `code` in the table at `offset`. */
function abbreviation(tables: Tables, offset: number, code: number): [attribute: number, form: number][] {
  const cursor: Cursor = { data: tables.abbrev, at: offset };
  for (let declared = 0; declared < 10_000; declared++) {
    const this_ = leb(cursor);
    if (this_ === 0) break;
    leb(cursor); // tag
    unsigned(cursor, 1); // whether it has children
    const attributes: [number, number][] = [];
    for (;;) {
      if (++tables.budget.used > MOST_NUMBERS) throw new Unreadable('abbreviation tables are too large');
      const attribute = leb(cursor);
      const form = leb(cursor);
      if (form === 0x21) leb(cursor);
      if (attribute === 0 && form === 0) break;
      attributes.push([attribute, form]);
    }
    if (this_ === code) return attributes;
  }
  throw new Unreadable(`abbreviation ${code} is not declared`);
}

/** The folder of the unit whose contents begin at `cursor`; the string table's base may only follow, so two passes. */
function folderOf(tables: Tables, cursor: Cursor, offsetSize: number): string | undefined {
  const version = unsigned(cursor, 2);
  if (version < 2 || version > 5) throw new Unreadable(`version ${version} is not known`);
  const type = version === 5 ? unsigned(cursor, 1) : 1;
  const size = version === 5 ? unsigned(cursor, 1) : 8;
  const abbreviations = unsigned(cursor, offsetSize);
  const addressSize = version === 5 ? size : unsigned(cursor, 1);
  if (type !== 1 && type !== 3) return undefined; // full and partial units; skeletons and types have none of interest
  const attributes = abbreviation(tables, abbreviations, leb(cursor));
  const unit: Unit = { tables, offsetSize, addressSize, version, stringBase: 2 * offsetSize };
  const start = cursor.at;
  let folder: string | number | undefined;
  for (const pass of [1, 2]) {
    cursor.at = start;
    for (const [attribute, form] of attributes) {
      const value = formValue(unit, form, cursor);
      if (attribute === DW_AT_STR_OFFSETS_BASE && typeof value === 'number') unit.stringBase = value;
      if (attribute === DW_AT_COMP_DIR && pass === 2) folder = value;
    }
  }
  return typeof folder === 'string' ? folder : undefined;
}

export function compilationFolders(file: ElfFile): CompilationFolders {
  const named = (name: string) => file.sections.find((section) => section.name === name);
  const info = named('.debug_info');
  if (info === undefined) return { found: [], problem: undefined };
  if ((info.flags & SHF_COMPRESSED) !== 0) return { found: [], problem: '.debug_info is compressed' };
  const data = (name: string): Uint8Array => named(name)?.data ?? new Uint8Array(0);
  const tables: Tables = {
    info: info.data,
    abbrev: data('.debug_abbrev'),
    strings: data('.debug_str'),
    lineStrings: data('.debug_line_str'),
    offsets: data('.debug_str_offsets'),
    budget: { used: 0 },
  };
  const found = new Set<string>();
  const whole: Cursor = { data: info.data, at: 0 };
  try {
    for (let units = 0; whole.at + 12 <= info.data.length && units < MOST_UNITS; units++) {
      const { unit, offsetSize } = unitOf(whole);
      const folder = folderOf(tables, unit, offsetSize);
      if (folder !== undefined) found.add(folder);
    }
  } catch (error) {
    if (error instanceof Unreadable) return { found: [...found], problem: error.message };
    throw error;
  }
  return { found: [...found], problem: undefined };
}
