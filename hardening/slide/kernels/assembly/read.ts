/**
 * Reads the long lists of a slide section: units, fields and the units that fields name. Form: ../../codec.ts.
 */
import { getU32, setU32, setWord } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';

/** No number: what was there is damaged. */
const DAMAGED: u64 = 0xffffffffffffffff;

/** Where `take` goes on. */
let at: usize = 0;
let end: usize = 0;

/** The next number: LEB128 in its shortest form, at most 2^32 - 1; DAMAGED leaves `at` where it began. */

function take(): u64 {
  const first = at < end ? <u32>load<u8>(at) : 0x80;
  if (first < 0x80) {
    at++;
    return first;
  }
  return takeLong();
}

function takeLong(): u64 {
  let value: u64 = 0;
  let from = at;
  for (let i: u64 = 0; i < 5; i++) {
    if (from >= end) return DAMAGED;
    const byte = <u64>load<u8>(from++);
    value |= (byte & 0x7f) << (i * 7);
    if (byte >= 0x80) continue;
    if (value > 0xffffffff || (byte == 0 && i > 0)) return DAMAGED;
    at = from;
    return value;
  }
  return DAMAGED;
}

function stop(result: usize, status: u32, index: u32, value: u64): u32 {
  setWord(result, numbers.RESULT_AT, <u32>at);
  setWord(result, numbers.RESULT_INDEX, index);
  store<u64>(result + (numbers.RESULT_VALUE << 2), value);
  return status;
}

/**
 * `count` units from `from` on into the columns `offset`, `size` and `align`; `limit` is the segment's size in the file,
 * `most` its alignment. Returns one of READ_....
 */
export function readUnits(
  from: usize,
  limitOfBytes: usize,
  count: u32,
  limit: f64,
  most: f64,
  offset: usize,
  size: usize,
  align: usize,
  result: usize,
): u32 {
  at = from;
  end = limitOfBytes;
  let last: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const gap = take();
    if (gap == DAMAGED) return stop(result, numbers.READ_BAD_NUMBER, i, 0);
    const bytes = take();
    if (bytes == DAMAGED) return stop(result, numbers.READ_BAD_NUMBER, i, 0);
    const log = take();
    if (log == DAMAGED) return stop(result, numbers.READ_BAD_NUMBER, i, 0);
    if (log > 30) return stop(result, numbers.READ_BAD_ALIGN, i, log);
    const rounding = ((<u64>1) << log) - 1;
    const start = ((last + rounding) & ~rounding) + gap;
    setU32(size, i, <u32>bytes);
    setU32(align, i, <u32>rounding + 1);
    if (bytes == 0) return stop(result, numbers.READ_EMPTY_UNIT, i, start);
    if ((start & rounding) != 0) return stop(result, numbers.READ_MISALIGNED, i, start);
    if (<f64>(rounding + 1) > most) return stop(result, numbers.READ_OVERALIGNED, i, start);
    last = start + bytes;
    if (<f64>last > limit) return stop(result, numbers.READ_UNIT_OUTSIDE, i, start);
    setU32(offset, i, <u32>start);
  }
  return stop(result, numbers.READ_DONE, count, 0);
}

/**
 * `count` offsets of fields of `width` bytes, ascending, into `offsets`. `used` has a bit for each byte of the segment, of
 * `limit` bytes, that a field holds. Returns READ_DONE, READ_BAD_NUMBER or READ_OVERLAP.
 */
export function readOffsets(
  from: usize,
  limitOfBytes: usize,
  count: u32,
  width: u32,
  limit: u32,
  offsets: usize,
  used: usize,
  result: usize,
): u32 {
  at = from;
  end = limitOfBytes;
  const mask: u64 = width == 8 ? 0xff : 0xf;
  let last: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const distance = take();
    if (distance == DAMAGED) return stop(result, numbers.READ_BAD_NUMBER, i, 0);
    const start = last + distance;
    last = start + width;
    if (last > <u64>limit) return stop(result, numbers.READ_OVERLAP, i, start);
    // The table has room for 64 bits at the last byte's.
    const word = used + <usize>(start >> 3);
    const bits = mask << (start & 7);
    const known = load<u64>(word);
    if ((known & bits) != 0) return stop(result, numbers.READ_OVERLAP, i, start);
    store<u64>(word, known | bits);
    setU32(offsets, i, <u32>start);
  }
  return stop(result, numbers.READ_DONE, count, 0);
}

/** `count` units that fields name, of `units`, into `list`. Returns READ_DONE, READ_BAD_NUMBER or READ_NO_UNIT. */
export function readNamedUnits(
  from: usize,
  limitOfBytes: usize,
  count: u32,
  units: u32,
  list: usize,
  result: usize,
): u32 {
  at = from;
  end = limitOfBytes;
  let unit: i64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const zigzag = take();
    if (zigzag == DAMAGED) return stop(result, numbers.READ_BAD_NUMBER, i, 0);
    unit += <i64>(zigzag >> 1) ^ -(<i64>(zigzag & 1));
    if (unit < 0 || unit >= <i64>units) return stop(result, numbers.READ_NO_UNIT, i, unit);
    setU32(list, i, <u32>unit);
  }
  return stop(result, numbers.READ_DONE, count, 0);
}

/** Index of the first field, of those ascending in `offsets`, that no unit holds as a whole; `count`: there is none. */
export function fieldOutsideUnits(
  offsets: usize,
  count: u32,
  width: u32,
  starts: usize,
  sizes: usize,
  units: u32,
): u32 {
  let unit: i64 = -1;
  let start: u64 = 0;
  let end: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const field = <u64>getU32(offsets, i);
    while (field + width > end) {
      unit++;
      if (unit == <i64>units) return i;
      start = getU32(starts, <u32>unit);
      end = start + getU32(sizes, <u32>unit);
    }
    if (field < start) return i;
  }
  return count;
}
