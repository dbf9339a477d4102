/**
 * Writes the slide section: what a launch must know of an image, or where a slid image's units went. Form: codec.ts.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { allocate } from '../../linker/arena.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { createWriter, putBytes, putNumber, putSigned, type Writer, written } from './bytes.ts';
import {
  describedHash,
  HEADER,
  KIND_INFO,
  KIND_PLACEMENT,
  MAGIC,
  type Placement,
  targetKinds,
  VERSION,
} from './codec.ts';
import { createSlideArena, type SlideArena, wordsIn } from './kernels/kernels.ts';
import { type FieldGroup, fieldWidths, type SlideInfo, type Units } from './slide-info.ts';

function startSection(kind: number, hash: Uint8Array): Writer {
  const writer = createWriter();
  putBytes(writer, Uint8Array.from([...MAGIC, VERSION, kind, 0, 0]));
  putBytes(writer, hash);
  return writer;
}

function putUnits(writer: Writer, { offset, size, align, pinned, trailing }: Units): void {
  putNumber(writer, offset.length);
  putNumber(writer, pinned);
  putNumber(writer, trailing);
  let end = 0;
  for (let i = 0; i < offset.length; i++) {
    putNumber(writer, offset[i]! - alignUp(end, align[i]!));
    putNumber(writer, size[i]!);
    putNumber(writer, Math.log2(align[i]!));
    end = offset[i]! + size[i]!;
  }
}

function putGroup(writer: Writer, { encoding, segment, target, offsets }: FieldGroup): void {
  putNumber(writer, encoding);
  putNumber(writer, segment);
  putNumber(writer, targetKinds.indexOf(target.kind));
  if (target.kind === 'segment') putNumber(writer, target.segment);
  if (target.kind === 'end') putNumber(writer, Math.log2(target.align));
  putNumber(writer, offsets.length);
  let end = 0;
  for (const offset of offsets) {
    putNumber(writer, offset - end);
    end = offset + fieldWidths[encoding];
  }
  if (target.kind !== 'units') return;
  let before = 0;
  for (const unit of target.units) {
    putSigned(writer, unit - before);
    before = unit;
  }
}

/** The bytes of the section. `file`: the image that `info` describes. */
export function encodeSlideInfo(info: SlideInfo, file: ElfFile): Uint8Array {
  const writer = startSection(KIND_INFO, describedHash(file, info.segments, info.text));
  putNumber(writer, info.segments.length);
  for (const { fileSize, memorySize } of info.segments) {
    putNumber(writer, fileSize);
    putNumber(writer, memorySize);
  }
  putNumber(writer, info.text);
  putUnits(writer, info.units);
  const header = info.frameHeader;
  putNumber(writer, header ? header.segment + 1 : 0);
  if (header) {
    putNumber(writer, header.offset);
    putNumber(writer, header.entries);
  }
  putNumber(writer, info.groups.length);
  for (const group of info.groups) putGroup(writer, group);
  // Room for what takes its place in a slid image.
  const room = HEADER + 5 * (2 + info.units.offset.length);
  if (writer.at < room) putBytes(writer, new Uint8Array(room - writer.at));
  return written(writer);
}

/** The bytes of a slid image's section. */
export function encodePlacement(
  { textSize, unitOffset, hash }: Placement,
  arena: SlideArena = createSlideArena(),
): Uint8Array {
  const writer = startSection(KIND_PLACEMENT, hash);
  putNumber(writer, textSize);
  putNumber(writer, unitOffset.length);
  const list = allocate(arena, 5 * unitOffset.length);
  const end = arena.kernels.writeDifferences(wordsIn(arena, unitOffset), unitOffset.length, list) >>> 0;
  putBytes(writer, arena.bytes.subarray(list, end));
  return written(writer);
}
