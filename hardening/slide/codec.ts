/**
 * SlideInfo as the bytes of a section that is never loaded, and back.
 *
 * The section travels with the image from the build to each launch, through hands that may strip, edit or forge it. It
 * carries a hash of what it describes (the program's segments and its code), so that one that belongs to another image,
 * or to this one before somebody changed it, is refused. A forged one can do no more harm than the image itself could,
 * as long as nothing outside the image is touched; so on reading every number is checked: positions ascend and lie in
 * their segment, fields do not overlap, units cover no byte twice, and nothing is allocated on a mere claim.
 *
 * Form, all numbers LEB128 unless said otherwise:
 *
 *   "CSLD", version byte, kind byte (0: this; 1: where units went, see placement below), two zero bytes, hash (16 bytes)
 *   segments:  count, for each: bytes in the file, bytes in memory
 *   text:      its segment; count of units, of pinned, of trailing ones; for each: gap before it, size, log2 of alignment
 *   header:    0, or segment + 1, offset and entries of .eh_frame_hdr
 *   groups:    count, for each: encoding, segment, target (and its parameter), count, then by field the distance from the
 *              end of the field before; for named units then by field the signed difference from the unit before
 *   padding:   zeros, so that the section is as long as what takes its place in a slid image
 *
 * A slid image carries, in place of this, where its units went: kind 1, the same hash, size of text, count of units, and
 * the offset of each as signed difference from the one before.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { createHash } from '../../base/node.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import {
  createWriter,
  putBytes,
  putNumber,
  putSigned,
  type Reader,
  takeNumber,
  takeSigned,
  type Writer,
  written,
} from './bytes.ts';
import { fileBytes } from './file-bytes.ts';
import {
  type Encoding,
  type FieldGroup,
  type FrameHeader,
  fieldWidths,
  isDistance,
  type SlideInfo,
  type SlideSegment,
  type Target,
  type Units,
} from './slide-info.ts';

export const SLIDE_SECTION = '.casemate.slide';
/** Of both kinds of section: in the range that the gABI leaves to applications (SHT_LOUSER and up). */
export const SHT_CASEMATE_SLIDE = 0x80c5_0001;

const MAGIC = [0x43, 0x53, 0x4c, 0x44];
const VERSION = 1;
const KIND_INFO = 0;
const KIND_PLACEMENT = 1;
/** Where the hash is, and its bytes. */
export const HASH_AT = 8;
export const HASH = 16;
const HEADER = HASH_AT + HASH;

const targetKinds = ['segment', 'end', 'nearest', 'units', 'fixed'] as const;

/** Where the units of a slid image are. */
export interface Placement {
  readonly textSize: number;
  readonly unitOffset: Uint32Array;
  /** Of the image that was slid. */
  readonly hash: Uint8Array;
}

/** What the info holds true for: 16 bytes over the sizes of its segments and the bytes of the code. */
export function describedHash(file: ElfFile, segments: readonly SlideSegment[], text: number): Uint8Array {
  const bytes = fileBytes(file);
  const hash = createHash('sha256');
  for (const { fileSize, memorySize } of segments) hash.update(`${fileSize} ${memorySize}\n`);
  const code = file.segments[segments[text]!.index]!;
  hash.update(bytes.subarray(code.offset, code.offset + code.fileSize));
  return new Uint8Array(hash.digest().subarray(0, HASH));
}

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
    putNumber(writer, offset[i]! - elf.alignUp(end, align[i]!));
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
export function encodePlacement({ textSize, unitOffset, hash }: Placement): Uint8Array {
  const writer = startSection(KIND_PLACEMENT, hash);
  putNumber(writer, textSize);
  putNumber(writer, unitOffset.length);
  let before = 0;
  for (const offset of unitOffset) {
    putSigned(writer, offset - before);
    before = offset;
  }
  return written(writer);
}

