/**
 * Placement: which description of the script takes each section, what an output section becomes by its inputs, and
 * where each input lies in it.
 */
import * as layout from '../layout';
import { equal } from './bytes';
import * as elf from './elf';
import { getF64, getU8, getU32, setF64, setU32, word } from './words';

function isPlaced(program: usize, s: u32): bool {
  return (
    getU8(word(program, layout.SECTION_LIVE), s) == elf.LIVE_LIVE &&
    getU8(word(program, layout.SECTION_ROLE), s) != elf.ROLE_IGNORED
  );
}

/** Whether a pattern may match the name of `length` bytes at `at`; for all kinds but PATTERN_GENERAL it then does. */
function mayMatch(row: usize, at: usize, length: u32): bool {
  const start = <u32>word(row, layout.PATTERN_START_LENGTH);
  const kind = <u32>word(row, layout.PATTERN_KIND);
  if (length < start || (kind == layout.PATTERN_NAME && length != start)) return false;
  if (!equal(at, word(row, layout.PATTERN_START), start)) return false;
  if (kind != layout.PATTERN_STAR) return true;
  const end = <u32>word(row, layout.PATTERN_END_LENGTH);
  return length >= start + end && equal(at + length - end, word(row, layout.PATTERN_END), end);
}

/** Row of the first of `count` patterns at `rows` that may match a name, or 0. */
function firstMatch(rows: usize, count: u32, at: usize, length: u32): usize {
  for (let i: u32 = 0; i < count; i++) {
    const row = rows + <usize>(i * layout.PATTERN_WORDS * 4);
    if (mayMatch(row, at, length)) return row;
  }
  return 0;
}

/**
 * Gives sections [from, count) their description (i32) and pattern by their name: `taken` and `takenPattern` (i32 by
 * section name) say which, where the name alone decides; for new names the first of the script's patterns that match
 * decides. Returns `count`, or the first section that is left to the caller.
 */
export function matchSections(
  program: usize,
  from: u32,
  count: u32,
  rows: usize,
  rowCount: u32,
  taken: usize,
  takenPattern: usize,
  descriptions: usize,
  patterns: usize,
): u32 {
  const names = word(program, layout.SECTION_NAME);
  const starts = word(word(program, layout.SECTION_NAMES), layout.NAMES_OFFSET);
  const lengths = word(word(program, layout.SECTION_NAMES), layout.NAMES_LENGTH);
  for (let s = from; s < count; s++) {
    if (!isPlaced(program, s)) {
      setU32(descriptions, s, 0xffffffff);
      continue;
    }
    const name = getU32(names, s);
    let description = getU32(taken, name);
    if (<i32>description == layout.TAKEN_UNKNOWN) {
      const row = firstMatch(rows, rowCount, getU32(starts, name), getU32(lengths, name));
      if (row == 0) description = layout.TAKEN_ORPHAN;
      else if (word(row, layout.PATTERN_ALWAYS) == 0) description = layout.TAKEN_BY_CASE;
      else description = <u32>word(row, layout.PATTERN_DESCRIPTION);
      setU32(taken, name, description);
      if (row != 0) setU32(takenPattern, name, <u32>word(row, layout.PATTERN_INDEX));
    }
    if (<i32>description < layout.TAKEN_ORPHAN) return s;
    setU32(descriptions, s, description);
    setU32(patterns, s, getU32(takenPattern, name));
  }
  return count;
}

/** Counts the live sections of each description in `counts`. */
export function countMatches(program: usize, count: u32, descriptions: usize, counts: usize): void {
  const lives = word(program, layout.SECTION_LIVE);
  for (let s: u32 = 0; s < count; s++) {
    const description = getU32(descriptions, s);
    if (<i32>description < 0 || getU8(lives, s) != elf.LIVE_LIVE) continue;
    setU32(counts, description, getU32(counts, description) + 1);
  }
}

/** Appends the live sections to the list of their description; `ends` holds where each list ends so far (addresses). */
export function collectMatches(program: usize, count: u32, descriptions: usize, ends: usize): void {
  const lives = word(program, layout.SECTION_LIVE);
  for (let s: u32 = 0; s < count; s++) {
    const description = getU32(descriptions, s);
    if (<i32>description < 0 || getU8(lives, s) != elf.LIVE_LIVE) continue;
    const end = getU32(ends, description);
    store<u32>(end, s);
    setU32(ends, description, end + 4);
  }
}

/**
 * Places orphans, sections [from, count) that no description took, with those of their name: `groups` (u32 by section
 * name) has the address of what these have become (JOINED_...), 0 for a new name. Returns `count`, or the first orphan
 * of a new name; with `ask` every orphan is left to the caller.
 */
export function placeOrphans(program: usize, from: u32, count: u32, descriptions: usize, groups: usize, ask: u32): u32 {
  const names = word(program, layout.SECTION_NAME);
  for (let s = from; s < count; s++) {
    if (<i32>getU32(descriptions, s) >= 0 || !isPlaced(program, s)) continue;
    const group = <usize>getU32(groups, getU32(names, s));
    if (group == 0 || ask != 0) return s;
    joinSection(program, s, group);
    setU32(descriptions, s, <u32>load<f64>(group + 8 * layout.JOINED_DESCRIPTION));
  }
  return count;
}

function isArray(type: u32): bool {
  return type >= elf.SHT_INIT_ARRAY && type <= elf.SHT_PREINIT_ARRAY;
}

/** Output type, flags, entry size and alignment (JOINED_...) after the inputs of a list have joined. */
export function joinSections(program: usize, list: usize, count: u32, joined: usize): void {
  for (let i: u32 = 0; i < count; i++) joinSection(program, getU32(list, i), joined);
}

