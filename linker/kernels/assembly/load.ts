/**
 * Takes objects into the program: read, groups dropped, globals merged. One call takes all members of an archive, or
 * all that are wanted and those that they want in turn.
 *
 * The kernel stops where tables must grow, for objects that need a closer look (compressed sections, unusual groups,
 * whatever is wrong), and for symbols that need a decision; take-in.ts does these and calls again.
 */
import * as layout from '../layout';
import { objectRow } from './addresses';
import * as elf from './elf';
import { internGlobals, readObject } from './read';
import { dropDuplicateGroups, mergeGlobals } from './resolve';
import { getU8, getU32, setU8, setWord, word } from './words';

/** Writes the row of the object that was read last. */
export function writeObjectRow(program: usize, start: usize, end: usize, source: u32, member: u32): void {
  const row = objectRow(program, <u32>word(program, layout.OBJECT_COUNT));
  setWord(row, layout.OBJECT_SYMTAB, <u32>word(program, layout.READ_SYMTAB));
  setWord(row, layout.OBJECT_SYMBOL_COUNT, <u32>word(program, layout.READ_SYMBOL_COUNT));
  setWord(row, layout.OBJECT_FIRST_GLOBAL, <u32>word(program, layout.READ_FIRST_GLOBAL));
  setWord(row, layout.OBJECT_FIRST_GLOBAL_REF, <u32>word(program, layout.GLOBAL_REF_COUNT));
  setWord(row, layout.OBJECT_EXTENDED, <u32>word(program, layout.READ_EXTENDED));
  setWord(row, layout.OBJECT_FIRST_SECTION, <u32>word(program, layout.SECTION_COUNT));
  setWord(row, layout.OBJECT_SECTION_COUNT, <u32>word(program, layout.READ_SECTION_COUNT));
  setWord(row, layout.OBJECT_HAS_LOCAL_IFUNC, <u32>word(program, layout.READ_HAS_LOCAL_IFUNC));
  setWord(row, layout.OBJECT_STRTAB, <u32>word(program, layout.READ_STRTAB));
  setWord(row, layout.OBJECT_STRTAB_END, <u32>word(program, layout.READ_STRTAB_END));
  setWord(row, layout.OBJECT_FLAGS, start == 0 ? 0 : load<u32>(start + 48));
  setWord(row, layout.OBJECT_START, <u32>start);
  setWord(row, layout.OBJECT_END, <u32>end);
  setWord(row, layout.OBJECT_SOURCE, source);
  setWord(row, layout.OBJECT_MEMBER, member);
}

/** Counts the object in whose row was just written. */
export function commitObject(program: usize): void {
  setWord(program, layout.OBJECT_COUNT, <u32>word(program, layout.OBJECT_COUNT) + 1);
  setWord(
    program,
    layout.LOCALS_TOTAL,
    <u32>word(program, layout.LOCALS_TOTAL) + <u32>word(program, layout.READ_FIRST_GLOBAL),
  );
  setWord(
    program,
    layout.MOST_SYMBOLS,
    max(<u32>word(program, layout.MOST_SYMBOLS), <u32>word(program, layout.READ_SYMBOL_COUNT)),
  );
  setWord(
    program,
    layout.SECTION_COUNT,
    <u32>word(program, layout.SECTION_COUNT) + <u32>word(program, layout.READ_SECTION_COUNT),
  );
  setWord(
    program,
    layout.GLOBAL_REF_COUNT,
    <u32>word(program, layout.GLOBAL_REF_COUNT) + <u32>word(program, layout.READ_GLOBAL_COUNT),
  );
}

/**
 * Takes the object at [start, end): member `member` of source `source`. Returns LOAD_...; after LOAD_SYMBOL the object
 * is in and READ_INDEX is the symbol that the caller has to merge; after the other two nothing has happened yet.
 */
