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
import { nameShown, reserveNames, textAt } from './names.ts';
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
import { badName, explainObject } from './read-object-errors.ts';

/** Largest section that is decompressed. */
const MAX_INFLATED = 1 << 28;
/** How much larger than compressed a link's sections may be: debug information shrinks to a fifth, zeros to nothing. */
const USUAL_RATIO = 32;
const MAX_UNUSUAL = 1 << 24;

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
  return { data, align: Math.min(Math.max(1, elf.readUnsigned64(view, 16)), layout.MAX_ALIGN) };
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
      explainObject(program, status, start, end, first, nameOf());
    }
  }
}

function inflateSections(program: Program, first: number, count: number, name: string): void {
  for (let s = first + 1; s < first + count; s++) {
    if ((program.sections.flags[s]! & elf.SHF_COMPRESSED) !== 0) {
      inflateInPlace(program, s, `${name}: section ${s - first}`);
    }
  }
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
