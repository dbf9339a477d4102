/**
 * Sections that relaxation made shorter: which bytes were removed, and where each offset then lies.
 */
export interface ShrinkTable {
  /** Number of removals. */
  readonly count: number;
  /** Offset (in the input) from which on `removed` bytes are gone; ascending. */
  readonly at: Uint32Array;
  /** Bytes removed up to and including this removal. */
  readonly removed: Uint32Array;
}

/** Tables of all shrunk sections. */
export interface ShrinkTables {
  /** Number of sections that have one. */
  count: number;
  /** By section; empty when `count` is 0. An array, not a map: every symbol of a relaxed program asks. */
  of: (ShrinkTable | undefined)[];
}

/** Offset after removal of input offset `offset`. A removed byte maps to where the bytes after it start. */
export function shrunkOffset(table: ShrinkTable, offset: number): number {
  let low = 0;
  let high = table.count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (table.at[middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return offset;
  const before = low > 1 ? table.removed[low - 2]! : 0;
  const here = table.removed[low - 1]! - before;
  const inside = Math.min(offset - table.at[low - 1]!, here);
  return offset - before - inside;
}
