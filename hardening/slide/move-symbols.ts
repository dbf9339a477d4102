/**
 * Symbols after a move: the values of .symtab follow what they name. Their sections keep their numbers; absolute symbols
 * and offsets of thread-local variables stay. A kernel does it: a program has as many symbols as functions, and more.
 */
import { allocate, u8 } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { SEGMENT_BYTES } from './kernels/numbers.ts';
import type { Moves } from './moves.ts';

/** Changes the symbols of `moved`, whose contents lie in the arena of `moves`. */
export function moveSymbols(moved: ElfFile, base: ElfFile, moves: Moves): ElfFile {
  const { info, unit, end, table, arena } = moves;
  const loaded = u8(arena, base.sections.length);
  loaded.set(base.sections.map(({ flags }) => ((flags & elf.SHF_ALLOC) !== 0 ? 1 : 0)));
  const starts = allocate(arena, 8 * moved.sections.length);
  moved.sections.forEach(({ address }, i) => {
    arena.view.setBigUint64(starts + 8 * i, address, true);
  });
  const segments = segmentTable(moves);
  for (const { type, entsize, data } of moved.sections) {
    if (type !== elf.SHT_SYMTAB || entsize !== elf.SYM_SIZE) continue;
    arena.kernels.moveSymbols(
      data.byteOffset,
      Math.floor(data.length / elf.SYM_SIZE),
      loaded.byteOffset,
      starts,
      loaded.length,
      segments,
      info.segments.length,
      info.text,
      end(1),
      table.starts.byteOffset,
      table.starts.length,
      unit.byteOffset,
      table.size,
      table.last.byteOffset,
    );
  }
  return moved;
}

/** Address of a list of the segments as the kernel takes them. */
function segmentTable({ info, segment, arena }: Moves): number {
  const { view } = arena;
  const at = allocate(arena, SEGMENT_BYTES * info.segments.length);
  info.segments.forEach(({ address, memorySize }, i) => {
    const row = at + SEGMENT_BYTES * i;
    elf.write64(view, row, address);
    elf.write64(view, row + 8, address + memorySize);
    elf.write64(view, row + 16, segment[i]!);
  });
  return at;
}
