/**
 * Which unit is at an offset of the text segment, for the many look-ups of a move: a table with an entry for each stretch
 * of bytes (STRETCH) leads to the unit or a few before it.
 */
import { getU32, setU32 } from '../../../../linker/kernels/assembly/words';
import { STRETCH } from '../numbers';

/** Fills `last`, a word for each of `stretches`: the last of `count` units in `starts` that begins in it or before it. */
export function fillUnitTable(starts: usize, count: u32, last: usize, stretches: u32): void {
  // Where several units begin in one stretch only the last of them has something to fill.
  let stretch: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const end = i + 1 < count ? min(getU32(starts, i + 1) >> STRETCH, stretches) : stretches;
    for (; stretch < end; stretch++) setU32(last, stretch, i);
  }
}

/** Index of the last unit that begins at or before `at`; the first for what is before all. `size`: of the segment. */
export function findUnit(starts: usize, count: u32, size: u32, last: usize, at: i64): u32 {
  let unit = at <= 0 ? 0 : at >= <i64>size ? count - 1 : getU32(last, <u32>at >> STRETCH);
  while (unit > 0 && <i64>getU32(starts, unit) > at) unit--;
  return unit;
}
