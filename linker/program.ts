/**
 * The program being linked, as tables.
 *
 * Every phase reads and extends the same few tables. They are structures of arrays over small integers, because a
 * link may hold a hundred thousand sections and a million relocations, and because typed arrays neither allocate per
 * element nor hide their cost:
 *
 * - a *section* is an index into SectionTable; the sections of all objects follow one another, so section i of an
 *   object is `object.firstSection + i` (index 0 of each object is its null section);
 * - a *symbol* is an index into SymbolTable, one for each distinct global name (the symbol's index equals the index
 *   of its name in `names`); locals stay in their object's own symbol table and are read from there;
 * - places in files are addresses in the arena, in which all inputs lie (arena.ts); sizes and addresses of the program
 *   are doubles that hold integers exactly (two's complement, within +-2^53: high-half addresses are negative).
 *
 * The columns lie in the arena too, where kernels find them through the program's block (kernels/layout.ts).
 *
 * Invariant: whatever stands in the tables was checked against the bounds of its file when it was read.
 */
import { type Arena, allocate, u32 } from './arena.ts';
import { elfMachines } from './identify.ts';
import * as layout from './kernels/layout.ts';
import { createNameTable, internText, type NameTable, nameCapacity, nameShown, nameText } from './names.ts';

export interface InputObject {
  readonly index: number;
  /** `dir/x.o`, or `dir/liby.a(z.o)`. */
  readonly name: string;
  /** The arena, which holds all files. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Address of its ELF header, and the end of its bytes. */
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly firstSection: number;
  readonly sectionCount: number;
  /** Address of its symbol table (0 entries when it has none). */
  readonly symtab: number;
  readonly symbolCount: number;
  readonly firstGlobal: number;
  readonly strtab: number;
  readonly strtabEnd: number;
  /** Address of the SHT_SYMTAB_SHNDX table, or -1. */
  readonly extendedIndex: number;
  /** Symbol i (>= firstGlobal) is `program.globalRefs[firstGlobalRef + i - firstGlobal]`. */
  readonly firstGlobalRef: number;
  /** Its local symbols include an STT_GNU_IFUNC. */
  readonly hasLocalIfunc: boolean;
}

/** What a section is to the linker. */
export const Role = {
  /** Linker's own business (symbol tables, relocations, groups), or excluded. */
  Ignored: 0,
  Regular: 1,
  /** SHF_MERGE: split in pieces; equal pieces are stored once. */
  Merge: 2,
  EhFrame: 3,
  /** Made by the linker (GOT, dynamic section, ...). */
  Synthetic: 4,
} as const;

/** Whether a section is in the output. */
export const Live = {
  Dead: 0,
  Live: 1,
  /** A COMDAT group of the same signature came earlier. */
  Duplicate: 2,
} as const;

export interface SectionTable {
  /** How many there are: a word of the block. */
  count: number;
  object: Uint32Array;
  name: Uint32Array;
  type: Uint32Array;
  flags: Uint32Array;
  /** Address of its bytes in the arena. */
  offset: Uint32Array;
  /** Size in the output; differs from `inputSize` where pieces were merged, dropped or shrunk. */
  size: Float64Array;
  /** Size in the input file. */
  inputSize: Float64Array;
  link: Uint32Array;
  info: Uint32Array;
  align: Uint32Array;
  entsize: Float64Array;
  /** Address and number of its RELA entries. */
  relocs: Uint32Array;
  relocCount: Uint32Array;
  role: Uint8Array;
  live: Uint8Array;
  /** Output section index (-1: none) and offset within it. */
  output: Int32Array;
  outputOffset: Float64Array;
  /** Its address once laid out. */
  address: Float64Array;
  /** Where to read how its offsets map to the output (see kernels/layout.ts); 0: they stay. */
  edit: Uint32Array;
}

export const SymbolKind = {
  /** Mentioned (as a group signature, say), not a symbol yet. */
  None: 0,
  Undefined: 1,
  /** An archive member defines it. */
  Lazy: 2,
  Defined: 3,
  Common: 4,
  Absolute: 5,
  /** Defined by the linker or its script; `value` is set by the layout. */
  Linker: 6,
} as const;

