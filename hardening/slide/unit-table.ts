/**
 * Which unit is at an offset of the text segment, for the many look-ups of a move: a table with an entry for each stretch
 * of 64 bytes leads to the unit or a few before it.
 */
import type { SlideInfo } from './slide-info.ts';

export interface UnitTable {
  /** Where units begin, and bytes of the segment. */
  readonly starts: Uint32Array;
  readonly size: number;
  /** By stretch: the last unit that begins in it or before it. */
  readonly last: Uint32Array;
}

/** Bytes of a stretch, as a power of two. */
const STRETCH = 6;

export function unitTable({ units, segments, text }: SlideInfo): UnitTable {
  const starts = units.offset;
  const size = segments[text]!.memorySize;
  const last = new Uint32Array((size >>> STRETCH) + 1);
  // Where several units begin in one stretch only the last of them has something to fill.
  let stretch = 0;
  for (let i = 0; i < starts.length; i++) {
    const end = i + 1 < starts.length ? starts[i + 1]! >>> STRETCH : last.length;
    // A call of the runtime costs more than filling what a function takes by hand.
    if (end - stretch > 64) last.fill(i, stretch, end);
    else for (let at = stretch; at < end; at++) last[at] = i;
    stretch = end;
  }
  return { starts, size, last };
}

/** As `unitAt` of slide-info.ts. */
export function findUnit({ starts, size, last }: UnitTable, at: number): number {
  let unit = at <= 0 ? 0 : at >= size ? starts.length - 1 : last[at >>> STRETCH]!;
  while (unit > 0 && starts[unit]! > at) unit--;
  return unit;
}
