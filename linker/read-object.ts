/**
 * Reads a relocatable object into the program's tables.
 *
 * All bounds are checked here, once, so that later phases may index without looking: every section lies in its file,
 * every table has whole entries, every link names an existing section. What a later phase alone can know (a symbol
 * index in a relocation, a relocation's offset) is checked there.
 * Sources: gABI chapter 4 "Object Files".
 */
import { inflateSync } from 'node:zlib';
import { fail, printable } from '../base/errors.ts';
import * as elf from './elf.ts';
import { addNameBuffer, internName, nameShown, nameText, textAt } from './names.ts';
import { addGlobalRefs, addSections, type InputObject, Live, type Program, Role } from './program.ts';

/** Largest alignment taken from an input: beyond it the padding alone could fill a disk. */
const MAX_ALIGN = 1 << 26;
/** Largest section: more than any address space here holds. */
const MAX_SECTION = 2 ** 46;
/** Largest section that is decompressed. */
const MAX_INFLATED = 1 << 28;

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
function inflateSection(bytes: Uint8Array, where: string): { data: Uint8Array; align: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 24) fail('malformed-elf', `${where}: compressed section is shorter than its header`);
  const type = view.getUint32(0, true);
  const size = elf.readUnsigned64(view, 8);
  if (type !== 1) {
    fail('unsupported-input', `${where}: compression type ${type}; recompile with -gz=none or -gz=zlib`);
  }
  if (size > MAX_INFLATED) fail('limit', `${where}: would inflate to ${size} bytes, more than ${MAX_INFLATED}`);
  let data: Uint8Array;
  try {
    data = inflateSync(bytes.subarray(24), { maxOutputLength: Math.max(size, 1) });
  } catch {
    return fail('malformed-elf', `${where}: compressed data is damaged`);
  }
  if (data.length !== size) fail('malformed-elf', `${where}: inflates to ${data.length} bytes, header says ${size}`);
  return { data, align: Math.min(Math.max(1, elf.readUnsigned64(view, 16)), MAX_ALIGN) };
}

/** What a section's name alone says of its role; kept per name, since the same names come in every object. */
const NameClass = { Unseen: 0, Plain: 1, Ignored: 2, Debug: 3, EhFrame: 4 } as const;

function classifyName(name: string): number {
  if (name === '.note.GNU-stack' || name.startsWith('.gnu.lto_') || name.startsWith('.gnu.warning')) {
    return NameClass.Ignored;
  }
  if (name === '.llvm.lto' || name === '.llvm_addrsig') return NameClass.Ignored;
  if (name.startsWith('.debug_') || name.startsWith('.zdebug_')) return NameClass.Debug;
  return name === '.eh_frame' ? NameClass.EhFrame : NameClass.Plain;
}

/** The role of a section by its type, flags and name. */
function roleOf(program: Program, section: number, stripDebug: boolean): number {
  const { sections, nameClasses } = program;
  const flags = sections.flags[section]!;
  const alloc = (flags & elf.SHF_ALLOC) !== 0;
  if ((flags & elf.SHF_EXCLUDE) !== 0 && !alloc) return Role.Ignored;
  const name = sections.name[section]!;
  let nameClass = nameClasses[name] ?? NameClass.Unseen;
  if (nameClass === NameClass.Unseen) {
    nameClass = classifyName(nameText(program.sectionNames, name));
    nameClasses[name] = nameClass;
  }
  if (nameClass === NameClass.Ignored) return Role.Ignored;
  if (stripDebug && !alloc && nameClass === NameClass.Debug) return Role.Ignored;
  if (nameClass === NameClass.EhFrame && alloc) return Role.EhFrame;
  const entsize = sections.entsize[section]!;
  if (
    (flags & elf.SHF_MERGE) !== 0 &&
    (flags & elf.SHF_WRITE) === 0 &&
    entsize > 0 &&
    sections.type[section] === elf.SHT_PROGBITS &&
    sections.relocCount[section] === 0 &&
    sections.size[section]! > 0 &&
    sections.size[section]! % entsize === 0
  ) {
    return Role.Merge;
  }
  return Role.Regular;
}

