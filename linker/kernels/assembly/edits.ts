/**
 * Where an offset of an input section went: pieces of merged sections move, exception records are dropped, relaxed
 * code shrinks. The one place among the kernels that knows all of these; symbol-addresses.ts is its counterpart.
 */
import * as layout from '../layout';
import * as elf from './elf';
import { getF64, getU8, getU32, word } from './words';

/** Offset within the leader's contents of offset `at` of merged pieces; -1 when `at` lies outside the section. */
export function mergedOffset(pieces: usize, at: f64): f64 {
  if (at < 0 || at > <f64>(<u32>word(pieces, layout.MERGE_SIZE))) return -1;
  const starts = word(pieces, layout.MERGE_STARTS);
  const last = <u32>word(pieces, layout.MERGE_LAST);
  const offset = <u32>at;
  let piece = getU32(word(pieces, layout.MERGE_INDEX), offset >> layout.MERGE_SHIFT);
  while (piece + 1 < last && getU32(starts, piece + 1) <= offset) piece++;
  return <f64>getU32(word(pieces, layout.MERGE_OUTPUTS), piece) + <f64>(offset - getU32(starts, piece));
}

/** Index of the exception record that holds input offset `at`, or -1. */
export function recordAt(frames: usize, at: f64): i32 {
  const offsets = word(frames, layout.FRAME_INPUT_OFFSET);
  const sizes = word(frames, layout.FRAME_SIZE);
  let low: i32 = 0;
  let high = <i32>word(frames, layout.FRAME_COUNT) - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const from = <f64>getU32(offsets, middle);
    if (at < from) high = middle - 1;
    else if (at >= from + <f64>getU32(sizes, middle)) low = middle + 1;
    else return middle;
  }
  return -1;
}

/** Offset after compaction of input offset `at`; a dropped record maps to where it would have stood. */
function frameOffset(frames: usize, at: f64): f64 {
  const outputs = word(frames, layout.FRAME_OUTPUT_OFFSET);
  const count = <i32>word(frames, layout.FRAME_COUNT);
  if (at == 0 || count == 0) return 0;
  const found = recordAt(frames, at);
  const record = found < 0 ? count - 1 : found;
  const out = getU32(outputs, record);
  if (<i32>out == layout.FRAME_DROPPED) return <f64>getU32(word(frames, layout.FRAME_CIE), record);
  if (found < 0) return <f64>(out + getU32(word(frames, layout.FRAME_SIZE), record));
  return <f64>out + (at - <f64>getU32(word(frames, layout.FRAME_INPUT_OFFSET), record));
}

/** Where the last look-up of a removal ended: labels come in order, so the next is mostly a few entries behind it. */
let lastTable: usize = 0;
let lastFound: u32 = 0;
const NEAR: u32 = 8;

/** How many removals start at `offset` or before it. */
function removalsUpTo(table: usize, offset: f64): u32 {
  const at = word(table, layout.SHRINK_AT);
  let low: u32 = 0;
  let high = <u32>word(table, layout.SHRINK_COUNT);
  if (table == lastTable && lastFound > 0) {
    if (<f64>getU32(at, lastFound - 1) <= offset) {
      low = lastFound;
      const near = min(high, low + NEAR);
      while (low < near && <f64>getU32(at, low) <= offset) low++;
      if (low < near) high = low;
    } else {
      high = lastFound - 1;
    }
  }
  while (low < high) {
    const middle = (low + high) >> 1;
    if (<f64>getU32(at, middle) <= offset) low = middle + 1;
    else high = middle;
  }
  lastTable = table;
  lastFound = low;
  return low;
}

/** Offset after removal of input offset `offset`. A removed byte maps to where the bytes after it start. */
export function shrunkOffset(table: usize, offset: f64): f64 {
  const found = removalsUpTo(table, offset);
  if (found == 0) return offset;
  const removed = word(table, layout.SHRINK_REMOVED);
  const before: u32 = found > 1 ? getU32(removed, found - 2) : 0;
  const here = <f64>(getU32(removed, found - 1) - before);
  const inside = min(offset - <f64>getU32(word(table, layout.SHRINK_AT), found - 1), here);
  return offset - <f64>before - inside;
}

/** Address of `offset` bytes into input section `s`. */
export function sectionOffsetAddress(program: usize, s: u32, offset: f64): f64 {
  const addresses = word(program, layout.SECTION_ADDRESS);
  const edit = <usize>getU32(word(program, layout.SECTION_EDIT), s);
  if (edit == 0) return getF64(addresses, s) + offset;
  const role = <u32>getU8(word(program, layout.SECTION_ROLE), s);
  if (role == elf.ROLE_MERGE) {
    const at = mergedOffset(edit, offset);
    return getF64(addresses, <u32>word(edit, layout.MERGE_LEADER)) + (at < 0 ? offset : at);
  }
  if (role == elf.ROLE_EH_FRAME) return getF64(addresses, s) + frameOffset(edit, offset);
  return getF64(addresses, s) + shrunkOffset(edit, offset);
}
