/**
 * Reads a relocatable object into the program's tables.
 *
 * All bounds are checked here, once, so that later phases may index without looking: every section lies in its file,
 * every table has whole entries, every link names an existing section. What a later phase alone can know (a symbol
 * index in a relocation, a relocation's offset) is checked there.
 * Sources: gABI chapter 4 "Object Files".
 */
import { fail, printable } from '../base/errors.ts';
import { inflateSync } from '../base/node.ts';
import { adopt } from './arena.ts';
import * as elf from './elf.ts';
import * as layout from './kernels/layout.ts';
import { COLLIDES, nameShown, noNameText, reserveNames, textAt } from './names.ts';
import {
  fitNameClasses,
  fitSymbols,
  type InputObject,
  objectAt,
  type Program,
  reserveGlobalRefs,
  reserveObjects,
  reserveSections,
  sectionContents,
} from './program.ts';

/** Largest alignment taken from an input: beyond it the padding alone could fill a disk. */
const MAX_ALIGN = 1 << 26;
/** Largest section: more than any address space here holds. */
const MAX_SECTION = 2 ** 46;
/** Largest section that is decompressed. */
const MAX_INFLATED = 1 << 28;
/** How much larger than compressed a link's sections may be: debug information shrinks to a fifth, zeros to nothing. */
const USUAL_RATIO = 32;
const MAX_UNUSUAL = 1 << 24;

export function isElf(bytes: Uint8Array, start = 0): boolean {
  return bytes[start] === 0x7f && bytes[start + 1] === 0x45 && bytes[start + 2] === 0x4c && bytes[start + 3] === 0x46;
}

/** LLVM bitcode, raw or in its wrapper: an object of clang -flto. */
export function isBitcode(bytes: Uint8Array, start = 0): boolean {
  const magic = [0, 1, 2, 3].map((i) => (bytes[start + i] ?? 0).toString(16).padStart(2, '0')).join('');
  return magic === '4243c0de' || magic === 'dec0170b';
}

const machineNames = new Map<number, string>([
  [elf.EM_X86_64, 'x86-64'],
  [elf.EM_RISCV, 'riscv64'],
  [3, 'i386'],
  [40, 'arm'],
  [183, 'aarch64'],
]);

/** Machine of an ELF header at `start`, without further checks; undefined when it is not one we link. */
export function machineOf(bytes: Uint8Array, start: number): Program['machine'] | undefined {
  if (!isElf(bytes, start) || bytes.length < start + 20) return undefined;
  const machine = bytes[start + 18]! | (bytes[start + 19]! << 8);
  return machine === elf.EM_X86_64 ? 'x86-64' : machine === elf.EM_RISCV ? 'riscv64' : undefined;
}

interface Header {
  readonly flags: number;
  readonly sectionHeaders: number;
  readonly sectionCount: number;
  readonly nameTable: number;
}

