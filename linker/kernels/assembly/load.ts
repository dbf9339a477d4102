/**
 * Takes objects into the program: read, groups dropped, globals merged. One call takes all members of an archive, or
 * all that are wanted and those that they want in turn.
 *
 * The kernel stops where tables must grow, for objects that need a closer look (compressed sections, unusual groups,
 * whatever is wrong), and for symbols that need a decision; resolve.ts does these and calls again.
 */
import {
  DESCRIPTOR_COUNT,
  DESCRIPTOR_LOADED,
  DESCRIPTOR_NEXT,
  DESCRIPTOR_ROWS,
  DESCRIPTOR_SOURCE,
  DESCRIPTOR_THIN,
  GLOBAL_REF_COUNT,
  GLOBAL_REFS_CAPACITY,
  KEEP_GROUPS,
  LAZY_RANGE_COUNT,
  LAZY_RANGES,
  LEFT_MEMBER,
  LEFT_SOURCE,
  LOAD_DONE,
  LOAD_LEFT,
  LOAD_NEEDS_ROOM,
  LOAD_SYMBOL,
  LOCALS_TOTAL,
  MACHINE,
  MEMBER_END,
  MEMBER_START,
  MEMBER_WORDS,
  MOST_SYMBOLS,
  NO_NAME,
  OBJECT_CAPACITY,
  OBJECT_COUNT,
  OBJECT_END,
  OBJECT_EXTENDED,
  OBJECT_FIRST_GLOBAL,
  OBJECT_FIRST_GLOBAL_REF,
  OBJECT_FIRST_SECTION,
  OBJECT_FLAGS,
  OBJECT_HAS_LOCAL_IFUNC,
  OBJECT_MEMBER,
  OBJECT_SECTION_COUNT,
  OBJECT_SOURCE,
  OBJECT_START,
  OBJECT_STRTAB,
  OBJECT_STRTAB_END,
  OBJECT_SYMBOL_COUNT,
  OBJECT_SYMTAB,
  RANGE_ARCHIVE,
  RANGE_FIRST,
  RANGE_MEMBERS,
  RANGE_WORDS,
  READ_DONE,
  READ_EXTENDED,
  READ_FIRST_GLOBAL,
  READ_GLOBAL_COUNT,
  READ_HAS_GROUPS,
  READ_HAS_LINK_ONCE,
  READ_HAS_LOCAL_IFUNC,
  READ_INDEX,
  READ_NEEDS_ROOM,
  READ_SECTION_COUNT,
  READ_STRTAB,
  READ_STRTAB_END,
  READ_SYMBOL_COUNT,
  READ_SYMTAB,
  SECTION_COUNT,
  STRIP_DEBUG,
  SYMBOL_EXTRA,
  SYMBOL_KIND,
  WANTED,
  WANTED_CAPACITY,
  WANTED_COUNT,
  WANTED_NEXT,
} from '../layout';
import { objectRow } from './addresses';
import * as elf from './elf';
import { internGlobals, readObject } from './read';
import { dropDuplicateGroups, mergeGlobals } from './resolve';
import { getU8, getU32, setU8, setWord, word } from './words';

/** Writes the row of the object that was read last. */
export function writeObjectRow(program: usize, start: usize, end: usize, source: u32, member: u32): void {
  const row = objectRow(program, <u32>word(program, OBJECT_COUNT));
  setWord(row, OBJECT_SYMTAB, <u32>word(program, READ_SYMTAB));
  setWord(row, OBJECT_SYMBOL_COUNT, <u32>word(program, READ_SYMBOL_COUNT));
  setWord(row, OBJECT_FIRST_GLOBAL, <u32>word(program, READ_FIRST_GLOBAL));
  setWord(row, OBJECT_FIRST_GLOBAL_REF, <u32>word(program, GLOBAL_REF_COUNT));
  setWord(row, OBJECT_EXTENDED, <u32>word(program, READ_EXTENDED));
  setWord(row, OBJECT_FIRST_SECTION, <u32>word(program, SECTION_COUNT));
  setWord(row, OBJECT_SECTION_COUNT, <u32>word(program, READ_SECTION_COUNT));
  setWord(row, OBJECT_HAS_LOCAL_IFUNC, <u32>word(program, READ_HAS_LOCAL_IFUNC));
  setWord(row, OBJECT_STRTAB, <u32>word(program, READ_STRTAB));
  setWord(row, OBJECT_STRTAB_END, <u32>word(program, READ_STRTAB_END));
  setWord(row, OBJECT_FLAGS, start == 0 ? 0 : load<u32>(start + 48));
  setWord(row, OBJECT_START, <u32>start);
  setWord(row, OBJECT_END, <u32>end);
  setWord(row, OBJECT_SOURCE, source);
  setWord(row, OBJECT_MEMBER, member);
}

/** Counts the object in whose row was just written. */
export function commitObject(program: usize): void {
  setWord(program, OBJECT_COUNT, <u32>word(program, OBJECT_COUNT) + 1);
  setWord(program, LOCALS_TOTAL, <u32>word(program, LOCALS_TOTAL) + <u32>word(program, READ_FIRST_GLOBAL));
  setWord(program, MOST_SYMBOLS, max(<u32>word(program, MOST_SYMBOLS), <u32>word(program, READ_SYMBOL_COUNT)));
  setWord(program, SECTION_COUNT, <u32>word(program, SECTION_COUNT) + <u32>word(program, READ_SECTION_COUNT));
  setWord(program, GLOBAL_REF_COUNT, <u32>word(program, GLOBAL_REF_COUNT) + <u32>word(program, READ_GLOBAL_COUNT));
}

