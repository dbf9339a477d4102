/**
 * Sorting by 32-bit keys, and what is sorted so: units by their new offset, the table of .eh_frame_hdr by function.
 */
import { getU32, setU32, setWord } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';

/** Of each pass of the sort. */
const DIGITS: u32 = 11;

/**
 * Indices 0 to `count` - 1 into `order`, ascending by the unsigned words in `keys`; equal ones stay in order. A radix sort
 * in three passes; `scratch` holds SORT_SCRATCH words and one for each key.
 */
export function sortByKey(keys: usize, count: u32, order: usize, scratch: usize): void {
  const other = scratch + (numbers.SORT_SCRATCH << 2);
  for (let i: u32 = 0; i < count; i++) setU32(order, i, i);
  let source = order;
  let target = other;
  for (let shift: u32 = 0; shift < 32; shift += DIGITS) {
    memory.fill(scratch, 0, numbers.SORT_SCRATCH << 2);
    for (let i: u32 = 0; i < count; i++) {
      const digit = (getU32(keys, i) >> shift) & ((1 << DIGITS) - 1);
      setU32(scratch, digit, getU32(scratch, digit) + 1);
    }
    let sum: u32 = 0;
    for (let digit: u32 = 0; digit < <u32>numbers.SORT_SCRATCH; digit++) {
      const here = getU32(scratch, digit);
      setU32(scratch, digit, sum);
      sum += here;
    }
    for (let i: u32 = 0; i < count; i++) {
      const index = getU32(source, i);
      const digit = (getU32(keys, index) >> shift) & ((1 << DIGITS) - 1);
      const place = getU32(scratch, digit);
      setU32(scratch, digit, place + 1);
      setU32(target, place, index);
    }
    const swapped = source;
    source = target;
    target = swapped;
  }
  // Three passes end in `other`.
  memory.copy(order, other, count << 2);
}

function stop(result: usize, status: u32, index: u32, value: u64): u32 {
  setWord(result, numbers.RESULT_INDEX, index);
  store<u64>(result + (numbers.RESULT_VALUE << 2), value);
  return status;
}

/**
 * Whether units can be at the offsets `to`: aligned, the first `pinned` where they are, apart from each other, the last
 * `trailing` behind all others in order, within `textSize` bytes. `order` receives them by new offset, `distance` by unit
 * what it moves. Returns one of ORDER_....
 */
export function orderUnits(
  offset: usize,
  size: usize,
  align: usize,
  to: usize,
  count: u32,
  pinned: u32,
  trailing: u32,
  textSize: u32,
  order: usize,
  distance: usize,
  scratch: usize,
  result: usize,
): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const at = getU32(to, i);
    if (at % getU32(align, i) != 0) return stop(result, numbers.ORDER_MISALIGNED, i, at);
    if (i < pinned && at != getU32(offset, i)) return stop(result, numbers.ORDER_PINNED, i, at);
    setU32(distance, i, at - getU32(offset, i));
  }
  sortByKey(to, count, order, scratch);
  let end: u64 = 0;
  for (let n: u32 = 0; n < count; n++) {
    const i = getU32(order, n);
    const at = <u64>getU32(to, i);
    if (at < end) return stop(result, numbers.ORDER_OVERLAP, i, end);
    if (n >= count - trailing ? i != n : i >= count - trailing) return stop(result, numbers.ORDER_TRAILING, i, n);
    end = at + getU32(size, i);
  }
  return stop(result, end > textSize ? numbers.ORDER_OUTSIDE : numbers.ORDER_FITS, count, end);
}

/**
 * Writes the table of .eh_frame_hdr, which is at `header`: for each of `count` `records` (distances from the header) its
 * function's distance and its own, ascending by function. `keys` and `order` have a word for each, `scratch` as for
 * sortByKey. Returns `count`, or the index of a record whose function is too far from the header.
 */
export function sortFrames(header: usize, records: usize, count: u32, keys: usize, order: usize, scratch: usize): u32 {
  for (let i: u32 = 0; i < count; i++) {
    const field = <i32>getU32(records, i) + 8;
    const start = <i64>field + <i64>load<i32>(header + field);
    if (start != <i64>(<i32>start)) return i;
    setU32(keys, i, <u32>(<i32>start) ^ 0x80000000);
  }
  sortByKey(keys, count, order, scratch);
  for (let n: u32 = 0; n < count; n++) {
    const i = getU32(order, n);
    const entry = header + numbers.FRAME_TABLE + ((<usize>n) << 3);
    store<u32>(entry, getU32(keys, i) ^ 0x80000000);
    store<u32>(entry + 4, getU32(records, i));
  }
  return count;
}
