/**
 * Writes a relocatable object: what casemate itself gives to a link, such as veneers.
 *
 * Code that the linker makes could be patched into the output, but then every later phase (garbage collection, relaxation,
 * relocations that are kept for a slide, symbol tables) would have to know of it. As an object like any other it needs no
 * such knowledge.
 * Source: gABI chapter 4, "Object Files".
 */
import * as elf from './elf.ts';
import { elfMachines } from './identify.ts';
import type { Machine } from './program.ts';

export interface NewRelocation {
  readonly offset: number;
  readonly type: number;
  /** A symbol of the object, by name. */
  readonly symbol: string;
  readonly addend: number;
}

export interface NewSection {
  readonly name: string;
  /** Absent: all zero, and not in the file. */
  readonly bytes?: Uint8Array;
  /** Bytes in memory. */
  readonly size: number;
  /** SHF_... */
  readonly flags: number;
  readonly align: number;
  readonly relocations: readonly NewRelocation[];
}

export interface NewSymbol {
  readonly name: string;
  readonly isLocal: boolean;
  readonly isHidden: boolean;
  /** STT_... */
  readonly type: number;
  /** Index in the list of sections; absent: it is a reference. */
  readonly section?: number;
  readonly value: number;
  readonly size: number;
}

export interface NewObject {
  readonly machine: Machine;
  /** e_flags: the ABI, which must fit the other objects'. */
  readonly flags: number;
  readonly sections: readonly NewSection[];
  readonly symbols: readonly NewSymbol[];
}

/** A string table, and where each text is in it. */
function stringTable(texts: readonly string[]): {
  readonly bytes: Uint8Array;
  readonly at: ReadonlyMap<string, number>;
} {
  const at = new Map<string, number>();
  const chunks: Uint8Array[] = [Uint8Array.of(0)];
  let size = 1;
  for (const text of texts) {
    if (at.has(text)) continue;
    at.set(text, size);
    const bytes = new TextEncoder().encode(`${text}\0`);
    chunks.push(bytes);
    size += bytes.length;
  }
  const bytes = new Uint8Array(size);
  let end = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, end);
    end += chunk.length;
  }
  return { bytes, at };
}

/** A row of the section header table, with its contents. */
interface Row {
  readonly name: string;
  readonly type: number;
  readonly flags: number;
  readonly bytes: Uint8Array;
  readonly size: number;
  readonly link: number;
  readonly info: number;
  readonly align: number;
  readonly entsize: number;
}

function symbolTable(symbols: readonly NewSymbol[], names: ReadonlyMap<string, number>): Uint8Array {
  const bytes = new Uint8Array((symbols.length + 1) * elf.SYM_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, symbol] of symbols.entries()) {
    const at = (i + 1) * elf.SYM_SIZE;
    view.setUint32(at, names.get(symbol.name)!, true);
    view.setUint8(at + 4, ((symbol.isLocal ? elf.STB_LOCAL : elf.STB_GLOBAL) << 4) | symbol.type);
    view.setUint8(at + 5, symbol.isHidden ? elf.STV_HIDDEN : elf.STV_DEFAULT);
    view.setUint16(at + 6, symbol.section === undefined ? elf.SHN_UNDEF : symbol.section + 1, true);
    elf.write64(view, at + 8, symbol.value);
    elf.write64(view, at + 16, symbol.size);
  }
  return bytes;
}

function relocationTable(relocations: readonly NewRelocation[], indices: ReadonlyMap<string, number>): Uint8Array {
  const bytes = new Uint8Array(relocations.length * elf.RELA_SIZE);
  const view = new DataView(bytes.buffer);
  for (const [i, { offset, type, symbol, addend }] of relocations.entries()) {
    const index = indices.get(symbol);
    if (index === undefined) throw new Error(`a relocation names ${symbol}, which the object does not`);
    const at = i * elf.RELA_SIZE;
    elf.write64(view, at, offset);
    view.setUint32(at + 8, type, true);
    view.setUint32(at + 12, index, true);
    elf.write64(view, at + 16, addend);
  }
  return bytes;
}

const none = new Uint8Array();

