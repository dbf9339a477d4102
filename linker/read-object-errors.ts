/**
 * Says what is wrong with an object at which the kernel stopped. The checks are those of the kernel
 * (kernels/assembly/read.ts); here they know what they are about.
 */
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import { isBitcode, isElf, machineNames } from './identify.ts';
import * as layout from './kernels/layout.ts';
import { COLLIDES, noNameText, textAt } from './names.ts';
import type { Program } from './program.ts';

/**
 * Reports why the kernel stopped with `status` (READ_...) at the object at [start, end), whose sections are rows from
 * `first` on. Errors: 'malformed-elf', 'unsupported-input', 'limit'.
 */
export function explainObject(
  program: Program,
  status: number,
  start: number,
  end: number,
  first: number,
  name: string,
): never {
  const { bytes, view } = program.arena;
  const index = program.words[layout.READ_INDEX]!;
  if (isBitcode(bytes.subarray(start, end))) {
    fail('unsupported-input', `${name}: is LLVM bitcode (compiled with -flto); recompile it without -flto`);
  }
  if (!isElf(bytes.subarray(start, end))) {
    fail('unsupported-input', `${name}: is neither an ELF object nor an archive nor a script`);
  }
  const header = readHeader(view, start, end, name, program.machine);
  switch (status) {
    case layout.READ_BAD_SECTION:
      return badSection(program, name, index, header, start, end);
    case layout.READ_BAD_SYMBOL_TABLE:
      return badSymbolTable(program, name, header, first);
    case layout.READ_BAD_SYMBOL:
      return badSymbol(program, name, index, header.sectionCount);
    case layout.READ_BAD_RELOCATIONS:
      return badRelocations(program, name, first, header.sectionCount, first + index);
    default:
      return badNameTable(view, name, header, end - start);
  }
}

interface Header {
  readonly flags: number;
  readonly sectionHeaders: number;
  readonly sectionCount: number;
  readonly nameTable: number;
}

/** What AArch64's other ABIs are called, of which compilers make objects as well. */
function otherAbi(fileClass: number, data: number, machine: number): string {
  if (machine !== elf.EM_AARCH64) return '';
  return data === 2 ? 'big-endian aarch64: ' : fileClass === 1 ? 'ILP32 of aarch64: ' : '';
}

function readHeader(view: DataView, start: number, end: number, name: string, machine: Program['machine']): Header {
  const size = end - start;
  if (size < elf.EHDR_SIZE) fail('malformed-elf', `${name}: ${size} bytes are too few for an ELF header (64)`);
  const byte = (i: number) => view.getUint8(start + i);
  if (byte(4) !== 2 || byte(5) !== 1) {
    const seen = `${otherAbi(byte(4), byte(5), view.getUint16(start + 18, byte(5) !== 2))}class ${byte(4)}, data ${byte(5)}`;
    fail('unsupported-input', `${name}: not a 64-bit little-endian ELF file (${seen})`);
  }
  const type = view.getUint16(start + 16, true);
  if (type === elf.ET_DYN) {
    fail('unsupported-input', `${name}: is a shared object; casemate links statically, so give its .a archive instead`);
  }
  if (type !== elf.ET_REL) {
    fail('unsupported-input', `${name}: e_type is ${type}, but only relocatable objects (1) can be linked`);
  }
  const found = view.getUint16(start + 18, true);
  if (machineNames.get(found) !== machine) {
    const shown = machineNames.get(found) ?? `e_machine ${found}`;
    fail('unsupported-input', `${name}: is for ${shown}, but this link is for ${machine}`);
  }
  const entry = view.getUint16(start + 58, true);
  const offset = elf.readUnsigned64(view, start + 40);
  let count = view.getUint16(start + 60, true);
  let nameTable = view.getUint16(start + 62, true);
  if (offset === 0) fail('malformed-elf', `${name}: has no section headers`);
  if (entry !== elf.SHDR_SIZE) fail('malformed-elf', `${name}: e_shentsize is ${entry}, expected ${elf.SHDR_SIZE}`);
  if (offset + elf.SHDR_SIZE > size) {
    fail('malformed-elf', `${name}: section headers at ${offset} go past the end of the object (${size} bytes)`);
  }
  const first = start + offset;
  if (count === 0) count = elf.readUnsigned64(view, first + 32);
  if (nameTable === elf.SHN_XINDEX) nameTable = view.getUint32(first + 40, true);
  if (count === 0 || offset + count * elf.SHDR_SIZE > size) {
    fail('malformed-elf', `${name}: ${count} section headers at ${offset} do not fit the object (${size} bytes)`);
  }
  if (nameTable >= count) fail('malformed-elf', `${name}: e_shstrndx is ${nameTable}, but there are ${count} sections`);
  return { flags: view.getUint32(start + 48, true), sectionHeaders: first, sectionCount: count, nameTable };
}

