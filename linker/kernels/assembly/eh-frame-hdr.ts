/**
 * The table of .eh_frame_hdr: where each kept FDE's function starts, sorted.
 */
import * as layout from '../layout';
import { getF64, getU32, lowWord, setF64, setWord, word } from './words';

const NONE: u32 = 0xffffffff;
/** An entry while it is sorted: f64 start of the function, f64 address of the record. */
const ENTRY: usize = 16;

/**
 * Reads the starts of functions from the relocated records in the file, going on from where the block says. Returns
 * HEADER_DONE, HEADER_WRONG for a record that cannot be read, or HEADER_NEEDS_ENCODING where the caller has to find out
 * how the record's CIE says that addresses are stored (kept in the common CIE's FRAME_SAME_RECORD).
 */
export function readFrameHeader(program: usize, block: usize): u32 {
  const list = word(block, layout.HEADER_LIST);
  const count = <u32>word(block, layout.HEADER_COUNT);
  const edits = word(program, layout.SECTION_EDIT);
  const start = block + layout.HEADER_START * 4;
  let entries = <u32>word(block, layout.HEADER_ENTRIES);
  let i = <u32>word(block, layout.HEADER_RECORD);
  for (let position = <u32>word(block, layout.HEADER_POSITION); position < count; position++, i = 0) {
    const s = getU32(list, position);
    const file = placeOf(program, s);
    if (file == NONE) continue;
    const row = <usize>getU32(edits, s);
    const records = <u32>word(row, layout.FRAME_COUNT);
    const address = getF64(word(program, layout.SECTION_ADDRESS), s);
    const cies = word(row, layout.FRAME_CIE);
    const outputs = word(row, layout.FRAME_OUTPUT_OFFSET);
    const sizes = word(row, layout.FRAME_SIZE);
    setF64(start, 0, min(getF64(start, 0), address));
    for (; i < records; i++) {
      const cie = getU32(cies, i);
      const out = getU32(outputs, i);
      if (cie == NONE || out == <u32>layout.FRAME_DROPPED) continue;
      const encoding = encodingOf(edits, row, cie);
      setWord(block, layout.HEADER_POSITION, position);
      setWord(block, layout.HEADER_RECORD, i);
      setWord(block, layout.HEADER_ENTRIES, entries);
      if (encoding == NONE) return layout.HEADER_NEEDS_ENCODING;
      const at = word(block, layout.HEADER_FILE) + file + out + 8;
      const kind = pointerKind(encoding, getU32(sizes, i) - 8);
      if (kind == POINTER_WRONG) return layout.HEADER_WRONG;
      const base = (encoding & 0x70) == 0x10 ? address + <f64>(out + 8) : 0;
      const entry = word(block, layout.HEADER_TABLE) + <usize>entries * ENTRY;
      setF64(entry, 0, base + readPointer(at, kind));
      setF64(entry, 1, address + <f64>out);
      entries++;
    }
  }
  setWord(block, layout.HEADER_ENTRIES, entries);
  return layout.HEADER_DONE;
}

/** Where section `s` starts in the file, or NONE. */
function placeOf(program: usize, s: u32): u32 {
  const output = getU32(word(program, layout.SECTION_OUTPUT), s);
  if (output == NONE) return NONE;
  const start = getU32(word(program, layout.OUTPUT_OFFSETS), output);
  return start == NONE ? NONE : start + <u32>getF64(word(program, layout.SECTION_OUTPUT_OFFSET), s);
}

function encodingOf(edits: usize, row: usize, cie: u32): u32 {
  const section = getU32(word(row, layout.FRAME_SAME_SECTION), cie);
  if (section == NONE) return getU32(word(row, layout.FRAME_SAME_RECORD), cie);
  const record = getU32(word(row, layout.FRAME_SAME_RECORD), cie);
  return getU32(word(<usize>getU32(edits, section), layout.FRAME_SAME_RECORD), record);
}

const POINTER_WRONG: u32 = 0;
const POINTER_WIDE: u32 = 1;
const POINTER_UNSIGNED: u32 = 2;
const POINTER_SIGNED: u32 = 3;

/** How to read an address of `encoding` (DW_EH_PE_*) with `room` bytes left in its record. */
function pointerKind(encoding: u32, room: u32): u32 {
  const format = encoding & 15;
  if (format == 0 || format == 4 || format == 12) return room < 8 ? POINTER_WRONG : POINTER_WIDE;
  if (room < 4) return POINTER_WRONG;
  return format == 3 ? POINTER_UNSIGNED : format == 11 ? POINTER_SIGNED : POINTER_WRONG;
}

function readPointer(at: usize, kind: u32): f64 {
  if (kind == POINTER_WIDE) return <f64>load<i64>(at);
  return kind == POINTER_SIGNED ? <f64>load<i32>(at) : <f64>load<u32>(at);
}

/**
 * Sorts the block's table, stably, with `spare` of the same size, and writes it to `to`: both fields less `address`,
 * 32 bits each. Leaves both zero.
 */
export function writeFrameHeader(block: usize, spare: usize, to: usize, address: f64): void {
  const count = <u32>word(block, layout.HEADER_ENTRIES);
  const table = word(block, layout.HEADER_TABLE);
  let from = table;
  let other = spare;
  for (let width: u32 = 1; width < count; width *= 2) {
    for (let low: u32 = 0; low < count; low += width * 2) {
      mergeRuns(from, other, low, min(low + width, count), min(low + width * 2, count));
    }
    const swapped = from;
    from = other;
    other = swapped;
  }
  for (let i: u32 = 0; i < count; i++) {
    const entry = from + <usize>i * ENTRY;
    store<u32>(to + ((<usize>i) << 3), lowWord(getF64(entry, 0) - address));
    store<u32>(to + ((<usize>i) << 3) + 4, lowWord(getF64(entry, 1) - address));
  }
  memory.fill(table, 0, <usize>count * ENTRY);
  memory.fill(spare, 0, <usize>count * ENTRY);
}

/** Merges the sorted runs [low, middle) and [middle, high) of `from` into `to`. */
function mergeRuns(from: usize, to: usize, low: u32, middle: u32, high: u32): void {
  let a = from + <usize>low * ENTRY;
  let b = from + <usize>middle * ENTRY;
  const aEnd = b;
  const bEnd = from + <usize>high * ENTRY;
  let out = to + <usize>low * ENTRY;
  // Sections mostly come in order already.
  if (a == aEnd || b == bEnd || load<f64>(aEnd - ENTRY) <= load<f64>(b)) {
    memory.copy(out, a, bEnd - a);
    return;
  }
  while (a < aEnd && b < bEnd) {
    if (load<f64>(a) <= load<f64>(b)) {
      store<u64>(out, load<u64>(a));
      store<u64>(out + 8, load<u64>(a + 8));
      a += ENTRY;
    } else {
      store<u64>(out, load<u64>(b));
      store<u64>(out + 8, load<u64>(b + 8));
      b += ENTRY;
    }
    out += ENTRY;
  }
  memory.copy(out, a, aEnd - a);
  memory.copy(out + (aEnd - a), b, bEnd - b);
}
