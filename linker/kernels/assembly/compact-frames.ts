/**
 * Which exception records are kept, and where they go: those of functions that are in the link, and each distinct CIE
 * that one of them needs.
 */
import * as layout from '../layout';
import { localSection, objectRow } from './addresses';
import { equal, hashSpan, MOST_STEPS, mix } from './bytes';
import * as elf from './elf';
import { getU8, getU32, setF64, setU32, setWord, word } from './words';

const NONE: u32 = 0xffffffff;
/** Size of a terminator; every other record is larger. */
const TERMINATOR: u32 = 4;

/** The section that an FDE describes (its first relocation's target), NONE without one, NONE - 1 when it is malformed. */
function describedSection(program: usize, s: u32, row: usize, i: u32): u32 {
  const first = word(row, layout.FRAME_FIRST_RELOC);
  const r = getU32(first, i);
  if (r >= getU32(first, i + 1)) return NONE;
  const reloc = <usize>getU32(word(program, layout.SECTION_RELOCS), s) + r * elf.RELA_SIZE;
  // pc_begin is the field at offset 8 of an FDE.
  if (load<u32>(reloc) != getU32(word(row, layout.FRAME_INPUT_OFFSET), i) + 8) return NONE;
  const symbol = load<u32>(reloc + 12);
  const object = objectRow(program, getU32(word(program, layout.SECTION_OBJECT), s));
  if (symbol >= <u32>word(object, layout.OBJECT_SYMBOL_COUNT)) return NONE - 1;
  const firstGlobal = <u32>word(object, layout.OBJECT_FIRST_GLOBAL);
  if (symbol >= firstGlobal) {
    const ref = <u32>word(object, layout.OBJECT_FIRST_GLOBAL_REF) + symbol - firstGlobal;
    return getU32(word(program, layout.SYMBOL_SECTION), getU32(word(program, layout.GLOBAL_REFS), ref));
  }
  const at = word(object, layout.OBJECT_SYMTAB) + symbol * elf.SYM_SIZE;
  const firstSection = <u32>word(object, layout.OBJECT_FIRST_SECTION);
  return localSection(at, symbol, firstSection, word(object, layout.OBJECT_EXTENDED));
}

/** What relocation `at` of section `s` refers to: a global symbol, or a local one of the section's object. */
function targetOf(program: usize, s: u32, at: usize): u64 {
  const symbol = load<u32>(at + 12);
  const object = getU32(word(program, layout.SECTION_OBJECT), s);
  const row = objectRow(program, object);
  const firstGlobal = <u32>word(row, layout.OBJECT_FIRST_GLOBAL);
  if (symbol < firstGlobal || symbol >= <u32>word(row, layout.OBJECT_SYMBOL_COUNT))
    return ((<u64>(object + 1)) << 32) | symbol;
  const ref = <u32>word(row, layout.OBJECT_FIRST_GLOBAL_REF) + symbol - firstGlobal;
  return getU32(word(program, layout.GLOBAL_REFS), ref);
}

function hashCie(program: usize, s: u32, i: u32): u32 {
  const row = <usize>getU32(word(program, layout.SECTION_EDIT), s);
  const from = getU32(word(row, layout.FRAME_INPUT_OFFSET), i);
  const start = <usize>getU32(word(program, layout.SECTION_OFFSET), s) + from;
  let hash: u64 = hashSpan(start, getU32(word(row, layout.FRAME_SIZE), i));
  const first = word(row, layout.FRAME_FIRST_RELOC);
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  for (let r = getU32(first, i); r < getU32(first, i + 1); r++) {
    const at = relocs + r * elf.RELA_SIZE;
    hash = mix(hash, ((<u64>(load<u32>(at) - from)) << 32) | load<u32>(at + 8));
    hash = mix(hash, targetOf(program, s, at));
    hash = mix(hash, load<u64>(at + 16));
  }
  return <u32>hash;
}

