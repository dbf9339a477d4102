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

import { fail } from '../../base/errors.ts';
import { adopt, allocate, u8 } from '../../linker/arena.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { fileBytes } from './file-bytes.ts';
import { frameRecords, moveFrameHeader } from './frame-header.ts';
import { elfWithBytes, type Growth, growthOf, withRest } from './grown-file.ts';
import { createSlideArena, type SlideArena, wordsIn } from './kernels/kernels.ts';
import { moveFields } from './move-fields.ts';
import { movedHeaders } from './move-headers.ts';
import { moveSymbols } from './move-symbols.ts';
import { checkApart, keepsOrder, type Moves, movesOf } from './moves.ts';
import { codeStart, type Layout, type SlideInfo } from './slide-info.ts';
import { recordPlacement } from './slide-section.ts';

/** int3 */
const TRAP = 0xcc;

/** Where a moved image is put. */
export interface ImageMemory {
  readonly arena: SlideArena;
  /** Bytes of the arena for a file of this size: zeros, or the very memory that the image to move begins in. */
  readonly room: (size: number) => Uint8Array;
}

/** Memory of its own for a moved image. Errors: 'limit'. */
export function imageMemory(arena: SlideArena = createSlideArena()): ImageMemory {
  return { arena, room: (size) => u8(arena, size, 16) };
}

/**
 * `file` under `layout`; `info` describes it. `name` names the file in messages. Errors: 'layout' for a layout that cannot
 * be, 'relocation' for a field whose value no longer fits, 'malformed-elf' for headers that contradict the info, 'limit'.
 *
 * `memory` is what the result lies in; where that is where `file` begins, `file` is used up, on an error too.
 */
export function applyLayout(
  file: ElfFile,
  info: SlideInfo,
  layout: Layout,
  name = 'image',
  memory: ImageMemory = imageMemory(),
): ElfFile {
  const moves = movesOf(info, layout, memory.arena);
  checkApart(moves, file);
  const growth = growthOf(file, info, layout.textSize);
  const records = frameRecords(file, info, name);
  const bytes = copyContents(file, moves, growth, memory.room(file.size + growth.shift));
  moveFields(bytes, file, moves, growth, name);
  moveFrameHeader(bytes, file, info, growth, records, name);
  const moved = elfWithBytes(file, bytes, growth);
  const complete = recordPlacement(moveSymbols(movedHeaders(moved, file, moves, name), file, moves), layout);
  return withRest(complete, bytes, name);
}

/** The new file's bytes: contents where they go, nothing changed in them. */
function copyContents(file: ElfFile, moves: Moves, growth: Growth, bytes: Uint8Array): Uint8Array {
  const { info, layout, arena } = moves;
  const whole = fileBytes(file);
  const { offset, oldEnd, shift } = growth;
  const keeps = keepsOrder(moves);
  // Where both are the same memory, only the code needs a copy of its own.
  const same = whole.buffer === bytes.buffer && whole.byteOffset === bytes.byteOffset;
  const code = keeps ? 0 : copyIn(arena, whole.subarray(offset, oldEnd), same);
  if (!same) bytes.set(whole.subarray(0, oldEnd));
  if (!same || shift > 0) bytes.set(whole.subarray(oldEnd), oldEnd + shift);
  if (shift > 0) bytes.fill(0, oldEnd, oldEnd + shift);
  if (keeps) return bytes;
  const { unitOffset, textSize } = layout;
  const { units } = info;
  bytes.fill(TRAP, offset + codeStart(units), offset + textSize);
  if (offset + textSize < oldEnd) bytes.fill(0, offset + textSize, oldEnd);
  const count = units.offset.length;
  const copied = arena.kernels.copyUnits(
    code,
    oldEnd - offset,
    bytes.byteOffset + offset,
    textSize,
    units.pinned,
    count,
    wordsIn(arena, units.offset),
    wordsIn(arena, units.size),
    wordsIn(arena, unitOffset),
  );
  if (copied < count) fail('layout', `unit ${copied} of ${count} lies outside the text segment`);
  return bytes;
}

/** Address of `bytes` in the arena; with `anew` of a copy in any case. */
function copyIn(arena: SlideArena, bytes: Uint8Array, anew: boolean): number {
  if (!anew) return adopt(arena, bytes);
  const at = allocate(arena, bytes.length, 16);
  arena.bytes.copyWithin(at, bytes.byteOffset, bytes.byteOffset + bytes.length);
  return at;
}
