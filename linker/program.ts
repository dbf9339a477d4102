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
 * - offsets are absolute within `object.bytes`; sizes and addresses are doubles that hold integers exactly
 *   (two's complement, within +-2^53: high-half addresses are negative).
 *
 * Invariant: whatever stands in the tables was checked against the bounds of its file when it was read.
 */
import { createNameTable, type NameTable, nameShown, nameText } from './names.ts';

export interface InputObject {
  readonly index: number;
  /** `dir/x.o`, or `dir/liby.a(z.o)`. */
  readonly name: string;
  /** The file that holds it: an archive for members. */
  readonly bytes: Uint8Array;
  readonly view: DataView;
  /** Offset of its ELF header in `bytes`, and the end of its bytes. */
  readonly start: number;
  readonly end: number;
  readonly flags: number;
  readonly firstSection: number;
  readonly sectionCount: number;
  /** Absolute offset of its symbol table (0 entries when it has none). */
  readonly symtab: number;
  readonly symbolCount: number;
  readonly firstGlobal: number;
  readonly strtab: number;
  readonly strtabEnd: number;
  /** Absolute offset of the SHT_SYMTAB_SHNDX table, or -1. */
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
  count: number;
  object: Uint32Array;
  name: Uint32Array;
  type: Uint32Array;
  flags: Uint32Array;
  offset: Float64Array;
  /** Size in the output; differs from `inputSize` where pieces were merged, dropped or shrunk. */
  size: Float64Array;
  /** Size in the input file. */
  inputSize: Float64Array;
  link: Uint32Array;
  info: Uint32Array;
  align: Float64Array;
  entsize: Float64Array;
  /** Absolute offset and number of its RELA entries. */
  relocs: Float64Array;
  relocCount: Uint32Array;
  role: Uint8Array;
  live: Uint8Array;
  /** Output section index (-1: none) and offset within it. */
  output: Int32Array;
  outputOffset: Float64Array;
  /** Its address once laid out. */
  address: Float64Array;
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
  Got: 8,
  GotTp: 16,
  TlsGd: 32,
  /** Calls or addresses go through an IPLT entry. */
  Iplt: 64,
  /** The address of an ifunc is taken outside the GOT: its value becomes its IPLT entry. */
  CanonicalIplt: 128,
  /** PROVIDEd by the script: give way to any definition. */
  Provided: 256,
  TlsDesc: 512,
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
  /** Lazy: index into Program.lazyMembers. Linker: output section it belongs to, -1 absolute. */
  extra: Int32Array;
}

export interface Program {
  readonly machine: 'x86-64' | 'riscv64';
  readonly objects: InputObject[];
  readonly sections: SectionTable;
  readonly sectionNames: NameTable;
  /** By section name: what it says of a section's role (see read-object.ts). */
  readonly nameClasses: number[];
  readonly symbols: SymbolTable;
  globalRefs: Uint32Array;
  globalRefCount: number;
  /** Contents that do not lie in the object's file: decompressed or made by the linker. */
  readonly contents: Map<number, Uint8Array>;
  /** Section groups that are in the link, as lists of their sections: they live and die together. */
  readonly groups: (readonly number[])[];
  readonly warnings: string[];
}

/** Typed arrays double; their element kind stays. */
function doubled<T extends Uint8Array | Uint32Array | Int32Array | Float64Array>(array: T, length: number): T {
  const next = new (array.constructor as new (n: number) => T)(length);
  next.set(array as never);
  return next;
}

function growColumns(table: object, capacity: number): void {
  const columns = table as Record<string, unknown>;
  for (const [key, column] of Object.entries(columns)) {
    if (ArrayBuffer.isView(column)) columns[key] = doubled(column as Uint8Array, capacity);
  }
}

/** Room for `extra` more sections; returns the index of the first. The caller fills them. */
export function addSections(table: SectionTable, extra: number): number {
  const first = table.count;
  const needed = first + extra;
  if (needed > table.type.length) growColumns(table, Math.max(needed, table.type.length * 2));
  table.output.fill(-1, first, needed);
  table.count = needed;
  return first;
}

/** Makes the symbol columns as long as the name table may become before it grows again. */
export function fitSymbols(symbols: SymbolTable): void {
  const capacity = symbols.names.buffer.length;
  if (symbols.kind.length >= capacity) return;
  const first = symbols.kind.length;
  growColumns(symbols, capacity);
  symbols.section.fill(-1, first);
  symbols.object.fill(-1, first);
  symbols.extra.fill(-1, first);
}

export function addGlobalRefs(program: Program, count: number): number {
  const first = program.globalRefCount;
  const needed = first + count;
  if (needed > program.globalRefs.length) {
    program.globalRefs = doubled(program.globalRefs, Math.max(needed, program.globalRefs.length * 2));
  }
  program.globalRefCount = needed;
  return first;
}

/** Empty tables; `inputBytes` (of all inputs) gives them a size that need not grow much. */
export function createProgram(machine: Program['machine'], inputBytes = 0): Program {
  // Measured: small objects have a section for each 700 to 900 bytes, and a global name for each 600.
  const sections = Math.max(1024, Math.min(1 << 20, Math.ceil(inputBytes / 800)));
  // Made small and then grown to size: V8 compiles code that relies on fields never assigned again, and would throw all
  // of it away at the first growth in the middle of a link.
  const small = 1;
  const program: Program = {
    machine,
    objects: [],
    sections: {
      count: 0,
      object: new Uint32Array(small),
      name: new Uint32Array(small),
      type: new Uint32Array(small),
      flags: new Uint32Array(small),
      offset: new Float64Array(small),
      size: new Float64Array(small),
      inputSize: new Float64Array(small),
      link: new Uint32Array(small),
      info: new Uint32Array(small),
      align: new Float64Array(small),
      entsize: new Float64Array(small),
      relocs: new Float64Array(small),
      relocCount: new Uint32Array(small),
      role: new Uint8Array(small),
      live: new Uint8Array(small),
      output: new Int32Array(small).fill(-1),
      outputOffset: new Float64Array(small),
      address: new Float64Array(small),
    },
    sectionNames: createNameTable(),
    nameClasses: [],
    symbols: {
      names: createNameTable(Math.max(4096, Math.min(1 << 20, Math.ceil(inputBytes / 1000)))),
      kind: new Uint8Array(0),
      binding: new Uint8Array(0),
      type: new Uint8Array(0),
      visibility: new Uint8Array(0),
      flags: new Uint32Array(0),
      section: new Int32Array(0),
      value: new Float64Array(0),
      size: new Float64Array(0),
      object: new Int32Array(0),
      extra: new Int32Array(0),
    },
    globalRefs: new Uint32Array(small),
    globalRefCount: 0,
    contents: new Map(),
    groups: [],
    warnings: [],
  };
  growColumns(program.sections, sections);
  program.sections.output.fill(-1);
  fitSymbols(program.symbols);
  program.globalRefs = doubled(program.globalRefs, Math.max(4096, Math.ceil(inputBytes / 64)));
  return program;
}

/** Bytes of a section as read (not relocated); empty for NOBITS. */
export function sectionContents(program: Program, section: number): Uint8Array {
  const made = program.contents.get(section);
  if (made) return made;
  const { sections } = program;
  if (sections.type[section] === 8) return new Uint8Array(0);
  const object = program.objects[sections.object[section]!]!;
  const offset = sections.offset[section]!;
  return object.bytes.subarray(offset, offset + sections.inputSize[section]!);
}

export function sectionName(program: Program, section: number): string {
  return nameText(program.sectionNames, program.sections.name[section]!);
}

/** `file:(section+0xoff)`, as messages point at a place. */
export function placeText(program: Program, section: number, offset?: number): string {
  const object = program.objects[program.sections.object[section]!]!;
  const at = offset === undefined ? '' : `+0x${offset.toString(16)}`;
  return `${object.name}:(${nameShown(program.sectionNames, program.sections.name[section]!)}${at})`;
}