/** Whether two CIEs are equal: their bytes and what their relocations mean. */
function isSameCie(program: usize, s: u32, i: u32, otherSection: u32, otherRecord: u32): bool {
  const edits = word(program, layout.SECTION_EDIT);
  const row = <usize>getU32(edits, s);
  const other = <usize>getU32(edits, otherSection);
  const size = getU32(word(row, layout.FRAME_SIZE), i);
  if (size != getU32(word(other, layout.FRAME_SIZE), otherRecord)) return false;
  const from = getU32(word(row, layout.FRAME_INPUT_OFFSET), i);
  const otherFrom = getU32(word(other, layout.FRAME_INPUT_OFFSET), otherRecord);
  const offsets = word(program, layout.SECTION_OFFSET);
  if (!equal(<usize>getU32(offsets, s) + from, <usize>getU32(offsets, otherSection) + otherFrom, size)) return false;
  const first = getU32(word(row, layout.FRAME_FIRST_RELOC), i);
  const count = getU32(word(row, layout.FRAME_FIRST_RELOC), i + 1) - first;
  const otherFirst = getU32(word(other, layout.FRAME_FIRST_RELOC), otherRecord);
  if (count != getU32(word(other, layout.FRAME_FIRST_RELOC), otherRecord + 1) - otherFirst) return false;
  const relocs = word(program, layout.SECTION_RELOCS);
  let a = <usize>getU32(relocs, s) + first * elf.RELA_SIZE;
  let b = <usize>getU32(relocs, otherSection) + otherFirst * elf.RELA_SIZE;
  for (let r: u32 = 0; r < count; r++, a += elf.RELA_SIZE, b += elf.RELA_SIZE) {
    if (load<u32>(a) - from != load<u32>(b) - otherFrom || load<u32>(a + 8) != load<u32>(b + 8)) return false;
    if (load<u64>(a + 16) != load<u64>(b + 16)) return false;
    if (targetOf(program, s, a) != targetOf(program, otherSection, b)) return false;
  }
  return true;
}

// Block of the CIEs that are kept: columns by CIE in a scratch block, and a table from contents to CIE + 1.
const KEPT_COUNT = 0;
const KEPT_SECTION = 1;
const KEPT_RECORD = 2;
const KEPT_HASH = 3;
const KEPT_SLOTS = 4;
const KEPT_MASK = 5;
const KEPT_BLOCK = 8;
const FEWEST_SLOTS: u32 = 64;

function growKept(kept: usize): void {
  const slots = word(kept, KEPT_SLOTS);
  const mask = <u32>word(kept, KEPT_MASK);
  const hashes = word(kept, KEPT_HASH);
  const count = <u32>word(kept, KEPT_COUNT);
  memory.fill(slots, 0, (<usize>mask + 1) << 2);
  const next = mask * 2 + 1;
  for (let k: u32 = 0; k < count; k++) {
    let at = getU32(hashes, k) & next;
    while (getU32(slots, at) != 0) at = (at + 1) & next;
    setU32(slots, at, k + 1);
  }
  setWord(kept, KEPT_MASK, next);
}

/** Number of the kept CIE that equals record `i` of section `s`, which is kept when there was none (NONE). */
function keepCie(program: usize, kept: usize, s: u32, i: u32): u32 {
  const slots = word(kept, KEPT_SLOTS);
  const mask = <u32>word(kept, KEPT_MASK);
  const sections = word(kept, KEPT_SECTION);
  const records = word(kept, KEPT_RECORD);
  const hashes = word(kept, KEPT_HASH);
  const hash = hashCie(program, s, i);
  let slot = hash & mask;
  let step: u32 = 0;
  for (let k = getU32(slots, slot); k != 0; k = getU32(slots, slot)) {
    const known = k - 1;
    if (getU32(hashes, known) == hash && isSameCie(program, s, i, getU32(sections, known), getU32(records, known))) {
      return known;
    }
    slot = (slot + 1) & mask;
    // Of thousands that were made to collide each is kept for itself.
    if (++step == MOST_STEPS) return NONE;
  }
  const count = <u32>word(kept, KEPT_COUNT);
  setU32(sections, count, s);
  setU32(records, count, i);
  setU32(hashes, count, hash);
  setU32(slots, slot, count + 1);
  setWord(kept, KEPT_COUNT, count + 1);
  if (count + 1 > mask >> 1) growKept(kept);
  return NONE;
}

/** Bytes of scratch for compactFrames, of sections that have so many records. */
export function compactScratch(records: f64): f64 {
  return <f64>(KEPT_BLOCK * 4) + <f64>(FEWEST_SLOTS * 4) + records * 28;
}