/** Bits of SymbolTable.flags. */
export const SymbolFlag = {
  /** Some object refers to it. */
  Referenced: 1,
  /** Some object refers to it strongly. */
  StrongReference: 2,
  /** Needed by -u, --require-defined or the entry: a root for --gc-sections. */
  Root: 4,
  /** Calls and addresses go through an IPLT entry, which it has. */
  Iplt: 64,
  /** PROVIDEd by the script: give way to any definition. */
  Provided: 256,
  /** --wrap gives references to it another name. */
  Renamed: 1024,
  /** The signature of a COMDAT group that is in the link. */
  Comdat: 2048,
} as const;

export interface SymbolTable {
  readonly names: NameTable;
  kind: Uint8Array;
  binding: Uint8Array;
  type: Uint8Array;
  /** Most constraining visibility of all mentions. */
  visibility: Uint8Array;
  flags: Uint32Array;
  /** Global section index, or -1. */
  section: Int32Array;
  value: Float64Array;
  size: Float64Array;
  /** Defining object; for an undefined symbol the first that refers to it; -1 none. */
  object: Int32Array;
  /** Lazy: its number among all that archives offer (Resolver.ranges). Linker: output section it belongs to, -1 absolute. */
  extra: Int32Array;
}

/** The machines that are linked for. */
export type Machine = 'x86-64' | 'riscv64' | 'aarch64';

export interface Program {
  readonly machine: Machine;
  readonly arena: Arena;
  /** Address of the block that leads kernels to the tables, and the block's words. */
  readonly block: number;
  readonly words: Uint32Array;
  /** Those that somebody has asked for: see `objectAt`. */
  readonly objects: (InputObject | undefined)[];
  /** Index of the object that owns what the linker makes, -1 when there is none yet. */
  linkerObject: number;
  /** By source (an input file): name of its member, or of itself for -1. */
  readonly sources: ((member: number) => string)[];
  /** The same for kernels: rows of OBJECT_WORDS words. */
  objectRows: Uint32Array;
  readonly sections: SectionTable;
  readonly sectionNames: NameTable;
  /** The empty name, of sections that nobody asks for by name. */
  readonly noName: number;
  /** By section name: what it says of a section's role (see read-object.ts). */
  nameClasses: Uint8Array;
  readonly symbols: SymbolTable;
  globalRefs: Uint32Array;
  /** Contents that do not lie in the object's file: decompressed or made by the linker. */
  readonly contents: Map<number, Uint8Array>;
  /** Bytes that compressed sections have been inflated to, beyond what their size makes likely. */
  inflated: number;
  /** Section groups that are in the link, as lists of their sections: they live and die together. */
  readonly groups: (readonly number[])[];
  readonly warnings: string[];
}

type Column = Uint8Array | Uint32Array | Int32Array | Float64Array;

/** Words of the block by column of the tables. */
const sectionWords: Record<Exclude<keyof SectionTable, 'count'>, number> = {
  object: layout.SECTION_OBJECT,
  name: layout.SECTION_NAME,
  type: layout.SECTION_TYPE,
  flags: layout.SECTION_FLAGS,
  offset: layout.SECTION_OFFSET,
  size: layout.SECTION_SIZE,
  inputSize: layout.SECTION_INPUT_SIZE,
  link: layout.SECTION_LINK,
  info: layout.SECTION_INFO,
  align: layout.SECTION_ALIGN,
  entsize: layout.SECTION_ENTSIZE,
  relocs: layout.SECTION_RELOCS,
  relocCount: layout.SECTION_RELOC_COUNT,
  role: layout.SECTION_ROLE,
  live: layout.SECTION_LIVE,
  output: layout.SECTION_OUTPUT,
  outputOffset: layout.SECTION_OUTPUT_OFFSET,
  address: layout.SECTION_ADDRESS,
  edit: layout.SECTION_EDIT,
};

const symbolWords: Record<Exclude<keyof SymbolTable, 'names'>, number> = {
  kind: layout.SYMBOL_KIND,
  binding: layout.SYMBOL_BINDING,
  type: layout.SYMBOL_TYPE,
  visibility: layout.SYMBOL_VISIBILITY,
  flags: layout.SYMBOL_FLAGS,
  section: layout.SYMBOL_SECTION,
  value: layout.SYMBOL_VALUE,
  size: layout.SYMBOL_SIZE,
  object: layout.SYMBOL_OBJECT,
  extra: layout.SYMBOL_EXTRA,
};

/** A copy of a column with room for `length` values; its element kind stays. */
function widened<T extends Column>(arena: Arena, column: T, length: number): T {
  const at = allocate(arena, length * column.BYTES_PER_ELEMENT);
  const kind = column.constructor as new (buffer: ArrayBufferLike, at: number, length: number) => T;
  const next = new kind(arena.bytes.buffer, at, length);
  next.set(column as never);
  return next;
}

