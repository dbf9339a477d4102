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
import { copyUnits } from './copy-units.ts';
import { fileBytes } from './file-bytes.ts';
import { frameRecords, moveFrameHeader } from './frame-header.ts';
import { elfWithBytes, type Growth, growthOf, withRest } from './grown-file.ts';
import { moveFields } from './move-fields.ts';
import { movedHeaders } from './move-headers.ts';
import { moveSymbols } from './move-symbols.ts';
import { checkApart, keepsOrder, type Moves, movesOf } from './moves.ts';
import { codeStart, type Layout, type SlideInfo } from './slide-info.ts';
import { recordPlacement } from './slide-section.ts';

/** int3 */
const TRAP = 0xcc;

/**
 * `file` under `layout`; `info` describes it. `name` names the file in messages. Errors: 'layout' for a layout that cannot
 * be, 'relocation' for a field whose value no longer fits, 'malformed-elf' for headers that contradict the info.
 *
 * `room` gives the memory for the result: zeros, or the very memory that `file` begins in, with room behind it; `file` is
 * then used up, on an error too.
 */
export function applyLayout(
  file: ElfFile,
  info: SlideInfo,
  layout: Layout,
  name = 'image',
  room: (size: number) => Uint8Array = (size) => new Uint8Array(size),
): ElfFile {
  const moves = movesOf(info, layout);
  checkApart(moves, file);
  const growth = growthOf(file, info, layout.textSize);
  const records = frameRecords(file, info, name);
  const bytes = copyContents(file, moves, growth, room(file.size + growth.shift));
  moveFields(bytes, file, moves, growth, name);
  moveFrameHeader(bytes, file, info, growth, records, name);
  const moved = elfWithBytes(file, bytes, growth);
  const complete = recordPlacement(moveSymbols(movedHeaders(moved, file, moves, name), file, moves), layout);
  return withRest(complete, bytes, name);
}

/** The new file's bytes: contents where they go, nothing changed in them. */
function copyContents(file: ElfFile, moves: Moves, growth: Growth, bytes: Uint8Array): Uint8Array {
  const { info, layout } = moves;
  const whole = fileBytes(file);
  const { offset, oldEnd, shift } = growth;
  // Where both are the same memory, only the code needs a copy of its own.
  const same = whole.buffer === bytes.buffer && whole.byteOffset === bytes.byteOffset;
  const code = same ? whole.slice(offset, oldEnd) : whole.subarray(offset, oldEnd);
  if (!same) bytes.set(whole.subarray(0, oldEnd));
  if (!same || shift > 0) bytes.set(whole.subarray(oldEnd), oldEnd + shift);
  if (shift > 0) bytes.fill(0, oldEnd, oldEnd + shift);
  if (keepsOrder(moves)) return bytes;
  const { unitOffset, textSize } = layout;
  const start = codeStart(info.units);
  bytes.fill(TRAP, offset + start, offset + textSize);
  if (offset + textSize < oldEnd) bytes.fill(0, offset + textSize, oldEnd);
  const text = bytes.subarray(offset, offset + textSize);
  copyUnits(code, text, info.units, unitOffset);
  return bytes;
}