/** What kind of section this is. Errors: 'malformed-elf', 'unsupported-input' for another version. */
export function sectionKind(bytes: Uint8Array, what: string): 'info' | 'placement' {
  if (bytes.length < HEADER || MAGIC.some((byte, i) => bytes[i] !== byte)) {
    fail('malformed-elf', `${what}: is not a slide section`);
  }
  if (bytes[4] !== VERSION) {
    fail('unsupported-input', `${what}: is of version ${bytes[4]}, this program reads version ${VERSION}`);
  }
  const kind = bytes[5]!;
  if (kind > KIND_PLACEMENT || bytes[6] !== 0 || bytes[7] !== 0) fail('malformed-elf', `${what}: has a damaged header`);
  return kind === KIND_INFO ? 'info' : 'placement';
}

function malformed(reader: Reader, why: string): never {
  return fail('malformed-elf', `${reader.what}: ${why}`);
}

/** A count of things that take at least `least` bytes each. */
function takeCount(reader: Reader, least: number, what: string): number {
  const count = takeNumber(reader);
  const left = reader.bytes.length - reader.at;
  if (count * least > left) malformed(reader, `${count} ${what} do not fit the ${left} bytes left`);
  return count;
}

/** log2 of an alignment. */
function takeAlign(reader: Reader): number {
  const log = takeNumber(reader);
  if (log > 30) malformed(reader, `an alignment of 2^${log}`);
  return 2 ** log;
}

/**
 * The program headers that the info means: the last PT_LOADs of its sizes, in order. Those that were added since (a
 * start-up stub, which comes before the program and may have the size of one of its parts) are passed over.
 */
function takeSegments(reader: Reader, file: ElfFile): SlideSegment[] {
  const count = takeCount(reader, 2, 'segments');
  const sizes = Array.from({ length: count }, () => [takeNumber(reader), takeNumber(reader)] as const);
  const segments: SlideSegment[] = [];
  let index = file.segments.length - 1;
  for (const [fileSize, memorySize] of sizes.toReversed()) {
    while (index >= 0 && !isLoad(file, index, fileSize, memorySize)) index--;
    const found = file.segments[index];
    if (!found) {
      return malformed(reader, `no segment of ${fileSize} bytes in the file and ${memorySize} in memory is left in it`);
    }
    const address = Number(found.address);
    if (!Number.isSafeInteger(address + memorySize)) malformed(reader, `a segment at ${hex(found.address)}`);
    segments.push({ index, address, fileSize, memorySize, align: Math.max(1, found.align), flags: found.flags });
    index--;
  }
  return segments.toReversed();
}

function isLoad({ segments }: ElfFile, index: number, fileSize: number, memorySize: number): boolean {
  const { type, fileSize: inFile, memorySize: inMemory } = segments[index]!;
  return type === elf.PT_LOAD && inFile === fileSize && inMemory === memorySize;
}

function takeUnits(reader: Reader, segment: SlideSegment): Units {
  const count = takeCount(reader, 3, 'units');
  const pinned = takeNumber(reader);
  const trailing = takeNumber(reader);
  if (pinned + trailing > count) malformed(reader, `${pinned} pinned and ${trailing} trailing of ${count} units`);
  const offset = new Uint32Array(count);
  const size = new Uint32Array(count);
  const align = new Uint32Array(count);
  let end = 0;
  for (let i = 0; i < count; i++) {
    const gap = takeNumber(reader);
    size[i] = takeNumber(reader);
    align[i] = takeAlign(reader);
    const at = elf.alignUp(end, align[i]!) + gap;
    end = at + size[i]!;
    if (size[i] === 0) malformed(reader, `unit ${i} has no bytes`);
    if (at % align[i]! !== 0) malformed(reader, `unit ${i} is at ${hex(at)}, not aligned to ${align[i]}`);
    if (align[i]! > segment.align)
      malformed(reader, `unit ${i} has alignment ${align[i]}, its segment ${segment.align}`);
    if (end > segment.fileSize) malformed(reader, `unit ${i} ends at ${hex(end)} of ${hex(segment.fileSize)} bytes`);
    offset[i] = at;
  }
  return { offset, size, align, pinned, trailing };
}