export interface ReadOptions {
  /** Leave .debug_* out from the start. */
  readonly stripDebug: boolean;
}

/**
 * Reads the object at [start, end) of `bytes` and appends its sections; its global symbols are interned but not
 * resolved (see resolve.ts). Errors: 'malformed-elf', 'unsupported-input', 'limit'.
 */
export function readObject(
  program: Program,
  bytes: Uint8Array,
  start: number,
  end: number,
  name: string,
  options: ReadOptions,
): InputObject {
  if (isBitcode(bytes, start)) {
    fail('unsupported-input', `${name}: is LLVM bitcode (compiled with -flto); recompile it without -flto`);
  }
  if (!isElf(bytes, start)) fail('unsupported-input', `${name}: is neither an ELF object nor an archive nor a script`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const header = readHeader(view, start, end, name, program.machine);
  const first = addSections(program.sections, header.sectionCount);
  const object = program.objects.length;
  readSections(program, bytes, view, start, end, name, header, first, object);
  const symbols = readSymbolTable(program, view, name, header, first);
  attachRelocations(program, name, first, header.sectionCount, symbols.section);
  for (let s = first + 1; s < first + header.sectionCount; s++) {
    if (program.sections.role[s] === Role.Regular) {
      program.sections.role[s] = roleOf(program, s, options.stripDebug);
      if (program.sections.role[s] !== Role.Ignored) program.sections.live[s] = Live.Live;
    }
  }
  const globals = symbols.count - symbols.firstGlobal;
  const result: InputObject = {
    index: object,
    name,
    bytes,
    view,
    start,
    end,
    flags: header.flags,
    firstSection: first,
    sectionCount: header.sectionCount,
    symtab: symbols.offset,
    symbolCount: symbols.count,
    firstGlobal: symbols.firstGlobal,
    strtab: symbols.strtab,
    strtabEnd: symbols.strtabEnd,
    extendedIndex: symbols.extended,
    firstGlobalRef: addGlobalRefs(program, globals),
    hasLocalIfunc: hasLocalIfunc(view, symbols.offset, symbols.firstGlobal),
  };
  program.objects.push(result);
  return result;
}

function hasLocalIfunc(view: DataView, symtab: number, count: number): boolean {
  for (let i = 1; i < count; i++) {
    if ((view.getUint8(symtab + i * elf.SYM_SIZE + 4) & 15) === elf.STT_GNU_IFUNC) return true;
  }
  return false;
}

function readSections(
  program: Program,
  bytes: Uint8Array,
  view: DataView,
  start: number,
  end: number,
  name: string,
  header: Header,
  first: number,
  object: number,
): void {
  const t = program.sections;
  const size = end - start;
  const namesHeader = header.sectionHeaders + header.nameTable * elf.SHDR_SIZE;
  const namesOffset = elf.readUnsigned64(view, namesHeader + 24);
  const namesSize = elf.readUnsigned64(view, namesHeader + 32);
  if (namesOffset + namesSize > size) {
    fail(
      'malformed-elf',
      `${name}: section name table (${namesOffset}+${namesSize}) goes past the end (${size} bytes)`,
    );
  }
  const namesStart = start + namesOffset;
  const namesEnd = namesStart + namesSize;
  const names = program.sectionNames;
  const none = internName(names, addNameBuffer(names, EMPTY_NAME), 0, 1);
  const buffer = addNameBuffer(names, bytes);
  // Columns as locals: this loop runs for every section of the link.
  const { type, flags, offset, size: sizes, inputSize, link, info, align, entsize, relocCount, live, role } = t;
  const objects = t.object;
  const nameIds = t.name;
  objects[first] = object;
  nameIds[first] = none;
  type[first] = elf.SHT_NULL;
  role[first] = Role.Ignored;
  for (let i = 1; i < header.sectionCount; i++) {
    const s = first + i;
    const h = header.sectionHeaders + i * elf.SHDR_SIZE;
    const nameAt = view.getUint32(h, true);
    const kind = view.getUint32(h + 4, true);
    // Nobody asks for the names of relocation sections and other tables.
    let id = none;
    if (!isLinkerTable(kind)) {
      id = nameAt < namesSize ? internName(names, buffer, namesStart + nameAt, namesEnd) : -1;
      if (id < 0) badSectionName(name, i, nameAt, namesSize);
    }
    const from = view.getUint32(h + 28, true) * 4294967296 + view.getUint32(h + 24, true);
    const length = view.getUint32(h + 36, true) * 4294967296 + view.getUint32(h + 32, true);
    const alignment = view.getUint32(h + 52, true) * 4294967296 + view.getUint32(h + 48, true);
    objects[s] = object;
    nameIds[s] = id;
    type[s] = kind;
    flags[s] = view.getUint32(h + 8, true);
    offset[s] = start + from;
    sizes[s] = length;
    inputSize[s] = length;
    link[s] = view.getUint32(h + 40, true);
    info[s] = view.getUint32(h + 44, true);
    align[s] = alignment === 0 ? 1 : alignment;
    entsize[s] = view.getUint32(h + 60, true) * 4294967296 + view.getUint32(h + 56, true);
    relocCount[s] = 0;
    live[s] = Live.Dead;
    role[s] = isLinkerTable(kind) ? Role.Ignored : Role.Regular;
    const fits = kind === elf.SHT_NOBITS || kind === elf.SHT_NULL || from + length <= size;
    const alignable = alignment <= MAX_ALIGN && (alignment & (alignment - 1)) === 0;
    const known = view.getUint32(h + 12, true) === 0 && kind !== elf.SHT_REL && length <= MAX_SECTION;
    if (!fits || !alignable || !known) badSection(program, name, i, id, view, h, size);
    if ((flags[s]! & elf.SHF_COMPRESSED) !== 0) inflateInPlace(program, bytes, s, `${name}: section ${i}`);
  }
}

function badSectionName(name: string, i: number, nameAt: number, namesSize: number): never {
  return fail(
    'malformed-elf',
    `${name}: section ${i}: name at ${nameAt} is not in the name table (${namesSize} bytes)`,
  );
}

/** Says what is wrong with the section header at `h`. */
function badSection(
  program: Program,
  name: string,
  i: number,
  id: number,
  view: DataView,
  h: number,
  size: number,
): never {
  const shown = `${name}: section ${i} (${printable(nameText(program.sectionNames, id))})`;
  const offset = elf.readUnsigned64(view, h + 24);
  const length = elf.readUnsigned64(view, h + 32);
  const align = elf.readUnsigned64(view, h + 48);
  if (view.getUint32(h + 12, true) !== 0) fail('malformed-elf', `${shown}: unknown high flag bits in sh_flags`);
  if (view.getUint32(h + 4, true) === elf.SHT_REL) {
    fail('unsupported-input', `${shown}: SHT_REL relocations; this machine uses SHT_RELA`);
  }
  if (length > MAX_SECTION) fail('limit', `${shown}: size ${length} is more than any address space here holds`);
  if (align > MAX_ALIGN) fail('limit', `${shown}: alignment ${align} is more than the supported ${MAX_ALIGN}`);
  if ((align & (align - 1)) !== 0) fail('malformed-elf', `${shown}: alignment ${align} is not a power of two`);
  return fail('malformed-elf', `${shown}: ${length} bytes at ${offset} go past the end of the object (${size} bytes)`);
}

/** Replaces a compressed section by its contents. */
function inflateInPlace(program: Program, file: Uint8Array, s: number, where: string): void {
  const t = program.sections;
  if ((t.flags[s]! & elf.SHF_ALLOC) !== 0) fail('malformed-elf', `${where}: is both compressed and loaded`);
  const from = t.offset[s]!;
  const { data, align } = inflateSection(file.subarray(from, from + t.inputSize[s]!), where);
  program.contents.set(s, data);
  t.size[s] = data.length;
  t.inputSize[s] = data.length;
  t.align[s] = align;
  t.flags[s] = t.flags[s]! & ~elf.SHF_COMPRESSED;
}

const EMPTY_NAME = new Uint8Array(1);

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

interface RawSymbolTable {
  /** Global section index of the symbol table, -1 when there is none. */
  readonly section: number;
  readonly offset: number;
  readonly count: number;
  readonly firstGlobal: number;
  readonly strtab: number;
  readonly strtabEnd: number;
  readonly extended: number;
}

function readSymbolTable(
  program: Program,
  view: DataView,
  name: string,
  header: Header,
  first: number,
): RawSymbolTable {
  const t = program.sections;
  let section = -1;
  let extended = -1;
  for (let s = first + 1; s < first + header.sectionCount; s++) {
    if (t.type[s] === elf.SHT_SYMTAB) {
      if (section >= 0)
        fail('malformed-elf', `${name}: has two symbol tables (sections ${section - first}, ${s - first})`);
      section = s;
    } else if (t.type[s] === elf.SHT_SYMTAB_SHNDX) {
      extended = s;
    }
  }
  if (section < 0) return { section, offset: 0, count: 0, firstGlobal: 0, strtab: 0, strtabEnd: 0, extended: -1 };
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
  let extendedOffset = -1;
  if (extended >= 0) {
    if (t.link[extended] !== section - first || t.size[extended]! < count * 4) {
      fail('malformed-elf', `${name}: extended section indices do not match the symbol table (${count} symbols)`);
    }
    extendedOffset = t.offset[extended]!;
  }
  const offset = t.offset[section]!;
  for (let i = 0; i < count; i++) {
    const index = view.getUint16(offset + i * elf.SYM_SIZE + 6, true);
    const actual =
      index === elf.SHN_XINDEX && extendedOffset >= 0 ? view.getUint32(extendedOffset + i * 4, true) : index;
    if (actual >= header.sectionCount && (index < elf.SHN_LORESERVE || index === elf.SHN_XINDEX)) {
      fail(
        'malformed-elf',
        `${name}: symbol ${i} is in section ${actual}, but there are ${header.sectionCount} sections`,
      );
    }
    const local = view.getUint8(offset + i * elf.SYM_SIZE + 4) >> 4 === elf.STB_LOCAL;
    if (i > 0 && local !== i < firstGlobal) {
      fail(
        'malformed-elf',
        `${name}: symbol ${i} is ${local ? 'local' : 'global'}, but the first global is ${firstGlobal}`,
      );
    }
  }
  const strtab = t.offset[first + strings]!;
  const strtabEnd = strtab + t.size[first + strings]!;
  return { section, offset, count, firstGlobal, strtab, strtabEnd, extended: extendedOffset };
}

/** Notes with each section where its relocations lie. */
function attachRelocations(program: Program, name: string, first: number, count: number, symtab: number): void {
  const t = program.sections;
  for (let s = first + 1; s < first + count; s++) {
    if (t.type[s] !== elf.SHT_RELA) continue;
    const size = t.size[s]!;
    const target = t.info[s]!;
    const where = `${name}: relocation section ${s - first}`;
    if (t.entsize[s] !== elf.RELA_SIZE || size % elf.RELA_SIZE !== 0) {
      fail('malformed-elf', `${where}: ${size} bytes with entries of ${t.entsize[s]}, expected ${elf.RELA_SIZE}`);
    }
    if (target === 0 || target >= count || isLinkerTable(t.type[first + target]!)) {
      fail('malformed-elf', `${where}: sh_info is ${target}, which is not a section that can be relocated`);
    }
    if (size > 0 && t.link[s] !== symtab - first) {
      fail('malformed-elf', `${where}: sh_link is ${t.link[s]}, which is not the symbol table`);
    }
    if (t.relocCount[first + target] !== 0 && size > 0) {
      fail('malformed-elf', `${where}: section ${target} already has relocations from another section`);
    }
    if (size > 0 && t.type[first + target] === elf.SHT_NOBITS) {
      fail('malformed-elf', `${where}: section ${target} has no bytes (SHT_NOBITS), so it cannot be relocated`);
    }
    if (size > 0) {
      t.relocs[first + target] = t.offset[s]!;
      t.relocCount[first + target] = size / elf.RELA_SIZE;
    }
  }
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
