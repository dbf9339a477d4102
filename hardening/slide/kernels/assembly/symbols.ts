/**
 * Values of symbols after a move (see ../../move-symbols.ts).
 */
import { getU32 } from '../../../../linker/kernels/assembly/words';
import * as numbers from '../numbers';
import { findUnit } from './units';

/** Bytes of a symbol, and where its parts are; types and section numbers. Source: gABI chapter 4, "Symbol Table". */
const SYMBOL: usize = 24;
const INFO: usize = 4;
const SECTION: usize = 6;
const VALUE: usize = 8;
const STT_SECTION: u8 = 3;
const STT_FILE: u8 = 4;
const STT_TLS: u8 = 6;
const SHN_LORESERVE: u32 = 0xff00;
const SHN_XINDEX: u32 = 0xffff;

/**
 * Changes the values of `count` symbols, the first of which names nothing.
 *
 * - `loaded` and `starts`, of which there are `sectionCount`: by section a byte, whether it is in memory, and 64 bits,
 *   where it begins now.
 * - `segments`, of which there are `segmentCount`: by segment old start, old end and what it moves, 64 bits each; `text`
 *   is the one whose units move, `endMove` what its end does.
 * - `unitStarts`, `unitCount`, `unitMove`, `textSize`, `unitTable`: those units, as for moveGroup.
 */
export function moveSymbols(
  symbols: usize,
  count: u32,
  loaded: usize,
  starts: usize,
  sectionCount: u32,
  segments: usize,
  segmentCount: u32,
  text: u32,
  endMove: f64,
  unitStarts: usize,
  unitCount: u32,
  unitMove: usize,
  textSize: u32,
  unitTable: usize,
): void {
  for (let i: u32 = 1; i < count; i++) {
    const symbol = symbols + <usize>i * SYMBOL;
    const section = <u32>load<u16>(symbol + SECTION);
    const type = load<u8>(symbol + INFO) & 15;
    if (section == 0 || type == STT_TLS || type == STT_FILE) continue;
    if (section >= SHN_LORESERVE) {
      if (section != SHN_XINDEX) continue;
    } else {
      if (section >= sectionCount || load<u8>(loaded + <usize>section) == 0) continue;
      // Where the section begins, which is not what is first in it.
      if (type == STT_SECTION) {
        store<u64>(symbol + VALUE, load<u64>(starts + ((<usize>section) << 3)));
        continue;
      }
    }
    const value = load<u64>(symbol + VALUE);
    const home = segmentOf(segments, segmentCount, value);
    if (home == segmentCount) continue;
    const segment = segments + <usize>home * numbers.SEGMENT_BYTES;
    let moves = load<i64>(segment + 16);
    if (home == text) {
      if (value >= load<u64>(segment + 8)) {
        moves = <i64>endMove;
      } else {
        const unit = findUnit(unitStarts, unitCount, textSize, unitTable, <i64>(value - load<u64>(segment)));
        moves += <i64>(<i32>getU32(unitMove, unit));
      }
    }
    store<u64>(symbol + VALUE, value + <u64>moves);
  }
}

/** As `segmentOf` of ../../moves.ts; `count` for none. */
function segmentOf(segments: usize, count: u32, address: u64): u32 {
  let atEnd = count;
  for (let i: u32 = 0; i < count; i++) {
    const segment = segments + <usize>i * numbers.SEGMENT_BYTES;
    const end = load<u64>(segment + 8);
    if (address >= load<u64>(segment) && address < end) return i;
    if (address == end) atEnd = i;
  }
  return atEnd;
}
