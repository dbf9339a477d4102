/**
 * Moves an image: the same program at other addresses, its code in another order.
 *
 * Works on the file's bytes in place of a relink: units of code are copied to where they go, each field is changed by
 * what its target moves (less what it moves itself, for a distance), the table of .eh_frame_hdr is sorted anew, and
 * headers, symbols and the entry follow. Everything that says nothing about addresses stays byte for byte as it was, so
 * that the layout which an image already has gives the same image. Gaps in code hold traps (int3).
 *
 * Debug information and relocations of sections that are not loaded are left alone: they describe the base image.
 */

import type { ElfFile } from '../../linker/elf-file.ts';
import { fileBytes } from './file-bytes.ts';
import { moveFrameHeader } from './frame-header.ts';
import { elfWithBytes, type Growth, growthOf, withRest } from './grown-file.ts';
import { moveFields } from './move-fields.ts';
import { movedHeaders } from './move-headers.ts';
import { moveSymbols } from './move-symbols.ts';
import { checkApart, keepsOrder, type Moves, movesOf } from './moves.ts';
import type { Layout, SlideInfo } from './slide-info.ts';

/** int3 */
const TRAP = 0xcc;

/**
 * `file` under `layout`; `info` describes it. `name` names the file in messages. Errors: 'layout' for a layout that cannot
 * be, 'relocation' for a field whose value no longer fits, 'malformed-elf' for headers that contradict the info.
 */
export function applyLayout(file: ElfFile, info: SlideInfo, layout: Layout, name = 'image'): ElfFile {
  const moves = movesOf(info, layout);
  checkApart(moves, file);
  const growth = growthOf(file, info, layout.textSize);
  const bytes = copyContents(file, moves, growth);
  moveFields(bytes, file, moves, growth, name);
  moveFrameHeader(bytes, file, moves, growth, name);
  const moved = elfWithBytes(file, bytes, growth);
  return withRest(moveSymbols(movedHeaders(moved, file, moves, name), file, moves), bytes, name);
}

/** The new file's bytes: contents where they go, nothing changed in them. */
function copyContents(file: ElfFile, moves: Moves, growth: Growth): Uint8Array {
  const { info, layout } = moves;
  const from = fileBytes(file);
  const { offset, oldEnd, shift } = growth;
  const bytes = new Uint8Array(from.length + shift);
  bytes.set(from.subarray(0, oldEnd));
  bytes.set(from.subarray(oldEnd), oldEnd + shift);
  if (keepsOrder(moves)) return bytes;
  const { offset: units, size, pinned } = info.units;
  const { unitOffset, textSize } = layout;
  const start = pinned === 0 ? 0 : units[pinned - 1]! + size[pinned - 1]!;
  bytes.fill(TRAP, offset + start, offset + textSize);
  if (offset + textSize < oldEnd) bytes.fill(0, offset + textSize, oldEnd);
  for (let i = pinned; i < units.length; i++) {
    const at = offset + units[i]!;
    const to = offset + unitOffset[i]!;
    const n = size[i]!;
    // A call of the runtime costs more than copying a small function by hand.
    if (n > 128) bytes.set(from.subarray(at, at + n), to);
    else for (let b = 0; b < n; b++) bytes[to + b] = from[at + b]!;
  }
  return bytes;
}