function growColumns(program: Program, table: object, words: Readonly<Record<string, number>>, capacity: number): void {
  const columns = table as Record<string, Column>;
  for (const [key, word] of Object.entries(words)) {
    const column = widened(program.arena, columns[key]!, capacity);
    columns[key] = column;
    program.words[word] = column.byteOffset;
  }
}

/** Room for `extra` more sections; returns the index of the first. The caller fills them. */
export function addSections(program: Program, extra: number): number {
  const table = program.sections;
  const first = table.count;
  reserveSections(program, extra);
  table.output.fill(-1, first, first + extra);
  table.count = first + extra;
  return first;
}

/** Makes room for `extra` more sections. */
export function reserveSections(program: Program, extra: number): void {
  const table = program.sections;
  const needed = table.count + extra;
  const capacity = table.type.length;
  if (needed <= capacity) return;
  growColumns(program, table, sectionWords, Math.max(needed, capacity * 2));
  program.words[layout.SECTION_CAPACITY] = table.type.length;
}

/** Makes the symbol columns as long as the name table may become before it grows again. */
export function fitSymbols(program: Program): void {
  const { symbols } = program;
  const capacity = nameCapacity(symbols.names);
  const first = symbols.kind.length;
  if (first >= capacity) return;
  growColumns(program, symbols, symbolWords, capacity);
  symbols.section.fill(-1, first);
  symbols.object.fill(-1, first);
  symbols.extra.fill(-1, first);
}

/** Makes the classes of section names as long as the table of these names may become. */
export function fitNameClasses(program: Program): void {
  const capacity = nameCapacity(program.sectionNames);
  if (program.nameClasses.length >= capacity) return;
  program.nameClasses = widened(program.arena, program.nameClasses, capacity);
  program.words[layout.NAME_CLASSES] = program.nameClasses.byteOffset;
}

/** Makes room for `extra` more references. */
export function reserveGlobalRefs(program: Program, extra: number): void {
  const { words, globalRefs } = program;
  const needed = words[layout.GLOBAL_REF_COUNT]! + extra;
  if (needed <= globalRefs.length) return;
  program.globalRefs = widened(program.arena, globalRefs, Math.max(needed, globalRefs.length * 2));
  words[layout.GLOBAL_REFS] = program.globalRefs.byteOffset;
  words[layout.GLOBAL_REFS_CAPACITY] = program.globalRefs.length;
}

/** Makes room for one more object. */
export function reserveObjects(program: Program): void {
  const { words, objectRows } = program;
  const count = words[layout.OBJECT_COUNT]!;
  if (count < words[layout.OBJECT_CAPACITY]!) return;
  const capacity = Math.max(64, count * 2);
  program.objectRows = widened(program.arena, objectRows, capacity * layout.OBJECT_WORDS);
  words[layout.OBJECTS] = program.objectRows.byteOffset;
  words[layout.OBJECT_CAPACITY] = capacity;
}

/** Object number `index`. */
export function objectAt(program: Program, index: number): InputObject {
  const known = program.objects[index];
  if (known) return known;
  const { arena, objectRows: rows, sources } = program;
  const at = index * layout.OBJECT_WORDS;
  const start = rows[at + layout.OBJECT_START]!;
  const extended = rows[at + layout.OBJECT_EXTENDED]!;
  const source = rows[at + layout.OBJECT_SOURCE]!;
  const member = rows[at + layout.OBJECT_MEMBER]! | 0;
  const object: InputObject = {
    index,
    get name() {
      return sources[source]!(member);
    },
    bytes: arena.bytes,
    view: arena.view,
    start,
    end: rows[at + layout.OBJECT_END]!,
    flags: rows[at + layout.OBJECT_FLAGS]!,
    firstSection: rows[at + layout.OBJECT_FIRST_SECTION]!,
    sectionCount: rows[at + layout.OBJECT_SECTION_COUNT]!,
    symtab: rows[at + layout.OBJECT_SYMTAB]!,
    symbolCount: rows[at + layout.OBJECT_SYMBOL_COUNT]!,
    firstGlobal: rows[at + layout.OBJECT_FIRST_GLOBAL]!,
    strtab: rows[at + layout.OBJECT_STRTAB]!,
    strtabEnd: rows[at + layout.OBJECT_STRTAB_END]!,
    extendedIndex: extended === 0 ? -1 : extended,
    firstGlobalRef: rows[at + layout.OBJECT_FIRST_GLOBAL_REF]!,
    hasLocalIfunc: rows[at + layout.OBJECT_HAS_LOCAL_IFUNC] !== 0,
  };
  program.objects[index] = object;
  return object;
}