/** The object's bytes. Throws for what its own makers got wrong: a symbol that is missing, too many sections. */
export function writeRelocatable(object: NewObject): Uint8Array {
  const symbols = [...object.symbols].sort((a, b) => Number(b.isLocal) - Number(a.isLocal));
  const names = stringTable(symbols.map(({ name }) => name));
  const indices = new Map(symbols.map(({ name }, i) => [name, i + 1]));
  const related = object.sections.flatMap((section, i) => (section.relocations.length > 0 ? [{ section, i }] : []));
  const symtab = 1 + object.sections.length + related.length;
  if (symtab + 3 >= elf.SHN_LORESERVE) throw new Error(`${symtab} sections`);
  const rows: Omit<Row, 'entsize' | 'link' | 'info'>[] = [];
  const more: Pick<Row, 'entsize' | 'link' | 'info'>[] = [];
  const add = (row: Omit<Row, 'entsize' | 'link' | 'info'>, link = 0, info = 0, entsize = 0): void => {
    rows.push(row);
    more.push({ link, info, entsize });
  };
  add({ name: '', type: elf.SHT_NULL, flags: 0, bytes: none, size: 0, align: 0 });
  for (const { name, bytes, size, flags, align } of object.sections)
    add({ name, type: bytes ? elf.SHT_PROGBITS : elf.SHT_NOBITS, flags, bytes: bytes ?? none, size, align });
  for (const { section, i } of related) {
    const bytes = relocationTable(section.relocations, indices);
    const row = { name: `.rela${section.name}`, type: elf.SHT_RELA, flags: 0, bytes, size: bytes.length, align: 8 };
    add(row, symtab, i + 1, elf.RELA_SIZE);
  }
  const table = symbolTable(symbols, names.at);
  const firstGlobal = 1 + symbols.filter(({ isLocal }) => isLocal).length;
  const plain = (name: string, bytes: Uint8Array, type: number, align: number) =>
    ({ name, type, flags: 0, bytes, size: bytes.length, align }) as const;
  add(plain('.symtab', table, elf.SHT_SYMTAB, 8), symtab + 1, firstGlobal, elf.SYM_SIZE);
  add(plain('.strtab', names.bytes, elf.SHT_STRTAB, 1));
  // Asks for no executable stack.
  add(plain('.note.GNU-stack', none, elf.SHT_PROGBITS, 1));
  const sectionNames = stringTable([...rows.map(({ name }) => name).filter(Boolean), '.shstrtab']);
  add(plain('.shstrtab', sectionNames.bytes, elf.SHT_STRTAB, 1));

  const offsets: number[] = [];
  let end = elf.EHDR_SIZE;
  for (const { bytes, align } of rows) {
    end = Math.ceil(end / Math.max(1, align)) * Math.max(1, align);
    offsets.push(end);
    end += bytes.length;
  }
  const headers = Math.ceil(end / 8) * 8;
  const file = new Uint8Array(headers + rows.length * elf.SHDR_SIZE);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(16, elf.ET_REL, true);
  view.setUint16(18, elfMachines[object.machine], true);
  view.setUint32(20, 1, true);
  elf.write64(view, 40, headers);
  view.setUint32(48, object.flags, true);
  view.setUint16(52, elf.EHDR_SIZE, true);
  view.setUint16(58, elf.SHDR_SIZE, true);
  view.setUint16(60, rows.length, true);
  view.setUint16(62, rows.length - 1, true);
  for (const [i, { name, type, flags, bytes, size, align }] of rows.entries()) {
    file.set(bytes, offsets[i]!);
    const at = headers + i * elf.SHDR_SIZE;
    view.setUint32(at, sectionNames.at.get(name) ?? 0, true);
    view.setUint32(at + 4, type, true);
    elf.write64(view, at + 8, flags);
    elf.write64(view, at + 24, i === 0 ? 0 : offsets[i]!);
    elf.write64(view, at + 32, size);
    view.setUint32(at + 40, more[i]!.link, true);
    view.setUint32(at + 44, more[i]!.info, true);
    elf.write64(view, at + 48, align);
    elf.write64(view, at + 56, more[i]!.entsize);
  }
  return file;
}