/** The same after one section has joined. */
export function joinSection(program: usize, s: u32, joined: usize): void {
  const kept = elf.SHF_WRITE | elf.SHF_ALLOC | elf.SHF_EXECINSTR | elf.SHF_TLS | elf.SHF_MERGE | elf.SHF_STRINGS;
  const merging = elf.SHF_MERGE | elf.SHF_STRINGS;
  const added = getU32(word(program, layout.SECTION_FLAGS), s) & kept;
  const addedType = getU32(word(program, layout.SECTION_TYPE), s);
  const addedSize = getF64(word(program, layout.SECTION_ENTSIZE), s);
  const alignment = <f64>getU32(word(program, layout.SECTION_ALIGN), s);
  let type = <u32>load<f64>(joined + 8 * layout.JOINED_TYPE);
  let flags = <u32>load<f64>(joined + 8 * layout.JOINED_FLAGS);
  let entsize = load<f64>(joined + 8 * layout.JOINED_ENTSIZE);
  if (type == elf.SHT_NULL) {
    type = addedType;
    flags = added;
    entsize = addedSize;
  } else {
    const same = entsize == addedSize && (flags & merging) == (added & merging);
    flags |= added;
    if (!same) flags &= ~merging;
    if (entsize != addedSize) entsize = 0;
    // A section that holds bytes besides zeros holds bytes; else the more particular type gives way.
    if (type != addedType && !(isArray(type) && isArray(addedType))) {
      if (type == elf.SHT_NOBITS) type = addedType;
      else if (addedType != elf.SHT_NOBITS) type = elf.SHT_PROGBITS;
    }
  }
  if ((flags & elf.SHF_MERGE) == 0) flags &= ~elf.SHF_STRINGS;
  store<f64>(joined + 8 * layout.JOINED_TYPE, <f64>type);
  store<f64>(joined + 8 * layout.JOINED_FLAGS, <f64>flags);
  store<f64>(joined + 8 * layout.JOINED_ENTSIZE, entsize);
  if (alignment > load<f64>(joined + 8 * layout.JOINED_ALIGN)) store<f64>(joined + 8 * layout.JOINED_ALIGN, alignment);
}

/** Far beyond any address, and far from where sums of sizes would wrap round. */
const FARTHEST: i64 = 1 << 60;

/**
 * Gives the inputs of a list their offsets from `offset` on, in output section `output` at `base`; each at its own
 * alignment or at `forced` (0: none). Returns where they end.
 */
export function placeInputs(
  program: usize,
  list: usize,
  count: u32,
  output: u32,
  forced: f64,
  base: f64,
  offset: f64,
): f64 {
  const aligns = word(program, layout.SECTION_ALIGN);
  const sizes = word(program, layout.SECTION_SIZE);
  const outputs = word(program, layout.SECTION_OUTPUT);
  const offsets = word(program, layout.SECTION_OUTPUT_OFFSET);
  const start = <i64>base;
  const end = <i64>forced;
  let at = <i64>offset;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    const align = end != 0 ? end : <i64>getU32(aligns, s);
    at = ((start + at + align - 1) & -align) - start;
    setU32(outputs, s, output);
    setF64(offsets, s, <f64>at);
    at = min(at + <i64>getF64(sizes, s), FARTHEST);
  }
  return <f64>at;
}

/** Size of all inputs of a list together. */
export function sumSizes(program: usize, list: usize, count: u32): f64 {
  const sizes = word(program, layout.SECTION_SIZE);
  let sum: f64 = 0;
  for (let i: u32 = 0; i < count; i++) sum += getF64(sizes, getU32(list, i));
  return sum;
}

/**
 * Fills the bytes between the inputs of a list with `byte`, from offset `from` of the output section at `base` on.
 * Returns the offset where the last input ends.
 */
export function fillGaps(program: usize, list: usize, count: u32, base: usize, from: f64, byte: u32): f64 {
  const sizes = word(program, layout.SECTION_SIZE);
  const offsets = word(program, layout.SECTION_OUTPUT_OFFSET);
  let end = from;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    const start = getF64(offsets, s);
    if (start > end) memory.fill(base + <usize>end, <u8>byte, <usize>(start - end));
    end = max(end, start + getF64(sizes, s));
  }
  return end;
}

/** The first symbol from `from` on that is of `kind`, or the number of symbols. */
export function nextSymbol(program: usize, from: u32, kind: u32): u32 {
  const count = <u32>word(word(program, layout.SYMBOL_NAMES), layout.NAMES_COUNT);
  const kinds = word(program, layout.SYMBOL_KIND);
  let id = from;
  while (id < count && <u32>getU8(kinds, id) != kind) id++;
  return min(id, count);
}

/** The first symbol from `from` on that no input defines and whose name starts with `__st`, or the number of symbols. */
export function nextBoundary(program: usize, from: u32): u32 {
  const names = word(program, layout.SYMBOL_NAMES);
  const count = <u32>word(names, layout.NAMES_COUNT);
  const starts = word(names, layout.NAMES_OFFSET);
  const lengths = word(names, layout.NAMES_LENGTH);
  const kinds = word(program, layout.SYMBOL_KIND);
  for (let id = from; id < count; id++) {
    const kind = <u32>getU8(kinds, id);
    if (kind != elf.KIND_UNDEFINED && kind != elf.KIND_LAZY) continue;
    if (getU32(lengths, id) > 4 && load<u32>(getU32(starts, id)) == 0x74735f5f) return id;
  }
  return count;
}