export function loadObject(program: usize, start: usize, end: usize, source: u32, member: u32): u32 {
  const object = <u32>word(program, layout.OBJECT_COUNT);
  setWord(program, layout.READ_SECTION_COUNT, 0);
  setWord(program, layout.READ_GLOBAL_COUNT, 0);
  setWord(program, layout.READ_HAS_GROUPS, 0);
  if (object >= <u32>word(program, layout.OBJECT_CAPACITY)) return layout.LOAD_NEEDS_ROOM;
  const status = readObject(program, start, end, 0);
  if (status == layout.READ_NEEDS_ROOM) return layout.LOAD_NEEDS_ROOM;
  if (status != layout.READ_DONE || word(program, layout.READ_HAS_LINK_ONCE) != 0) return layout.LOAD_LEFT;
  const globals = <u32>word(program, layout.READ_GLOBAL_COUNT);
  const refs = <u32>word(program, layout.GLOBAL_REF_COUNT);
  if (refs + globals > <u32>word(program, layout.GLOBAL_REFS_CAPACITY)) return layout.LOAD_NEEDS_ROOM;
  if (<u32>word(program, layout.WANTED_COUNT) + globals > <u32>word(program, layout.WANTED_CAPACITY))
    return layout.LOAD_NEEDS_ROOM;
  if (internGlobals(program, refs) != layout.READ_DONE) return layout.LOAD_LEFT;
  writeObjectRow(program, start, end, source, member);
  if (word(program, layout.READ_HAS_GROUPS) != 0) {
    if (word(program, layout.KEEP_GROUPS) != 0) return layout.LOAD_LEFT;
    if (!dropDuplicateGroups(program, object)) return layout.LOAD_LEFT;
  }
  commitObject(program);
  const firstGlobal = <u32>word(program, layout.READ_FIRST_GLOBAL);
  const merged = mergeGlobals(program, object, firstGlobal);
  if (merged == <u32>word(program, layout.READ_SYMBOL_COUNT)) return layout.LOAD_DONE;
  setWord(program, layout.READ_INDEX, merged);
  return layout.LOAD_SYMBOL;
}

/** Takes member `m` of an archive unless it is in already. */
function loadMember(program: usize, archive: usize, m: u32): u32 {
  const loaded = word(archive, layout.DESCRIPTOR_LOADED);
  if (getU8(loaded, m) != 0) return layout.LOAD_DONE;
  const source = <u32>word(archive, layout.DESCRIPTOR_SOURCE);
  const row = word(archive, layout.DESCRIPTOR_ROWS) + <usize>(m * layout.MEMBER_WORDS * 4);
  let status: u32 = layout.LOAD_LEFT;
  if (word(archive, layout.DESCRIPTOR_THIN) == 0) {
    status = loadObject(program, word(row, layout.MEMBER_START), word(row, layout.MEMBER_END), source, m);
  }
  if (status == layout.LOAD_DONE || status == layout.LOAD_SYMBOL) setU8(loaded, m, 1);
  if (status == layout.LOAD_LEFT) {
    setWord(program, layout.LEFT_SOURCE, source);
    setWord(program, layout.LEFT_MEMBER, m);
  }
  return status;
}

/** Takes all members of an archive, from DESCRIPTOR_NEXT on; after LOAD_LEFT the caller takes one and calls again. */
export function loadArchive(program: usize, archive: usize): u32 {
  const count = <u32>word(archive, layout.DESCRIPTOR_COUNT);
  for (let m = <u32>word(archive, layout.DESCRIPTOR_NEXT); m < count; m++) {
    const status = loadMember(program, archive, m);
    setWord(archive, layout.DESCRIPTOR_NEXT, status == layout.LOAD_NEEDS_ROOM ? m : m + 1);
    if (status != layout.LOAD_DONE) return status;
  }
  return layout.LOAD_DONE;
}

/** Row of the range that holds lazy symbol `lazy`. */
function lazyRange(program: usize, lazy: u32): usize {
  const ranges = word(program, layout.LAZY_RANGES);
  let low: u32 = 0;
  let high = <u32>word(program, layout.LAZY_RANGE_COUNT) - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (getU32(ranges, middle * layout.RANGE_WORDS + layout.RANGE_FIRST) <= lazy) low = middle;
    else high = middle - 1;
  }
  return ranges + <usize>(low * layout.RANGE_WORDS * 4);
}

/** Takes the wanted members, first wanted first, from WANTED_NEXT on; leaves the list empty. */
export function loadWanted(program: usize): u32 {
  for (let i = <u32>word(program, layout.WANTED_NEXT); i < <u32>word(program, layout.WANTED_COUNT); i++) {
    const id = getU32(word(program, layout.WANTED), i);
    if (getU8(word(program, layout.SYMBOL_KIND), id) != elf.KIND_LAZY) continue;
    const lazy = getU32(word(program, layout.SYMBOL_EXTRA), id);
    const range = lazyRange(program, lazy);
    const m = getU32(word(range, layout.RANGE_MEMBERS), lazy - <u32>word(range, layout.RANGE_FIRST));
    // The index may lie: without this, a member that lacks the symbol would be wanted again and again.
    setU8(word(program, layout.SYMBOL_KIND), id, elf.KIND_UNDEFINED);
    const status = loadMember(program, word(range, layout.RANGE_ARCHIVE), m);
    if (status == layout.LOAD_NEEDS_ROOM) setU8(word(program, layout.SYMBOL_KIND), id, elf.KIND_LAZY);
    setWord(program, layout.WANTED_NEXT, status == layout.LOAD_NEEDS_ROOM ? i : i + 1);
    if (status != layout.LOAD_DONE) return status;
  }
  setWord(program, layout.WANTED_NEXT, 0);
  setWord(program, layout.WANTED_COUNT, 0);
  return layout.LOAD_DONE;
}
