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

import { adopt, allocate, u8 } from '../../linker/arena.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { fileBytes } from './file-bytes.ts';
import { frameRecords, moveFrameHeader } from './frame-header.ts';
import { elfWithBytes, type Growth, growthOf, withRest } from './grown-file.ts';
import { createSlideArena, type SlideArena } from './kernels/kernels.ts';
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

/** A moved image, complete but for its text, whose units are still where they were. */
interface Unordered {
  readonly file: ElfFile;
  /** Of `file`. */
  readonly bytes: Uint8Array;
  readonly moves: Moves;
  readonly growth: Growth;
}

/** Moves everything but the units of code. Errors as those of `applyLayout`. */
function moveAll(file: ElfFile, info: SlideInfo, layout: Layout, name: string, memory: ImageMemory): Unordered {
  const moves = movesOf(info, layout, memory.arena);
  checkApart(moves, file);
  const growth = growthOf(file, info, layout.textSize);
  const records = frameRecords(file, info, name);
  const bytes = copyContents(file, growth, memory.arena, memory.room(file.size + growth.shift));
  moveFields(bytes, file, moves, growth, name);
  moveFrameHeader(bytes, file, moves, growth, records, name);
  const moved = elfWithBytes(file, bytes, growth);
  const complete = recordPlacement(
    moveSymbols(movedHeaders(moved, file, moves, name), file, moves),
    layout,
    memory.arena,
  );
  return { file: withRest(complete, bytes, name), bytes, moves, growth };
}

/** The new file's bytes: contents where they go, room for the text to grow, nothing changed in them. */
function copyContents(file: ElfFile, { oldEnd, shift }: Growth, arena: SlideArena, bytes: Uint8Array): Uint8Array {
  const whole = fileBytes(file);
  const from = adopt(arena, whole);
  const to = bytes.byteOffset;
  const { copyBytes } = arena.kernels;
  if (from !== to || shift > 0) copyBytes(to + oldEnd + shift, from + oldEnd, whole.length - oldEnd);
  if (from !== to) copyBytes(to, from, oldEnd);
  if (shift > 0) bytes.fill(0, oldEnd, oldEnd + shift);
  return bytes;
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
  const unordered = moveAll(file, info, layout, name, memory);
  const { bytes, moves, growth } = unordered;
  if (keepsOrder(moves)) return unordered.file;
  const { arena } = moves;
  const { offset, oldEnd } = growth;
  const code = allocate(arena, oldEnd - offset, 16);
  arena.kernels.copyBytes(code, bytes.byteOffset + offset, oldEnd - offset);
  const text = bytes.subarray(offset, offset + layout.textSize);
  arrangeText(moves, code, text, 0, 0);
  bytes.fill(0, offset + text.length, oldEnd);
  return unordered.file;
}

/** Part of the new text that is arranged at a time: such memory stays in the processor's cache. */
const CHUNK = 2 ** 18;

/**
 * The same as a file's pieces, whose text is put in order as they are taken, each overwriting the one before it: fresh
 * memory for another text of megabytes would cost a launch more than all else that is done to it.
 */
export function applyLayoutInPieces(
  file: ElfFile,
  info: SlideInfo,
  layout: Layout,
  name: string,
  memory: ImageMemory,
): { readonly file: ElfFile; readonly pieces: () => Iterable<Uint8Array> } {
  const unordered = moveAll(file, info, layout, name, memory);
  const { moves } = unordered;
  const pieces = () => (keepsOrder(moves) ? [unordered.bytes] : orderedPieces(unordered, u8(moves.arena, CHUNK, 16)));
  return { file: unordered.file, pieces };
}

function* orderedPieces({ bytes, moves, growth }: Unordered, chunk: Uint8Array): Iterable<Uint8Array> {
  const { offset, oldEnd } = growth;
  const { textSize } = moves.layout;
  yield bytes.subarray(0, offset);
  let next = 0;
  for (let from = 0; from < textSize; from += CHUNK) {
    const part = chunk.subarray(0, Math.min(CHUNK, textSize - from));
    next = arrangeText(moves, bytes.byteOffset + offset, part, from, next);
    yield part;
  }
  bytes.fill(0, offset + textSize, oldEnd);
  yield bytes.subarray(offset + textSize);
}

/**
 * Fills `part` with what the new text has from `from` on; `code` is the address of the old one, `next` the first unit in
 * the new order that ends behind `from`. Returns the first that ends behind the part.
 */
function arrangeText(moves: Moves, code: number, part: Uint8Array, from: number, next: number): number {
  const { info, units, order, arena } = moves;
  return arena.kernels.arrangeText(
    part.byteOffset,
    from,
    from + part.length,
    code,
    codeStart(info.units),
    TRAP,
    order.byteOffset,
    order.length,
    next,
    units.offset,
    units.size,
    units.to,
  );
}