/** How many objects there are. */
export function objectCount(program: Program): number {
  return program.words[layout.OBJECT_COUNT]!;
}

/** All objects, in order. */
export function allObjects(program: Program): InputObject[] {
  return Array.from({ length: objectCount(program) }, (_, i) => objectAt(program, i));
}

/** Empty tables in `arena`; `inputBytes` (of all inputs) gives them a size that need not grow much. */
export function createProgram(machine: Program['machine'], arena: Arena, inputBytes = 0): Program {
  // Measured: small objects have a section for each 700 to 900 bytes, and a global name for each 600.
  const sections = Math.max(1024, Math.min(1 << 20, Math.ceil(inputBytes / 800)));
  const words = u32(arena, layout.PROGRAM_WORDS);
  const empty = {
    u8: new Uint8Array(arena.bytes.buffer, 0, 0),
    u32: new Uint32Array(arena.bytes.buffer, 0, 0),
    i32: new Int32Array(arena.bytes.buffer, 0, 0),
    f64: new Float64Array(arena.bytes.buffer, 0, 0),
  };
  const sectionNames = createNameTable(arena);
  const program: Program = {
    machine,
    arena,
    block: words.byteOffset,
    words,
    objects: [],
    linkerObject: -1,
    sources: [],
    objectRows: empty.u32,
    sections: {
      get count() {
        return words[layout.SECTION_COUNT]!;
      },
      set count(value) {
        words[layout.SECTION_COUNT] = value;
      },
      object: empty.u32,
      name: empty.u32,
      type: empty.u32,
      flags: empty.u32,
      offset: empty.u32,
      size: empty.f64,
      inputSize: empty.f64,
      link: empty.u32,
      info: empty.u32,
      align: empty.u32,
      entsize: empty.f64,
      relocs: empty.u32,
      relocCount: empty.u32,
      role: empty.u8,
      live: empty.u8,
      output: empty.i32,
      outputOffset: empty.f64,
      address: empty.f64,
      edit: empty.u32,
    },
    sectionNames,
    noName: internText(sectionNames, ''),
    nameClasses: empty.u8,
    symbols: {
      names: createNameTable(arena, Math.max(4096, Math.min(1 << 20, Math.ceil(inputBytes / 1000)))),
      kind: empty.u8,
      binding: empty.u8,
      type: empty.u8,
      visibility: empty.u8,
      flags: empty.u32,
      section: empty.i32,
      value: empty.f64,
      size: empty.f64,
      object: empty.i32,
      extra: empty.i32,
    },
    globalRefs: empty.u32,
    contents: new Map(),
    inflated: 0,
    groups: [],
    warnings: [],
  };
  words[layout.SYMBOL_NAMES] = program.symbols.names.block;
  words[layout.SECTION_NAMES] = program.sectionNames.block;
  reserveSections(program, sections);
  fitSymbols(program);
  fitNameClasses(program);
  reserveGlobalRefs(program, Math.max(4096, Math.ceil(inputBytes / 64)));
  words[layout.MACHINE] = elfMachines[machine];
  words[layout.NO_NAME] = program.noName;
  return program;
}

/** Bytes of a section as read (not relocated); empty for NOBITS. */
export function sectionContents(program: Program, section: number): Uint8Array {
  const made = program.contents.get(section);
  if (made) return made;
  const { sections } = program;
  if (sections.type[section] === 8) return new Uint8Array(0);
  const offset = sections.offset[section]!;
  return new Uint8Array(program.arena.bytes.buffer, offset, sections.inputSize[section]!);
}

export function sectionName(program: Program, section: number): string {
  return nameText(program.sectionNames, program.sections.name[section]!);
}

/** `file:(section+0xoff)`, as messages point at a place. */
export function placeText(program: Program, section: number, offset?: number): string {
  const object = objectAt(program, program.sections.object[section]!);
  const at = offset === undefined ? '' : `+0x${offset.toString(16)}`;
  return `${object.name}:(${nameShown(program.sectionNames, program.sections.name[section]!)}${at})`;
}
