/**
 * What RISC-V relaxation may shrink, found once: the candidates of all sections and what they refer to. See relax.ts.
 */
import * as layout from '../layout';
import * as R from '../riscv64-numbers';
import { localSection, objectRow } from './addresses';
import * as elf from './elf';
import { getF64, getU8, getU32, setF64, setU8, setU32, setWord, word } from './words';

// The program and its block of relaxation.
let program: usize = 0;
let block: usize = 0;

function start(inProgram: usize): void {
  program = inProgram;
  block = word(program, layout.RELAXATION);
}

/** Whether a section is live code with relocations. */
function isRelocatedCode(s: u32): bool {
  if (getU32(word(program, layout.SECTION_RELOC_COUNT), s) == 0) return false;
  if ((getU32(word(program, layout.SECTION_FLAGS), s) & elf.SHF_EXECINSTR) == 0) return false;
  if (<u32>getU8(word(program, layout.SECTION_ROLE), s) != elf.ROLE_REGULAR) return false;
  return <u32>getU8(word(program, layout.SECTION_LIVE), s) == elf.LIVE_LIVE;
}

function isRelaxable(type: u32): bool {
  switch (type) {
    case R.CALL:
    case R.CALL_PLT:
    case R.HI20:
    case R.LO12_I:
    case R.LO12_S:
    case R.TPREL_HI20:
    case R.TPREL_ADD:
    case R.TPREL_LO12_I:
    case R.TPREL_LO12_S:
      return true;
    default:
      return false;
  }
}

/** Whether the relocation at `at`, before `end`, may remove bytes: it aligns, or is marked by a RELAX behind it. */
function isMarked(at: usize, end: usize, relax: u32): bool {
  const type = load<u32>(at + 8);
  if (type == R.ALIGN) return true;
  const next = at + elf.RELA_SIZE;
  if (relax == 0 || next >= end || load<u32>(next + 8) != R.RELAX || load<u32>(at + 4) != 0) return false;
  return load<u64>(next) == load<u64>(at) && isRelaxable(type);
}

/** End of the bytes in which the candidate at `at` may remove some. A pass checks the padding of an ALIGN. */
export function endOf(at: usize): u64 {
  const offset = load<u64>(at);
  switch (load<u32>(at + 8)) {
    case R.ALIGN:
      return offset + max<i64>(load<i64>(at + 16), 0);
    case R.CALL:
    case R.CALL_PLT:
      return offset + 8;
    default:
      return offset + 4;
  }
}

/**
 * Whether the relocation at `at` is a candidate, when the one before it ends at `taken`. Candidates are apart from each
 * other, but for an ALIGN, at which a pass then stops.
 */
function isCandidate(at: usize, end: usize, relax: u32, taken: u64): bool {
  return isMarked(at, end, relax) && (load<u64>(at) >= taken || load<u32>(at + 8) == R.ALIGN);
}

/**
 * Counts in RESULT how many of sections [0, count) may shrink, their candidates, and the most relocations one of them
 * has. Returns `count`, or a section whose relocations are not in order of offset; RESULT then is the wrong one's index.
 */
export function countRelaxable(inProgram: usize, count: u32, relax: u32): u32 {
  start(inProgram);
  let rows: u32 = 0;
  let candidates: u32 = 0;
  let most: u32 = 0;
  for (let s: u32 = 0; s < count; s++) {
    if (!isRelocatedCode(s)) continue;
    const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
    const relocCount = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
    const end = relocs + relocCount * elf.RELA_SIZE;
    const before = candidates;
    let previous: u64 = 0;
    let taken: u64 = 0;
    for (let at = relocs; at < end; at += elf.RELA_SIZE) {
      const offset = load<u64>(at);
      if (offset < previous) {
        setWord(program, layout.RESULT, <u32>(at - relocs) / elf.RELA_SIZE);
        return s;
      }
      previous = offset;
      if (!isCandidate(at, end, relax, taken)) continue;
      taken = endOf(at);
      candidates++;
    }
    if (candidates == before) continue;
    rows++;
    most = max(most, relocCount);
  }
  setWord(program, layout.RESULT, rows);
  setWord(program, layout.RESULT + 1, candidates);
  setWord(program, layout.RESULT + 2, most);
  return count;
}

/** Fills the table of relaxation, for which the caller has made as much room as countRelaxable said. */
export function collectRelaxable(inProgram: usize, count: u32, relax: u32): void {
  start(inProgram);
  const firsts = word(block, layout.RELAX_FIRST);
  let row: u32 = 0;
  let c: u32 = 0;
  for (let s: u32 = 0; s < count; s++) {
    if (!isRelocatedCode(s)) continue;
    const first = c;
    c = collectSection(s, first, relax);
    if (c == first) continue;
    setU32(word(block, layout.RELAX_SECTION), row, s);
    setU32(firsts, row, first);
    const table = word(block, layout.RELAX_TABLES) + <usize>(row * layout.SHRINK_WORDS * 4);
    setWord(table, layout.SHRINK_COUNT, c - first);
    setWord(table, layout.SHRINK_AT, <u32>word(block, layout.RELAX_AT) + (first << 2));
    setWord(table, layout.SHRINK_REMOVED, <u32>word(block, layout.RELAX_REMOVED) + (first << 2));
    setWord(table, layout.SHRINK_ROW, row);
    setU32(word(program, layout.SECTION_EDIT), s, <u32>table);
    row++;
  }
  setU32(firsts, row, c);
  for (let i: u32 = 0; i < c; i++) setU32(word(block, layout.RELAX_HINT), i, findHint(i));
}