/**
 * Compacts the described sections in their output order: sets the records' output offsets and the sections' sizes.
 * Sections that end up empty stay, with size 0. `scratch` is zero before and after. Returns `count`, or the index of
 * the first section that is malformed. Result (f64): how many FDEs are kept.
 */
export function compactFrames(program: usize, list: usize, count: u32, scratch: usize, records: u32): u32 {
  const edits = word(program, layout.SECTION_EDIT);
  const lives = word(program, layout.SECTION_LIVE);
  const column = (<usize>records) << 2;
  setWord(scratch, KEPT_SECTION, <u32>(scratch + KEPT_BLOCK * 4));
  setWord(scratch, KEPT_RECORD, <u32>(scratch + KEPT_BLOCK * 4 + column));
  setWord(scratch, KEPT_HASH, <u32>(scratch + KEPT_BLOCK * 4 + column * 2));
  setWord(scratch, KEPT_SLOTS, <u32>(scratch + KEPT_BLOCK * 4 + column * 3));
  setWord(scratch, KEPT_MASK, FEWEST_SLOTS - 1);
  let lastWithRecords: u32 = NONE;
  for (let i: u32 = 0; i < count; i++) {
    if (word(<usize>getU32(edits, getU32(list, i)), layout.FRAME_COUNT) != 0) lastWithRecords = i;
  }
  let fdes: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    const row = <usize>getU32(edits, s);
    const n = <u32>word(row, layout.FRAME_COUNT);
    const cies = word(row, layout.FRAME_CIE);
    const outputs = word(row, layout.FRAME_OUTPUT_OFFSET);
    // First whether a record is needed, then where it goes.
    memory.fill(outputs, 0, (<usize>n) << 2);
    for (let k: u32 = 0; k < n; k++) {
      const cie = getU32(cies, k);
      if (cie == NONE) continue;
      const described = describedSection(program, s, row, k);
      if (described == NONE - 1) return i;
      if (described == NONE || <u32>getU8(lives, described) != elf.LIVE_LIVE) continue;
      setU32(outputs, k, 1);
      setU32(outputs, cie, 1);
    }
    fdes += compactSection(program, scratch, s, row, i == lastWithRecords);
    // No padding may stand between records, for it would read as a terminator.
    if (i > 0) setU32(word(program, layout.SECTION_ALIGN), s, 1);
  }
  const kept = (<usize>(<u32>word(scratch, KEPT_COUNT))) << 2;
  memory.fill(word(scratch, KEPT_SECTION), 0, kept);
  memory.fill(word(scratch, KEPT_RECORD), 0, kept);
  memory.fill(word(scratch, KEPT_HASH), 0, kept);
  memory.fill(word(scratch, KEPT_SLOTS), 0, (<usize>word(scratch, KEPT_MASK) + 1) << 2);
  memory.fill(scratch, 0, KEPT_BLOCK * 4);
  setF64(program + layout.RESULT * 4, 0, <f64>fdes);
  return count;
}

/** Places a section's records; `isLast`: its last one may be the terminator. Returns how many FDEs are kept. */
function compactSection(program: usize, kept: usize, s: u32, row: usize, isLast: bool): u32 {
  const n = <u32>word(row, layout.FRAME_COUNT);
  const cies = word(row, layout.FRAME_CIE);
  const sizes = word(row, layout.FRAME_SIZE);
  const outputs = word(row, layout.FRAME_OUTPUT_OFFSET);
  let out: u32 = 0;
  let fdes: u32 = 0;
  for (let k: u32 = 0; k < n; k++) {
    const size = getU32(sizes, k);
    let keeps: bool = getU32(outputs, k) != 0;
    if (size == TERMINATOR) {
      keeps = isLast && k == n - 1;
    } else if (keeps && getU32(cies, k) == NONE) {
      const same = keepCie(program, kept, s, k);
      if (same != NONE) {
        setU32(word(row, layout.FRAME_SAME_SECTION), k, getU32(word(kept, KEPT_SECTION), same));
        setU32(word(row, layout.FRAME_SAME_RECORD), k, getU32(word(kept, KEPT_RECORD), same));
        keeps = false;
      }
    } else if (keeps) {
      fdes++;
    }
    setU32(outputs, k, keeps ? out : <u32>layout.FRAME_DROPPED);
    if (keeps) out += size;
    else setU32(cies, k, out);
  }
  setF64(word(program, layout.SECTION_SIZE), s, <f64>out);
  return fdes;
}
