/**
 * Exception records: splits sections into records and copies those that are kept; compact-frames.ts decides which.
 * eh-frame.ts makes the room, and says what is wrong when a kernel stops.
 */
import * as layout from '../layout';
import * as elf from './elf';
import { getF64, getU32, lowWord, setF64, setU32, setWord, word } from './words';

const NONE: u32 = 0xffffffff;
/** Size of a terminator; every other record is larger. */
const TERMINATOR: u32 = 4;

function bytesOf(program: usize, s: u32): u32 {
  return getU32(word(program, layout.SECTION_TYPE), s) == elf.SHT_NOBITS
    ? 0
    : <u32>getF64(word(program, layout.SECTION_INPUT_SIZE), s);
}

/** Size of the record at `at` with `room` bytes to the end of its section; 0 when there is none. */
function recordSize(at: usize, room: u32): u32 {
  if (room < 4) return 0;
  const length = load<u32>(at);
  if (length == 0) return TERMINATOR;
  return length < 4 || length > room - 4 ? 0 : length + 4;
}

/**
 * Counts the records of those of `count` sections in `list` that have no description yet, in rows from `rows` on, one
 * for each. Returns `count`, or the index of the first section that is malformed. Results (f64): how many records
 * they have; of all in the list, how many records, and how many relocations the one with most.
 */
export function countFrames(program: usize, list: usize, count: u32, rows: usize): u32 {
  const edits = word(program, layout.SECTION_EDIT);
  const offsets = word(program, layout.SECTION_OFFSET);
  const relocCounts = word(program, layout.SECTION_RELOC_COUNT);
  let total: u64 = 0;
  let known: u64 = 0;
  let most: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    most = max(most, getU32(relocCounts, s));
    const edit = <usize>getU32(edits, s);
    if (edit != 0) {
      known += <u64>word(edit, layout.FRAME_COUNT);
      continue;
    }
    const start = <usize>getU32(offsets, s);
    const size = bytesOf(program, s);
    let records: u32 = 0;
    for (let at: u32 = 0; at < size; records++) {
      const record = recordSize(start + at, size - at);
      if (record == 0) return i;
      at += record;
    }
    setWord(rows + <usize>(i * layout.FRAME_WORDS * 4), layout.FRAME_COUNT, records);
    total += records;
  }
  setF64(program + layout.RESULT * 4, 0, <f64>total);
  setF64(program + layout.RESULT * 4, 1, <f64>(total + known));
  setF64(program + layout.RESULT * 4, 2, <f64>most);
  return count;
}

/**
 * Describes the sections that countFrames counted, in columns from `columns` on: 28 bytes for each record and 4 for each
 * section. All records keep their place for now. Returns `count`, or the index of the first section that is malformed.
 */
export function splitFrames(program: usize, list: usize, count: u32, rows: usize, columns: usize): u32 {
  const edits = word(program, layout.SECTION_EDIT);
  for (let i: u32 = 0; i < count; i++) {
    const s = getU32(list, i);
    if (getU32(edits, s) != 0) continue;
    const row = rows + <usize>(i * layout.FRAME_WORDS * 4);
    const records = <u32>word(row, layout.FRAME_COUNT);
    const width = records << 2;
    for (let column = layout.FRAME_INPUT_OFFSET; column <= layout.FRAME_SAME_RECORD; column++) {
      setWord(row, column, <u32>columns);
      columns += column == layout.FRAME_FIRST_RELOC ? width + 4 : width;
    }
    memory.fill(word(row, layout.FRAME_SAME_SECTION), 0xff, width);
    memory.fill(word(row, layout.FRAME_SAME_RECORD), 0xff, width);
    if (!splitRecords(row, records, <usize>getU32(word(program, layout.SECTION_OFFSET), s))) return i;
    if (!assignRelocations(program, s, row, records)) return i;
    setU32(edits, s, <u32>row);
  }
  return count;
}

