/**
 * Changes the fields of one group: what its target moves is added, and for a distance what the field itself moves taken
 * away (see ../../move-fields.ts).
 */
import { getU32 } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';
import { findUnit } from './units';

/**
 * Changes `count` fields whose segment is at `bytes`, which has `size` bytes. Returns how many have been changed: all, or
 * the index of the first whose new value does not fit, or of one that lies outside.
 *
 * - `fixed`: what every target moves, less what the segment of a distance does.
 * - `unitStarts`, `unitCount`, `unitMove`, `textSize`, `unitTable`: the units of text and what each moves.
 * - `inText`: whether the fields lie in units; they will move with them, but are still where they were.
 * - `distance`: whether a field counts from itself.
 * - `named`: the unit that each field's target lies in, 0 when there is no such list.
 * - `lookup`: whether the field's own value says in which unit its target lies: at the value and `origin` bytes, and the
 *   field's offset as well for a distance.
 */
export function moveGroup(
  kind: u32,
  bytes: usize,
  size: f64,
  offsets: usize,
  count: u32,
  fixed: f64,
  unitStarts: usize,
  unitCount: u32,
  unitMove: usize,
  textSize: u32,
  unitTable: usize,
  inText: bool,
  distance: bool,
  named: usize,
  lookup: bool,
  origin: f64,
): u32 {
  const width: i64 = kind == numbers.FIELD_WIDE ? 8 : 4;
  const limit = <i64>size - width;
  const moves = <i64>fixed;
  const from = <i64>origin;
  let unit: u32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    const at = <i64>getU32(offsets, i);
    let own: i64 = 0;
    if (inText) {
      while (unit + 1 < unitCount && <i64>getU32(unitStarts, unit + 1) <= at) unit++;
      own = <i64>(<i32>getU32(unitMove, unit));
    }
    if (at > limit) return i;
    const place = bytes + <usize>at;
    const value: i64 =
      kind == numbers.FIELD_SIGNED
        ? <i64>load<i32>(place)
        : kind == numbers.FIELD_UNSIGNED
          ? <i64>load<u32>(place)
          : load<i64>(place);
    let next = value + moves - (distance ? own : 0);
    if (lookup) {
      const target = findUnit(unitStarts, unitCount, textSize, unitTable, value + (distance ? at : 0) + from);
      next += <i64>(<i32>getU32(unitMove, target));
    } else if (named != 0) {
      next += <i64>(<i32>getU32(unitMove, getU32(named, i)));
    }
    if (kind == numbers.FIELD_WIDE) {
      // Values wrap at 64 bits, as addresses do, so all fit.
      store<i64>(place, next);
    } else {
      if (kind == numbers.FIELD_SIGNED ? next != <i64>(<i32>next) : next != <i64>(<u32>next)) return i;
      store<i32>(place, <i32>next);
    }
  }
  return count;
}