/** Offset within the object and size of the table of section names. */
function nameTableOf(view: DataView, header: Header): { offset: number; size: number } {
  const at = header.sectionHeaders + header.nameTable * elf.SHDR_SIZE;
  return { offset: elf.readUnsigned64(view, at + 24), size: elf.readUnsigned64(view, at + 32) };
}

function badNameTable(view: DataView, name: string, header: Header, size: number): never {
  const table = nameTableOf(view, header);
  return fail(
    'malformed-elf',
    `${name}: section name table (${table.offset}+${table.size}) goes past the end (${size} bytes)`,
  );
}

/** Says what is wrong with the name of global symbol `i`. */
export function badName(program: Program, name: string, i: number): never {
  const { arena, words } = program;
  const strtab = words[layout.READ_STRTAB]!;
  const at = strtab + arena.view.getUint32(words[layout.READ_SYMTAB]! + i * elf.SYM_SIZE, true);
  const end = words[layout.READ_STRTAB_END]!;
  if (at < end && arena.bytes[at] === 0) fail('malformed-elf', `${name}: symbol ${i} is global but has no name`);
  return fail('malformed-elf', `${name}: symbol ${i}: ${noNameText(program.symbols.names, at, end)}`);
}

/** Says what is wrong with section `i`. */
function badSection(program: Program, name: string, i: number, header: Header, start: number, end: number): never {
  const { bytes, view } = program.arena;
  const h = header.sectionHeaders + i * elf.SHDR_SIZE;
  const size = end - start;
  const names = nameTableOf(view, header);
  const namesStart = start + names.offset;
  const namesSize = names.size;
  const type = view.getUint32(h + 4, true);
  let sectionName = '';
  if (!isLinkerTable(type)) {
    const nameAt = view.getUint32(h, true);
    const end = nameAt < namesSize ? bytes.indexOf(0, namesStart + nameAt) : -1;
    if (end < 0 || end >= namesStart + namesSize) {
      fail('malformed-elf', `${name}: section ${i}: name at ${nameAt} is not in the name table (${namesSize} bytes)`);
    }
    sectionName = printable(textAt(bytes, namesStart + nameAt, namesStart + namesSize, name));
  }
  const shown = `${name}: section ${i} (${sectionName})`;
  const offset = elf.readUnsigned64(view, h + 24);
  const length = elf.readUnsigned64(view, h + 32);
  const align = elf.readUnsigned64(view, h + 48);
  if (view.getUint32(h + 12, true) !== 0) fail('malformed-elf', `${shown}: unknown high flag bits in sh_flags`);
  if (type === elf.SHT_REL) {
    fail('unsupported-input', `${shown}: SHT_REL relocations; this machine uses SHT_RELA`);
  }
  if (length > layout.MAX_SECTION) fail('limit', `${shown}: size ${length} is more than any address space here holds`);
  if (align > layout.MAX_ALIGN)
    fail('limit', `${shown}: alignment ${align} is more than the supported ${layout.MAX_ALIGN}`);
  if ((align & (align - 1)) !== 0) fail('malformed-elf', `${shown}: alignment ${align} is not a power of two`);
  if (offset + length > size && type !== elf.SHT_NOBITS) {
    fail('malformed-elf', `${shown}: ${length} bytes at ${offset} go past the end of the object (${size} bytes)`);
  }
  return fail('limit', `${shown}: ${COLLIDES}`);
}

function isLinkerTable(type: number): boolean {
  switch (type) {
    case elf.SHT_NULL:
    case elf.SHT_SYMTAB:
    case elf.SHT_STRTAB:
    case elf.SHT_RELA:
    case elf.SHT_GROUP:
    case elf.SHT_SYMTAB_SHNDX:
    case elf.SHT_LLVM_ADDRSIG:
      return true;
    default:
      return false;
  }
}

