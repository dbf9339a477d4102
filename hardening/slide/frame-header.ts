/**
 * .eh_frame_hdr after a move: its table of (function, exception record) is sorted by function, so new addresses are a
 * new order. Each function's address is taken from its record, whose field was moved like any other.
 * Source: Linux Standard Base 5.0, "The .eh_frame_hdr section".
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { allocate } from '../../linker/arena.ts';
import { type ElfFile, viewOf } from '../../linker/elf-file.ts';
import { fileBytes } from './file-bytes.ts';
import type { Growth } from './grown-file.ts';
import { sortScratch, wordsIn } from './kernels/kernels.ts';
import { FRAME_TABLE } from './kernels/numbers.ts';
import type { Moves } from './moves.ts';
import type { SlideInfo } from './slide-info.ts';

const ENTRY = 8;
/** version 1; pointer to .eh_frame: relative, signed 4 bytes; count: 4 bytes; table: relative to the header, signed 4 bytes. */
export const FRAME_HEADER_START = 0x3b031b01;

/** Records that the table of `file` names, as distances from the header. Errors: 'unsupported-input' for another form. */
export function frameRecords(file: ElfFile, info: SlideInfo, name: string): Int32Array {
  const header = info.frameHeader;
  if (!header || header.entries === 0) return new Int32Array(0);
  const own = info.segments[header.segment]!;
  const before = file.segments[own.index]!.offset + header.offset;
  const old = viewOf(fileBytes(file));
  const wrong = (why: string): never => fail('unsupported-input', `${printable(name)}: .eh_frame_hdr ${why}`);
  if (old.getUint32(before, true) !== FRAME_HEADER_START || old.getUint32(before + 8, true) !== header.entries) {
    wrong(`begins with ${hex(old.getUint32(before, true))} and ${old.getUint32(before + 8, true)} entries`);
  }
  const limit = own.fileSize - header.offset - 12;
  const { entries } = header;
  const records = new Int32Array(entries);
  for (let i = 0; i < entries; i++) {
    const at = before + FRAME_TABLE + i * ENTRY;
    const record = old.getInt32(at + 4, true);
    if (record < -header.offset || record > limit)
      wrong(`names a record at ${hex(record)} from it, outside its segment`);
    // The record's own field, 8 bytes into it, is a signed distance.
    if (record + 8 + old.getInt32(before + record + 8, true) !== old.getInt32(at, true)) {
      wrong(`and the record at ${hex(own.address + header.offset + record)} give different addresses for a function`);
    }
    records[i] = record;
  }
  return records;
}

/** Makes the table in `bytes`, the new file whose fields are moved, in the arena. */
export function moveFrameHeader(
  bytes: Uint8Array,
  file: ElfFile,
  { info, arena }: Moves,
  growth: Growth,
  records: Int32Array,
  name: string,
): void {
  const header = info.frameHeader;
  if (!header || records.length === 0) return;
  const { offset } = file.segments[info.segments[header.segment]!.index]!;
  const at = bytes.byteOffset + offset + header.offset + (offset >= growth.oldEnd ? growth.shift : 0);
  const count = records.length;
  const [keys, order] = [allocate(arena, 4 * count), allocate(arena, 4 * count)];
  const done = arena.kernels.sortFrames(at, wordsIn(arena, records), count, keys, order, sortScratch(arena, count));
  if (done < count) {
    fail('relocation', `${printable(name)}: .eh_frame_hdr is too far from a function; keep the parts within 2 GiB`);
  }
}
