/**
 * Symbols of an ElfFile, read when they are asked for: most checks of an image never look at them.
 *
 * Source: gABI chapter 4 "Symbol Table", "String Table"; SHT_SYMTAB_SHNDX for files of more than 65,279 sections.
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import { type ElfFile, stringAt, viewOf } from './elf-file.ts';

export interface ElfSymbol {
  readonly name: string;
  readonly binding: number;
  readonly type: number;
  readonly other: number;
  /** Section index, extended ones resolved; negative for reserved ones: SHN_ABS is -15, SHN_COMMON -14. */
  readonly section: number;
  readonly value: bigint;
  readonly size: bigint;
}

/** Indices of the file's symbol tables of this type (SHT_SYMTAB or SHT_DYNSYM). */
export function symbolTables(file: ElfFile, type: number = elf.SHT_SYMTAB): number[] {
  return file.sections.flatMap((section, i) => (section.type === type ? [i] : []));
}

/** The SHT_SYMTAB_SHNDX table of symbol table `index`. */
function extendedIndices(file: ElfFile, index: number): DataView | undefined {
  const section = file.sections.find(({ type, link }) => type === elf.SHT_SYMTAB_SHNDX && link === index);
  return section && viewOf(section.data);
}

/**
 * Symbols of the table that is section `index`, the null symbol first. `name` names the file in messages.
 * Errors: 'malformed-elf', also for `index` that is no symbol table; 'limit' for names that share bytes too much.
 */
export function readElfSymbols(file: ElfFile, index: number, name: string): ElfSymbol[] {
  const where = `${printable(name)}: section ${index}`;
  const table = file.sections[index];
  if (table === undefined || (table.type !== elf.SHT_SYMTAB && table.type !== elf.SHT_DYNSYM)) {
    return fail('malformed-elf', `${where}: is not a symbol table`);
  }
  if (table.entsize !== elf.SYM_SIZE || table.data.length % elf.SYM_SIZE !== 0) {
    fail(
      'malformed-elf',
      `${where}: ${table.data.length} bytes in entries of ${table.entsize}, expected ${elf.SYM_SIZE}`,
    );
  }
  const strings = file.sections[table.link];
  if (strings?.type !== elf.SHT_STRTAB) fail('malformed-elf', `${where}: sh_link ${table.link} is not a string table`);
  const view = viewOf(table.data);
  const extended = extendedIndices(file, index);
  const symbols: ElfSymbol[] = [];
  let budget = 16 * strings!.data.length + 65_536;
  for (let i = 0; i * elf.SYM_SIZE < table.data.length; i++) {
    const at = i * elf.SYM_SIZE;
    const text = stringAt(strings!.data, view.getUint32(at, true));
    if (text === undefined) return fail('malformed-elf', `${where}: symbol ${i}: its name does not end in its table`);
    budget -= text.length;
    if (budget < 0) fail('limit', `${where}: symbol names overlap each other too much`);
    symbols.push({
      name: text,
      binding: view.getUint8(at + 4) >> 4,
      type: view.getUint8(at + 4) & 15,
      other: view.getUint8(at + 5),
      section: sectionOf(view.getUint16(at + 6, true), i, extended, file.sections.length, where),
      value: view.getBigUint64(at + 8, true),
      size: view.getBigUint64(at + 16, true),
    });
  }
  return symbols;
}

function sectionOf(raw: number, i: number, extended: DataView | undefined, count: number, where: string): number {
  let index = raw;
  if (raw === elf.SHN_XINDEX) {
    if (extended === undefined || 4 * i + 4 > extended.byteLength) {
      return fail(
        'malformed-elf',
        `${where}: symbol ${i}: its section index is in an SHT_SYMTAB_SHNDX that is missing`,
      );
    }
    index = extended.getUint32(4 * i, true);
  } else if (raw >= elf.SHN_LORESERVE) {
    return raw - 0x10000;
  }
  if (index >= count) fail('malformed-elf', `${where}: symbol ${i}: is in section ${index} of ${count}`);
  return index;
}