/** Adds the candidates of a section from `first` on; returns how many there are then. */
function collectSection(s: u32, first: u32, relax: u32): u32 {
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  const end = relocs + getU32(word(program, layout.SECTION_RELOC_COUNT), s) * elf.RELA_SIZE;
  const object = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  const indices = word(block, layout.RELAX_RELOC);
  const offsets = word(block, layout.RELAX_OFFSET);
  const starts = word(block, layout.RELAX_AT);
  const kinds = word(block, layout.RELAX_KIND);
  const types = word(block, layout.RELAX_TYPE);
  let c = first;
  let taken: u64 = 0;
  for (let at = relocs; at < end; at += elf.RELA_SIZE) {
    if (!isCandidate(at, end, relax, taken)) continue;
    const offset = load<u32>(at);
    setU32(indices, c, <u32>(at - relocs) / elf.RELA_SIZE);
    setU32(offsets, c, offset);
    setU32(starts, c, offset);
    setU8(kinds, c, load<u32>(at + 8));
    setU8(types, c, R.KEEP);
    findTarget(object, at, c);
    taken = endOf(at);
    c++;
  }
  return c;
}

/** The candidate before the offset that candidate `c` refers to: see RELAX_HINT. It stays while the offset moves. */
function findHint(c: u32): u32 {
  const offsets = word(block, layout.RELAX_OFFSET);
  const place = <i32>getU32(word(block, layout.RELAX_PLACE), c);
  const edit: usize = place < 0 ? 0 : getU32(word(program, layout.SECTION_EDIT), place);
  if (edit == 0) return 0;
  if (<u32>getU8(word(program, layout.SECTION_ROLE), place) != elf.ROLE_REGULAR) return layout.HINT_NONE;
  const value = getF64(word(block, layout.RELAX_VALUE), c);
  const row = <u32>word(edit, layout.SHRINK_ROW);
  const first = getU32(word(block, layout.RELAX_FIRST), row);
  let low = first;
  let high = getU32(word(block, layout.RELAX_FIRST), row + 1);
  while (low < high) {
    const middle = (low + high) >> 1;
    if (<f64>getU32(offsets, middle) < value) low = middle + 1;
    else high = middle;
  }
  return low == first ? 0 : low;
}

function setTarget(c: u32, place: i32, value: f64, addend: f64): void {
  setU32(word(block, layout.RELAX_PLACE), c, place);
  setF64(word(block, layout.RELAX_VALUE), c, value);
  setF64(word(block, layout.RELAX_ADDEND), c, addend);
}

/** Finds once what the symbol and addend of candidate `c`'s relocation mean, so that passes need not. */
function findTarget(object: usize, at: usize, c: u32): void {
  const sym = load<u32>(at + 12);
  const addend = <f64>load<i64>(at + 16);
  const firstGlobal = <u32>word(object, layout.OBJECT_FIRST_GLOBAL);
  setTarget(c, layout.TARGET_NONE, 0, 0);
  if (sym == 0 || sym >= <u32>word(object, layout.OBJECT_SYMBOL_COUNT)) return;
  if (sym < firstGlobal) {
    const symbol = word(object, layout.OBJECT_SYMTAB) + sym * elf.SYM_SIZE;
    const value = <f64>load<i64>(symbol + 8);
    if (<u32>load<u16>(symbol + 6) == elf.SHN_ABS) {
      setTarget(c, layout.TARGET_ABSOLUTE, value, addend);
      return;
    }
    const s = localSection(
      symbol,
      sym,
      <u32>word(object, layout.OBJECT_FIRST_SECTION),
      word(object, layout.OBJECT_EXTENDED),
    );
    const type = <u32>load<u8>(symbol + 4) & 15;
    if (s < 0 || <u32>getU8(word(program, layout.SECTION_LIVE), s) != elf.LIVE_LIVE || type == elf.STT_GNU_IFUNC)
      return;
    // A section's own symbol has no place but by its addend.
    if (type == elf.STT_SECTION) setTarget(c, s, value + addend, 0);
    else setTarget(c, s, value, addend);
    return;
  }
  const refs = word(program, layout.GLOBAL_REFS) + (word(object, layout.OBJECT_FIRST_GLOBAL_REF) << 2);
  const id = getU32(refs, sym - firstGlobal);
  const kind = <u32>getU8(word(program, layout.SYMBOL_KIND), id);
  const value = getF64(word(program, layout.SYMBOL_VALUE), id);
  if (kind == elf.KIND_DEFINED) {
    const s = getU32(word(program, layout.SYMBOL_SECTION), id);
    if (<u32>getU8(word(program, layout.SECTION_LIVE), s) != elf.LIVE_LIVE) return;
    if (<u32>getU8(word(program, layout.SYMBOL_TYPE), id) == elf.STT_GNU_IFUNC) return;
    setTarget(c, s, value, addend);
  } else if (kind == elf.KIND_ABSOLUTE) {
    setTarget(c, layout.TARGET_ABSOLUTE, value, addend);
  } else if (kind == elf.KIND_LINKER) {
    setTarget(c, layout.TARGET_LINKER - id, 0, addend);
  }
}
