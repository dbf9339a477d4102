/**
 * Sections that relaxation made shorter: which bytes were removed, and where each offset then lies. The tables are the
 * kernels' (SHRINK_... in kernels/layout.ts), which look offsets up themselves; here is a view for the phases.
 */
import * as layout from './kernels/layout.ts';
import type { Program } from './program.ts';

/** Address of a section's table in the arena, seen as words. */
export interface ShrinkTable {
  readonly words: Uint32Array;
  readonly address: number;
}

/** Tables of all shrunk sections. */
export interface ShrinkTables {
  /** Number of sections that have one. */
  readonly count: number;
  /** By section. */
  readonly of: readonly (ShrinkTable | undefined)[];
}

/** The tables of a block of relaxation. */
export function createShrinkTables(program: Program, relaxation: Uint32Array): ShrinkTables {
  let of: (ShrinkTable | undefined)[] | undefined;
  return {
    count: relaxation[layout.RELAX_ROWS]!,
    get of() {
      of ??= listTables(program, relaxation);
      return of;
    },
  };
}

function listTables(program: Program, relaxation: Uint32Array): (ShrinkTable | undefined)[] {
  const { bytes } = program.arena;
  const words = new Uint32Array(bytes.buffer, 0, Math.floor(bytes.length / 4));
  const of = new Array<ShrinkTable | undefined>(program.sections.count).fill(undefined);
  const sections = relaxation[layout.RELAX_SECTION]! / 4;
  for (let row = 0; row < relaxation[layout.RELAX_ROWS]!; row++) {
    of[words[sections + row]!] = {
      words,
      address: relaxation[layout.RELAX_TABLES]! + row * layout.SHRINK_WORDS * 4,
    };
  }
  return of;
}

/** Offset after removal of input offset `offset`. A removed byte maps to where the bytes after it start. */
export function shrunkOffset(table: ShrinkTable, offset: number): number {
  const { words } = table;
  const block = table.address / 4;
  const at = words[block + layout.SHRINK_AT]! / 4;
  const removed = words[block + layout.SHRINK_REMOVED]! / 4;
  let low = 0;
  let high = words[block + layout.SHRINK_COUNT]!;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (words[at + middle]! <= offset) low = middle + 1;
    else high = middle;
  }
  if (low === 0) return offset;
  const before = low > 1 ? words[removed + low - 2]! : 0;
  const here = words[removed + low - 1]! - before;
  const inside = Math.min(offset - words[at + low - 1]!, here);
  return offset - before - inside;
}