function takeTarget(reader: Reader, segments: number, encoding: Encoding): { target: Target; named: boolean } {
  const kind = targetKinds[takeNumber(reader)];
  switch (kind) {
    case 'segment': {
      const segment = takeNumber(reader);
      if (segment >= segments) malformed(reader, `a target in segment ${segment} of ${segments}`);
      return { target: { kind, segment }, named: false };
    }
    case 'end':
      return { target: { kind, align: takeAlign(reader) }, named: false };
    case 'units':
      return { target: { kind, units: new Uint32Array(0) }, named: true };
    case 'nearest':
      return { target: { kind }, named: false };
    case 'fixed':
      if (!isDistance(encoding)) malformed(reader, 'an absolute field of a target that does not move');
      return { target: { kind }, named: false };
    default:
      return malformed(reader, 'an unknown kind of target');
  }
}

/**
 * Reads the offsets of a group. `used` has a bit for each byte of the segment, of `limit` bytes, that a field holds.
 * Returns -1, or the offset of a field that overlaps another or the segment's end. One of the two hot loops of reading.
 */
function takeOffsets(reader: Reader, offsets: Uint32Array, width: number, limit: number, used: Uint32Array): number {
  const { bytes } = reader;
  const mask = width === 8 ? 0xff : 0xf;
  let from = reader.at;
  let end = 0;
  for (let i = 0; i < offsets.length; i++) {
    let distance = from < bytes.length ? bytes[from]! : 0x80;
    if (distance < 0x80) from++;
    else {
      reader.at = from;
      distance = takeNumber(reader);
      from = reader.at;
    }
    const at = end + distance;
    end = at + width;
    if (end > limit) return at;
    const word = at >>> 5;
    const bit = at & 31;
    const low = mask << bit;
    const high = bit > 24 ? mask >>> (32 - bit) : 0;
    if ((used[word]! & low) !== 0 || (used[word + 1]! & high) !== 0) return at;
    used[word]! |= low;
    used[word + 1]! |= high;
    offsets[i] = at;
  }
  reader.at = from;
  return -1;
}

function takeGroup(reader: Reader, segments: readonly SlideSegment[], units: number, taken: Uint32Array[]): FieldGroup {
  const encoding = takeNumber(reader) as Encoding;
  const width = fieldWidths[encoding];
  if (width === undefined) malformed(reader, `unknown encoding ${encoding}`);
  const segment = takeNumber(reader);
  const limit = segments[segment]?.fileSize ?? malformed(reader, `fields in segment ${segment} of ${segments.length}`);
  const { target, named } = takeTarget(reader, segments.length, encoding);
  const count = takeCount(reader, named ? 2 : 1, 'fields');
  const offsets = new Uint32Array(count);
  taken[segment] ??= new Uint32Array((limit >>> 5) + 2);
  const bad = takeOffsets(reader, offsets, width!, limit, taken[segment]);
  if (bad >= 0) malformed(reader, `the field at ${hex(bad)} of segment ${segment} overlaps another or its end`);
  if (!named) return { encoding, segment, target, offsets };
  const list = new Uint32Array(count);
  let unit = 0;
  for (let i = 0; i < count; i++) {
    unit += takeSigned(reader);
    if (unit < 0 || unit >= units) malformed(reader, `a target in unit ${unit} of ${units}`);
    list[i] = unit;
  }
  return { encoding, segment, target: { kind: 'units', units: list }, offsets };
}

/** Offset of the first field, of those ascending in `offsets`, that no unit holds as a whole; or -1. */
function fieldOutsideUnits(offsets: Uint32Array, width: number, starts: Uint32Array, sizes: Uint32Array): number {
  let unit = -1;
  let start = 0;
  let end = 0;
  for (let i = 0; i < offsets.length; i++) {
    const at = offsets[i]!;
    while (at + width > end) {
      unit++;
      if (unit === starts.length) return at;
      start = starts[unit]!;
      end = start + sizes[unit]!;
    }
    if (at < start) return at;
  }
  return -1;
}