function readHeader(view: DataView, start: number, end: number, name: string, machine: Program['machine']): Header {
  const size = end - start;
  if (size < elf.EHDR_SIZE) fail('malformed-elf', `${name}: ${size} bytes are too few for an ELF header (64)`);
  const byte = (i: number) => view.getUint8(start + i);
  if (byte(4) !== 2 || byte(5) !== 1) {
    fail('unsupported-input', `${name}: not a 64-bit little-endian ELF file (class ${byte(4)}, data ${byte(5)})`);
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

/** Decompresses an SHF_COMPRESSED section; returns its new contents and alignment. */
function inflateSection(program: Program, bytes: Uint8Array, where: string): { data: Uint8Array; align: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) fail('malformed-elf', `${where}: compressed section is shorter than its header`);
  const type = view.getUint32(0, true);
  const size = elf.readUnsigned64(view, 8);
  if (type !== 1) {
    fail('unsupported-input', `${where}: compression type ${type}; recompile with -gz=none or -gz=zlib`);
  }
  if (size > MAX_INFLATED) fail('limit', `${where}: would inflate to ${size} bytes, more than ${MAX_INFLATED}`);
  program.inflated += size - bytes.length * USUAL_RATIO;
  if (program.inflated > MAX_UNUSUAL) {
    fail(
      'limit',
      `${where}: would inflate from ${bytes.length} to ${size} bytes; recompile with -gz=none if they are meant`,
    );
  }
  let data: Uint8Array;
  try {
    data = inflateSync(bytes.subarray(24), { maxOutputLength: Math.max(size, 1) });
  } catch {
    return fail('malformed-elf', `${where}: compressed data is damaged`);
  }
  if (data.length !== size) fail('malformed-elf', `${where}: inflates to ${data.length} bytes, header says ${size}`);
  return { data, align: Math.min(Math.max(1, elf.readUnsigned64(view, 16)), MAX_ALIGN) };
}

/** Makes the tables long enough for the object that the kernel could not finish. */
export function makeRoom(program: Program): void {
  const { words } = program;
  const sections = words[layout.READ_SECTION_COUNT]!;
  const globals = words[layout.READ_GLOBAL_COUNT]!;
  reserveObjects(program);
  reserveSections(program, sections);
  reserveNames(program.sectionNames, sections);
  fitNameClasses(program);
  // A group's signature may be a name of its own.
  reserveNames(program.symbols.names, globals + words[layout.READ_HAS_GROUPS]!);
  fitSymbols(program);
  reserveGlobalRefs(program, globals);
}

/**
 * Reads the object at [start, end) of the arena and appends its sections; its global symbols are interned but not
 * resolved (see resolve.ts). It is member `member` of source `source`. Errors: 'malformed-elf', 'unsupported-input',
 * 'limit'.
 */
export function readObject(program: Program, start: number, end: number, source: number, member: number): InputObject {
  const { words, block } = program;
  const { kernels } = program.arena;
  const nameOf = () => program.sources[source]!(member);
  reserveObjects(program);
  readTables(program, start, end, nameOf);
  makeRoom(program);
  const status = kernels.internGlobals(block, words[layout.GLOBAL_REF_COUNT]!);
  if (status !== layout.READ_DONE) badName(program, nameOf(), words[layout.READ_INDEX]!);
  kernels.writeObjectRow(block, start, end, source, member);
  kernels.commitObject(block);
  return objectAt(program, words[layout.OBJECT_COUNT]! - 1);
}

/** Has the kernel read the object's tables: makes room, inflates, and says what is wrong. */
function readTables(program: Program, start: number, end: number, nameOf: () => string): void {
  const { arena, block, words, sections } = program;
  const first = sections.count;
  let resume = 0;
  for (;;) {
    const status = arena.kernels.readObject(block, start, end, resume);
    const count = words[layout.READ_SECTION_COUNT]!;
    if (status === layout.READ_DONE) return;
    if (status === layout.READ_NEEDS_ROOM) {
      makeRoom(program);
    } else if (status === layout.READ_COMPRESSED) {
      inflateSections(program, first, count, nameOf());
      resume = 1;
    } else {
      explain(program, status, start, end, first, nameOf());
    }
  }
}

/** Says why the kernel stopped. */
function explain(program: Program, status: number, start: number, end: number, first: number, name: string): never {
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

function inflateSections(program: Program, first: number, count: number, name: string): void {
  for (let s = first + 1; s < first + count; s++) {
    if ((program.sections.flags[s]! & elf.SHF_COMPRESSED) !== 0) {
      inflateInPlace(program, s, `${name}: section ${s - first}`);
    }
  }
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
function badName(program: Program, name: string, i: number): never {
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
  if (length > MAX_SECTION) fail('limit', `${shown}: size ${length} is more than any address space here holds`);
  if (align > MAX_ALIGN) fail('limit', `${shown}: alignment ${align} is more than the supported ${MAX_ALIGN}`);
  if ((align & (align - 1)) !== 0) fail('malformed-elf', `${shown}: alignment ${align} is not a power of two`);
  if (offset + length > size && type !== elf.SHT_NOBITS) {
    fail('malformed-elf', `${shown}: ${length} bytes at ${offset} go past the end of the object (${size} bytes)`);
  }
  return fail('limit', `${shown}: ${COLLIDES}`);
}

/** Replaces a compressed section by its contents. */
function inflateInPlace(program: Program, s: number, where: string): void {
  const t = program.sections;
  if ((t.flags[s]! & elf.SHF_ALLOC) !== 0) fail('malformed-elf', `${where}: is both compressed and loaded`);
  const { data, align } = inflateSection(program, sectionContents(program, s), where);
  t.offset[s] = adopt(program.arena, data);
  t.size[s] = data.length;
  t.inputSize[s] = data.length;
  t.align[s] = align;
  t.flags[s] = t.flags[s]! & ~elf.SHF_COMPRESSED;
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

/** Section (global index) of symbol `i`, or a negative reserved code: see SymbolPlace. */
export function symbolSection(object: InputObject, i: number): number {
  const index = object.view.getUint16(object.symtab + i * elf.SYM_SIZE + 6, true);
  if (index === elf.SHN_XINDEX && object.extendedIndex >= 0) {
    return object.firstSection + object.view.getUint32(object.extendedIndex + i * 4, true);
  }
  if (index >= elf.SHN_LORESERVE) return -index;
  return index === 0 ? SymbolPlace.Undefined : object.firstSection + index;
}

/** Negative results of symbolSection. */
export const SymbolPlace = {
  Undefined: -1,
  Absolute: -elf.SHN_ABS,
  Common: -elf.SHN_COMMON,
} as const;

/** Name of symbol `i` as messages show it; section symbols are named by their section. */
export function objectSymbolName(program: Program, object: InputObject, i: number): string {
  const at = object.symtab + i * elf.SYM_SIZE;
  const name = object.strtab + object.view.getUint32(at, true);
  const text = textAt(object.bytes, name, object.strtabEnd, object.name);
  if (text === '' && (object.view.getUint8(at + 4) & 15) === elf.STT_SECTION) {
    const section = symbolSection(object, i);
    if (section >= 0) return nameShown(program.sectionNames, program.sections.name[section]!);
  }
  return printable(text);
}
