/**
 * Loops over the units that change places: which do, how much room they take, and where a draw puts them.
 *
 * Where a unit goes is written once, in ../../space.ts, which is proved; placement.gen.ts is what that says.
 */
import { getU32, setU32, setWord } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';
import { nextCursor, unitOffset } from './placement.gen';

function alignUp(value: u64, alignment: u64): u64 {
  return (value + alignment - 1) & ~(alignment - 1);
}

/**
 * Sorts units [`pinned`, `count`) by alignment. Those of at most `most` go to `shuffled`, but for the last `trailing`; the
 * others, which stand one behind the other from `end` on, go to `large` and where each is to `places`. `sizes` receives
 * the sizes of the shuffled ones as whole granules: the granule is the largest alignment of at most `most`, at least
 * `granule`. In `plan` is left what the PLAN_... words are. Returns whether there is such a plan: alignments of more than
 * `page`, and trailing ones of more than `most`, allow none.
 */
export function planText(
  align: usize,
  size: usize,
  count: u32,
  pinned: u32,
  trailing: u32,
  granule: u32,
  most: u32,
  page: u32,
  start: f64,
  shuffled: usize,
  sizes: usize,
  large: usize,
  places: usize,
  plan: usize,
): bool {
  const last = count - trailing;
  let end = <u64>start;
  let moved: u32 = 0;
  let kept: u32 = 0;
  for (let unit = pinned; unit < count; unit++) {
    const wanted = getU32(align, unit);
    if (wanted <= most) {
      granule = max(granule, wanted);
      if (unit < last) setU32(shuffled, moved++, unit);
    } else {
      if (wanted > page || unit >= last) return false;
      end = alignUp(end, wanted);
      // All lie in one segment, whose offsets are words.
      if (end > 0xffffffff) return false;
      setU32(large, kept, unit);
      setU32(places, kept++, <u32>end);
      end += getU32(size, unit);
    }
  }
  let sum: u64 = 0;
  for (let i: u32 = 0; i < moved; i++) {
    const whole = alignUp(getU32(size, getU32(shuffled, i)), granule);
    if (whole > 0xffffffff) return false;
    setU32(sizes, i, <u32>whole);
    sum += whole;
  }
  setWord(plan, numbers.PLAN_GRANULE, granule);
  setWord(plan, numbers.PLAN_SHUFFLED, moved);
  setWord(plan, numbers.PLAN_LARGE, kept);
  store<f64>(plan + (numbers.PLAN_END << 2), <f64>end);
  store<f64>(plan + (numbers.PLAN_SUM << 2), <f64>sum);
  return true;
}

/** The sum of `count` sizes; of one that is no multiple of `granule`, -1 less its index. */
export function sumOfUnits(sizes: usize, count: u32, granule: u32): f64 {
  let sum: u64 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const size = getU32(sizes, i);
    if (size % granule != 0) return -1 - <f64>i;
    sum += size;
  }
  return <f64>sum;
}

/**
 * Offsets of the units of `sizes`, placed one after another from `first` on in the order of `order`. `offsets` is all
 * UNPLACED before. Returns how many have been placed: all, unless the order is no permutation.
 */
export function placeUnits(sizes: usize, order: usize, count: u32, first: f64, offsets: usize): u32 {
  let cursor = <i64>first;
  for (let i: u32 = 0; i < count; i++) {
    const unit = getU32(order, i);
    if (unit >= count || getU32(offsets, unit) != numbers.UNPLACED) return i;
    const size = <i64>getU32(sizes, unit);
    setU32(offsets, unit, <u32>unitOffset(cursor, size));
    cursor = nextCursor(cursor, size);
  }
  return count;
}

/** Puts `values`, each less `less`, to where `places` says in `offsets`; `count` of both. */
export function putOffsets(places: usize, values: usize, count: u32, less: u32, offsets: usize): void {
  for (let i: u32 = 0; i < count; i++) setU32(offsets, getU32(places, i), getU32(values, i) - less);
}