/** Fills offsets, sizes and CIEs. An FDE says how far before its second word its CIE is. */
function splitRecords(row: usize, records: u32, start: usize): bool {
  const offsets = word(row, layout.FRAME_INPUT_OFFSET);
  const outputs = word(row, layout.FRAME_OUTPUT_OFFSET);
  const sizes = word(row, layout.FRAME_SIZE);
  const cies = word(row, layout.FRAME_CIE);
  let at: u32 = 0;
  let last: u32 = NONE;
  for (let i: u32 = 0; i < records; i++) {
    const length = load<u32>(start + at);
    let cie: u32 = NONE;
    if (length != 0) {
      const back = load<u32>(start + at + 4);
      if (back == 0) {
        last = i;
      } else {
        if (back > at + 4) return false;
        const to = at + 4 - back;
        // Nearly always the CIE seen last.
        if (last == NONE || getU32(offsets, last) != to) last = cieAt(row, i, to);
        if (last == NONE) return false;
        cie = last;
      }
    }
    setU32(offsets, i, at);
    setU32(outputs, i, at);
    setU32(sizes, i, length + 4);
    setU32(cies, i, cie);
    at += length + 4;
  }
  return true;
}

/** The CIE at offset `to` among the first `count` records. */
function cieAt(row: usize, count: u32, to: u32): u32 {
  const offsets = word(row, layout.FRAME_INPUT_OFFSET);
  let low: u32 = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (getU32(offsets, middle) < to) low = middle + 1;
    else high = middle;
  }
  if (low == count || getU32(offsets, low) != to || getU32(word(row, layout.FRAME_SIZE), low) == TERMINATOR)
    return NONE;
  return getU32(word(row, layout.FRAME_CIE), low) == NONE ? low : NONE;
}

/** Finds each record's first relocation; they must be in order of offset, as assemblers emit them. */
function assignRelocations(program: usize, s: u32, row: usize, records: u32): bool {
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  const count = getU32(word(program, layout.SECTION_RELOC_COUNT), s);
  const offsets = word(row, layout.FRAME_INPUT_OFFSET);
  const sizes = word(row, layout.FRAME_SIZE);
  const first = word(row, layout.FRAME_FIRST_RELOC);
  let r: u32 = 0;
  let previous: u32 = 0;
  for (let i: u32 = 0; i < records; i++) {
    setU32(first, i, r);
    const end = getU32(offsets, i) + getU32(sizes, i);
    for (; r < count; r++) {
      const offset = load<u32>(relocs + r * elf.RELA_SIZE);
      if (offset < previous) return false;
      if (offset >= end) break;
      previous = offset;
    }
  }
  setU32(first, records, count);
  return r == count;
}

/** Address of the CIE that stands in the output for CIE `cie` of section `s`. */
function cieAddress(program: usize, s: u32, row: usize, cie: u32): f64 {
  const other = getU32(word(row, layout.FRAME_SAME_SECTION), cie);
  if (other != NONE) {
    cie = getU32(word(row, layout.FRAME_SAME_RECORD), cie);
    s = other;
    row = <usize>getU32(word(program, layout.SECTION_EDIT), s);
  }
  return getF64(word(program, layout.SECTION_ADDRESS), s) + <f64>getU32(word(row, layout.FRAME_OUTPUT_OFFSET), cie);
}

/**
 * Copies the records of section `s` that are kept to `to` and repairs their CIE pointers; `places` (i32 by relocation)
 * gets where each relocation now stands, -1 when it is dropped.
 */
export function copyFrames(program: usize, s: u32, to: usize, places: usize): void {
  const row = <usize>getU32(word(program, layout.SECTION_EDIT), s);
  const records = <u32>word(row, layout.FRAME_COUNT);
  const start = <usize>getU32(word(program, layout.SECTION_OFFSET), s);
  const relocs = <usize>getU32(word(program, layout.SECTION_RELOCS), s);
  const address = getF64(word(program, layout.SECTION_ADDRESS), s);
  const offsets = word(row, layout.FRAME_INPUT_OFFSET);
  const sizes = word(row, layout.FRAME_SIZE);
  const outputs = word(row, layout.FRAME_OUTPUT_OFFSET);
  const cies = word(row, layout.FRAME_CIE);
  const first = word(row, layout.FRAME_FIRST_RELOC);
  for (let i: u32 = 0; i < records; i++) {
    const out = getU32(outputs, i);
    const from = getU32(offsets, i);
    const last = getU32(first, i + 1);
    if (out == <u32>layout.FRAME_DROPPED) {
      for (let r = getU32(first, i); r < last; r++) setU32(places, r, NONE);
      continue;
    }
    memory.copy(to + out, start + from, getU32(sizes, i));
    const cie = getU32(cies, i);
    if (cie != NONE) {
      store<u32>(to + out + 4, lowWord(address + <f64>out + 4 - cieAddress(program, s, row, cie)));
    }
    for (let r = getU32(first, i); r < last; r++) {
      setU32(places, r, load<u32>(relocs + r * elf.RELA_SIZE) - from + out);
    }
  }
}
