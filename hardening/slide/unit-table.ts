/**
 * Which unit is at an offset of the text segment, for the many look-ups of a move: a table with an entry for each stretch
 * of 64 bytes leads to the unit or a few before it.
 */
import { u32 } from '../../linker/arena.ts';
import { type SlideArena, wordsIn } from './kernels/kernels.ts';
import { STRETCH } from './kernels/numbers.ts';
import type { SlideInfo } from './slide-info.ts';

export interface UnitTable {
  /** Where units begin, and bytes of the segment. */
  readonly starts: Uint32Array;
  readonly size: number;
  /** By stretch: the last unit that begins in it or before it. */
  readonly last: Uint32Array;
}

/** The table, in `arena`. */
export function unitTable({ units, segments, text }: SlideInfo, arena: SlideArena): UnitTable {
  const count = units.offset.length;
  const address = wordsIn(arena, units.offset);
  const size = segments[text]!.memorySize;
  const last = u32(arena, (size >>> STRETCH) + 1);
  arena.kernels.fillUnitTable(address, count, last.byteOffset, last.length);
  return { starts: new Uint32Array(arena.bytes.buffer, address, count), size, last };
}

/** As `unitAt` of slide-info.ts. */
export function findUnit({ starts, size, last }: UnitTable, at: number): number {
  let unit = at <= 0 ? 0 : at >= size ? starts.length - 1 : last[at >>> STRETCH]!;
  while (unit > 0 && starts[unit]! > at) unit--;
  return unit;
}