/** Says what is wrong with the symbol table of the object whose sections start at `first`. */
function badSymbolTable(program: Program, name: string, header: Header, first: number): never {
  const t = program.sections;
  const rows = Array.from({ length: header.sectionCount - 1 }, (_, i) => first + 1 + i);
  const [section, second] = rows.filter((s) => t.type[s] === elf.SHT_SYMTAB);
  if (section === undefined) return fail('malformed-elf', `${name}: has no symbol table`);
  if (second !== undefined) {
    fail('malformed-elf', `${name}: has two symbol tables (sections ${section - first}, ${second - first})`);
  }
  const size = t.size[section]!;
  const entsize = t.entsize[section]!;
  if (entsize !== elf.SYM_SIZE || size % elf.SYM_SIZE !== 0) {
    fail(
      'malformed-elf',
      `${name}: symbol table of ${size} bytes with entries of ${entsize}, expected ${elf.SYM_SIZE}`,
    );
  }
  const count = size / elf.SYM_SIZE;
  const firstGlobal = t.info[section]!;
  if (firstGlobal > count) {
    fail(
      'malformed-elf',
      `${name}: symbol table has ${count} entries, but its first global is said to be ${firstGlobal}`,
    );
  }
  const strings = t.link[section]!;
  if (strings === 0 || strings >= header.sectionCount || t.type[first + strings] !== elf.SHT_STRTAB) {
    fail('malformed-elf', `${name}: symbol table's sh_link is ${strings}, which is not a string table`);
  }
  return fail('malformed-elf', `${name}: extended section indices do not match the symbol table (${count} symbols)`);
}

/** Says what is wrong with symbol `i` of the object that was read last. */
function badSymbol(program: Program, name: string, i: number, sectionCount: number): never {
  const { arena, words } = program;
  const { view } = arena;
  const symtab = words[layout.READ_SYMTAB]!;
  const extended = words[layout.READ_EXTENDED]!;
  const firstGlobal = words[layout.READ_FIRST_GLOBAL]!;
  const index = view.getUint16(symtab + i * elf.SYM_SIZE + 6, true);
  const isExtended = index === elf.SHN_XINDEX && extended !== 0;
  const actual = isExtended ? view.getUint32(extended + i * 4, true) : index;
  if (actual >= sectionCount && (isExtended || index < elf.SHN_LORESERVE || index === elf.SHN_XINDEX)) {
    fail('malformed-elf', `${name}: symbol ${i} is in section ${actual}, but there are ${sectionCount} sections`);
  }
  const kind = view.getUint8(symtab + i * elf.SYM_SIZE + 4) >> 4 === elf.STB_LOCAL ? 'local' : 'global';
  return fail('malformed-elf', `${name}: symbol ${i} is ${kind}, but the first global is ${firstGlobal}`);
}

/** Says what is wrong with relocation section `s`. */
function badRelocations(program: Program, name: string, first: number, count: number, s: number): never {
  const t = program.sections;
  const symtab = first + program.words[layout.READ_SYMTAB_SECTION]!;
  const size = t.size[s]!;
  const target = t.info[s]!;
  const where = `${name}: relocation section ${s - first}`;
  if (t.entsize[s] !== elf.RELA_SIZE || size % elf.RELA_SIZE !== 0) {
    fail('malformed-elf', `${where}: ${size} bytes with entries of ${t.entsize[s]}, expected ${elf.RELA_SIZE}`);
  }
  if (target === 0 || target >= count || isLinkerTable(t.type[first + target]!)) {
    fail('malformed-elf', `${where}: sh_info is ${target}, which is not a section that can be relocated`);
  }
  if (t.link[s] !== symtab - first) {
    fail('malformed-elf', `${where}: sh_link is ${t.link[s]}, which is not the symbol table`);
  }
  if (t.relocCount[first + target] !== 0) {
    fail('malformed-elf', `${where}: section ${target} already has relocations from another section`);
  }
  return fail('malformed-elf', `${where}: section ${target} has no bytes (SHT_NOBITS), so it cannot be relocated`);
}