/**
 * Takes the object at [start, end): member `member` of source `source`. Returns LOAD_...; after LOAD_SYMBOL the object
 * is in and READ_INDEX is the symbol that the caller has to merge; after the other two nothing has happened yet.
 */
export function loadObject(program: usize, start: usize, end: usize, source: u32, member: u32): u32 {
  const object = <u32>word(program, OBJECT_COUNT);
  const first = <u32>word(program, SECTION_COUNT);
  setWord(program, READ_SECTION_COUNT, 0);
  setWord(program, READ_GLOBAL_COUNT, 0);
  setWord(program, READ_HAS_GROUPS, 0);
  if (object >= <u32>word(program, OBJECT_CAPACITY)) return LOAD_NEEDS_ROOM;
  const machine = <u32>word(program, MACHINE);
  const noName = <u32>word(program, NO_NAME);
  const status = readObject(program, start, end, object, first, machine, noName, <u32>word(program, STRIP_DEBUG), 0);
  if (status == READ_NEEDS_ROOM) return LOAD_NEEDS_ROOM;
  if (status != READ_DONE || word(program, READ_HAS_LINK_ONCE) != 0) return LOAD_LEFT;
  const globals = <u32>word(program, READ_GLOBAL_COUNT);
  const refs = <u32>word(program, GLOBAL_REF_COUNT);
  if (refs + globals > <u32>word(program, GLOBAL_REFS_CAPACITY)) return LOAD_NEEDS_ROOM;
  if (<u32>word(program, WANTED_COUNT) + globals > <u32>word(program, WANTED_CAPACITY)) return LOAD_NEEDS_ROOM;
  if (internGlobals(program, refs) != READ_DONE) return LOAD_LEFT;
  writeObjectRow(program, start, end, source, member);
  if (word(program, READ_HAS_GROUPS) != 0) {
    if (word(program, KEEP_GROUPS) != 0) return LOAD_LEFT;
    if (!dropDuplicateGroups(program, object)) return LOAD_LEFT;
  }
  commitObject(program);
  const firstGlobal = <u32>word(program, READ_FIRST_GLOBAL);
  const merged = mergeGlobals(program, object, firstGlobal);
  if (merged == <u32>word(program, READ_SYMBOL_COUNT)) return LOAD_DONE;
  setWord(program, READ_INDEX, merged);
  return LOAD_SYMBOL;
}

/** Takes member `m` of an archive unless it is in already. */
function loadMember(program: usize, archive: usize, m: u32): u32 {
  const loaded = word(archive, DESCRIPTOR_LOADED);
  if (getU8(loaded, m) != 0) return LOAD_DONE;
  const source = <u32>word(archive, DESCRIPTOR_SOURCE);
  const row = word(archive, DESCRIPTOR_ROWS) + <usize>(m * MEMBER_WORDS * 4);
  let status: u32 = LOAD_LEFT;
  if (word(archive, DESCRIPTOR_THIN) == 0) {
    status = loadObject(program, word(row, MEMBER_START), word(row, MEMBER_END), source, m);
  }
  if (status == LOAD_DONE || status == LOAD_SYMBOL) setU8(loaded, m, 1);
  if (status == LOAD_LEFT) {
    setWord(program, LEFT_SOURCE, source);
    setWord(program, LEFT_MEMBER, m);
  }
  return status;
}

/** Takes all members of an archive, from DESCRIPTOR_NEXT on; after LOAD_LEFT the caller takes one and calls again. */
export function loadArchive(program: usize, archive: usize): u32 {
  const count = <u32>word(archive, DESCRIPTOR_COUNT);
  for (let m = <u32>word(archive, DESCRIPTOR_NEXT); m < count; m++) {
    const status = loadMember(program, archive, m);
    setWord(archive, DESCRIPTOR_NEXT, status == LOAD_NEEDS_ROOM ? m : m + 1);
    if (status != LOAD_DONE) return status;
  }
  return LOAD_DONE;
}

/** Row of the range that holds lazy symbol `lazy`. */
function lazyRange(program: usize, lazy: u32): usize {
  const ranges = word(program, LAZY_RANGES);
  let low: u32 = 0;
  let high = <u32>word(program, LAZY_RANGE_COUNT) - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (getU32(ranges, middle * RANGE_WORDS + RANGE_FIRST) <= lazy) low = middle;
    else high = middle - 1;
  }
  return ranges + <usize>(low * RANGE_WORDS * 4);
}

/** Takes the wanted members, first wanted first, from WANTED_NEXT on; leaves the list empty. */
export function loadWanted(program: usize): u32 {
  for (let i = <u32>word(program, WANTED_NEXT); i < <u32>word(program, WANTED_COUNT); i++) {
    const id = getU32(word(program, WANTED), i);
    if (getU8(word(program, SYMBOL_KIND), id) != elf.KIND_LAZY) continue;
    const lazy = getU32(word(program, SYMBOL_EXTRA), id);
    const range = lazyRange(program, lazy);
    const m = getU32(word(range, RANGE_MEMBERS), lazy - <u32>word(range, RANGE_FIRST));
    // The index may lie: without this, a member that lacks the symbol would be wanted again and again.
    setU8(word(program, SYMBOL_KIND), id, elf.KIND_UNDEFINED);
    const status = loadMember(program, word(range, RANGE_ARCHIVE), m);
    if (status == LOAD_NEEDS_ROOM) setU8(word(program, SYMBOL_KIND), id, elf.KIND_LAZY);
    setWord(program, WANTED_NEXT, status == LOAD_NEEDS_ROOM ? i : i + 1);
    if (status != LOAD_DONE) return status;
  }
  setWord(program, WANTED_NEXT, 0);
  setWord(program, WANTED_COUNT, 0);
  return LOAD_DONE;
}