/** Fields move with their unit, so none may reach out of it. */
function checkFieldsInUnits(reader: Reader, groups: readonly FieldGroup[], text: number, units: Units): void {
  for (const { segment, offsets, encoding } of groups) {
    if (segment !== text) continue;
    const bad = fieldOutsideUnits(offsets, fieldWidths[encoding], units.offset, units.size);
    if (bad >= 0) malformed(reader, `the field at ${hex(bad)} of the text segment lies in no unit`);
  }
}

function takeFrameHeader(reader: Reader, segments: readonly SlideSegment[]): FrameHeader | undefined {
  const segment = takeNumber(reader) - 1;
  if (segment < 0) return undefined;
  const offset = takeNumber(reader);
  const entries = takeNumber(reader);
  const limit = segments[segment]?.fileSize ?? malformed(reader, `.eh_frame_hdr in segment ${segment}`);
  if (offset + 12 + entries * 8 > limit)
    malformed(reader, `.eh_frame_hdr of ${entries} entries does not fit its segment`);
  return { segment, offset, entries };
}

/**
 * Reads the section of `file`; `name` names the file in messages. Errors: 'malformed-elf'; 'unsupported-input' for
 * another version; 'image' when it describes another image, or the image was slid already.
 */
export function decodeSlideInfo(bytes: Uint8Array, file: ElfFile, name: string): SlideInfo {
  const what = `${printable(name)}: ${SLIDE_SECTION}`;
  if (sectionKind(bytes, what) === 'placement') {
    fail('image', `${printable(name)}: was slid already; slide the image that it was made from`);
  }
  const reader: Reader = { bytes, at: HEADER, what };
  const segments = takeSegments(reader, file);
  const text = takeNumber(reader);
  const code = segments[text] ?? malformed(reader, `text in segment ${text} of ${segments.length}`);
  if (code.fileSize !== code.memorySize) malformed(reader, 'the text segment is not all in the file');
  checkHash(bytes, describedHash(file, segments, text), name);
  const units = takeUnits(reader, code);
  if (units.offset.length === 0) malformed(reader, 'no units');
  const header = takeFrameHeader(reader, segments);
  const count = takeCount(reader, 4, 'groups');
  const taken: Uint32Array[] = [];
  const groups: FieldGroup[] = [];
  for (let i = 0; i < count; i++) groups.push(takeGroup(reader, segments, units.offset.length, taken));
  checkFieldsInUnits(reader, groups, text, units);
  checkEnd(reader);
  return { segments, text, units, groups, ...(header ? { frameHeader: header } : {}) };
}

/** Nothing but padding may follow. */
function checkEnd(reader: Reader): void {
  const { bytes, at } = reader;
  for (let i = at; i < bytes.length; i++)
    if (bytes[i] !== 0) malformed(reader, `${bytes.length - at} bytes follow its end`);
}

function checkHash(bytes: Uint8Array, expected: Uint8Array, name: string): void {
  if (expected.every((byte, i) => bytes[8 + i] === byte)) return;
  const shown = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
  fail(
    'image',
    `${printable(name)}: ${SLIDE_SECTION} describes an image of hash ${shown(bytes.subarray(8, HEADER))}, but this one ` +
      `has ${shown(expected)}; build it again`,
  );
}

/** Reads the section of a slid image. Errors: 'malformed-elf'; 'image' when it was not slid. */
export function decodePlacement(bytes: Uint8Array, units: number, name: string): Placement {
  const what = `${printable(name)}: ${SLIDE_SECTION}`;
  if (sectionKind(bytes, what) === 'info') fail('image', `${printable(name)}: was not slid`);
  const reader: Reader = { bytes, at: HEADER, what };
  const textSize = takeNumber(reader);
  const count = takeCount(reader, 1, 'units');
  if (count !== units) malformed(reader, `places ${count} units, but the image has ${units}`);
  const unitOffset = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < count; i++) {
    at += takeSigned(reader);
    if (at < 0 || at > 0xffffffff) malformed(reader, `unit ${i} is at ${at}`);
    unitOffset[i] = at;
  }
  checkEnd(reader);
  return { textSize, unitOffset, hash: bytes.slice(8, HEADER) };
}
