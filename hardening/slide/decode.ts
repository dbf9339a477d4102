/**
 * Reads the slide section. Form: codec.ts. Every number is checked, since the section came through other hands.
 *
 * A launch waits for this, so the long lists are read by kernels; what is said about a damaged one is said here.
 */
import { fail, hex, printable } from '../../base/errors.ts';
import { adopt, allocate, giveBack, u32 } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { type Reader, takeNumber, takeSigned } from './bytes.ts';
import { describedHash, HASH_AT, HEADER, type Placement, SLIDE_SECTION, sectionKind, targetKinds } from './codec.ts';
import { createSlideArena, type KernelResult, resultOf, type SlideArena } from './kernels/kernels.ts';
import * as numbers from './kernels/numbers.ts';
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

/** A reader whose bytes are in an arena, for kernels to go on where it is. */
interface SectionReader extends Reader {
  readonly arena: SlideArena;
  /** What the last kernel said. */
  result: KernelResult;
  /** Address of the block that it says it in. */
  readonly block: number;
}

function malformed(reader: Reader, why: string): never {
  return fail('malformed-elf', `${reader.what}: ${why}`);
}

/** Lets a kernel read on from where `reader` is; returns what it returns. Errors: 'malformed-elf' for a damaged number. */
function readList(reader: SectionReader, read: (from: number, end: number, block: number) => number): number {
  const { arena, bytes, block } = reader;
  const start = bytes.byteOffset;
  const status = read(start + reader.at, start + bytes.length, block);
  reader.result = resultOf(arena, block);
  reader.at = reader.result.at - start;
  // It is where the number begins, and that says what is wrong with it.
  if (status === numbers.READ_BAD_NUMBER) takeNumber(reader);
  return status;
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

/** What a kernel's answer means of the lists of units; `at` is where the unit is, `log` an alignment's. */
function refuseUnit(
  reader: SectionReader,
  status: number,
  units: Omit<Units, 'pinned' | 'trailing'>,
  segment: SlideSegment,
): never {
  const { index: i, value } = reader.result;
  const [bytes, alignment] = [units.size[i]!, units.align[i]!];
  switch (status) {
    case numbers.READ_BAD_ALIGN:
      return malformed(reader, `an alignment of 2^${value}`);
    case numbers.READ_EMPTY_UNIT:
      return malformed(reader, `unit ${i} has no bytes`);
    case numbers.READ_MISALIGNED:
      return malformed(reader, `unit ${i} is at ${hex(value)}, not aligned to ${alignment}`);
    case numbers.READ_OVERALIGNED:
      return malformed(reader, `unit ${i} has alignment ${alignment}, its segment ${segment.align}`);
    default:
      return malformed(reader, `unit ${i} ends at ${hex(value + bytes)} of ${hex(segment.fileSize)} bytes`);
  }
}

function takeUnits(reader: SectionReader, segment: SlideSegment): Units {
  const count = takeCount(reader, 3, 'units');
  const pinned = takeNumber(reader);
  const trailing = takeNumber(reader);
  if (pinned + trailing > count) malformed(reader, `${pinned} pinned and ${trailing} trailing of ${count} units`);
  const { arena } = reader;
  const [offset, size, align] = [u32(arena, count), u32(arena, count), u32(arena, count)];
  const status = readList(reader, (from, end, result) =>
    arena.kernels.readUnits(
      from,
      end,
      count,
      segment.fileSize,
      segment.align,
      offset.byteOffset,
      size.byteOffset,
      align.byteOffset,
      result,
    ),
  );
  if (status !== numbers.READ_DONE) refuseUnit(reader, status, { offset, size, align }, segment);
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

/** The fields of a group; `used` as the kernel wants it: a bit for each byte of the segment that a field holds. */
function takeOffsets(
  reader: SectionReader,
  count: number,
  width: number,
  limit: number,
  segment: number,
  used: number,
) {
  const { arena } = reader;
  const offsets = u32(arena, count);
  const reach = Math.min(limit, 0xffffffff);
  const status = readList(reader, (from, end, result) =>
    arena.kernels.readOffsets(from, end, count, width, reach, offsets.byteOffset, used, result),
  );
  if (status !== numbers.READ_DONE) {
    malformed(reader, `the field at ${hex(reader.result.value)} of segment ${segment} overlaps another or its end`);
  }
  return offsets;
}

function takeNamedUnits(reader: SectionReader, count: number, units: number): Uint32Array {
  const { arena } = reader;
  const list = u32(arena, count);
  const status = readList(reader, (from, end, result) =>
    arena.kernels.readNamedUnits(from, end, count, units, list.byteOffset, result),
  );
  if (status !== numbers.READ_DONE) malformed(reader, `a target in unit ${reader.result.value} of ${units}`);
  return list;
}

/** Bytes of the bits of `takeOffsets` for a segment of `limit` bytes. */
function takenSize(limit: number): number {
  return Math.ceil(limit / 8) + 8;
}

/** Gives back what told which bytes fields hold: the rest of a slide needs as much again. */
function giveBackTaken({ arena }: SectionReader, segments: readonly SlideSegment[], taken: readonly number[]): void {
  taken.forEach((at, segment) => {
    const size = takenSize(segments[segment]!.fileSize);
    arena.kernels.clearBytes(at, size);
    giveBack(arena, at, size);
  });
}

/** `taken`: by segment, address of the bits of `takeOffsets`. */
function takeGroup(
  reader: SectionReader,
  segments: readonly SlideSegment[],
  units: number,
  taken: number[],
): FieldGroup {
  const encoding = takeNumber(reader) as Encoding;
  const width = fieldWidths[encoding];
  if (width === undefined) malformed(reader, `unknown encoding ${encoding}`);
  const segment = takeNumber(reader);
  const limit = segments[segment]?.fileSize ?? malformed(reader, `fields in segment ${segment} of ${segments.length}`);
  const { target, named } = takeTarget(reader, segments.length, encoding);
  const count = takeCount(reader, named ? 2 : 1, 'fields');
  // The kernel reads and writes 64 bits at the byte of a field's first bit.
  taken[segment] ??= allocate(reader.arena, takenSize(limit));
  const offsets = takeOffsets(reader, count, width!, limit, segment, taken[segment]);
  if (!named) return { encoding, segment, target, offsets };
  return { encoding, segment, target: { kind: 'units', units: takeNamedUnits(reader, count, units) }, offsets };
}

/** Fields move with their unit, so none may reach out of it. */
function checkFieldsInUnits(reader: SectionReader, groups: readonly FieldGroup[], text: number, units: Units): void {
  const { offset, size } = units;
  for (const { segment, offsets, encoding } of groups) {
    if (segment !== text) continue;
    const bad = reader.arena.kernels.fieldOutsideUnits(
      offsets.byteOffset,
      offsets.length,
      fieldWidths[encoding],
      offset.byteOffset,
      size.byteOffset,
      offset.length,
    );
    if (bad < offsets.length)
      malformed(reader, `the field at ${hex(offsets[bad]!)} of the text segment lies in no unit`);
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
 * another version; 'image' when it describes another image, or the image was slid already; 'limit'. The lists of what
 * comes back are in `arena`.
 */
export function decodeSlideInfo(
  section: Uint8Array,
  file: ElfFile,
  name: string,
  arena: SlideArena = createSlideArena(),
): SlideInfo {
  const what = `${printable(name)}: ${SLIDE_SECTION}`;
  if (sectionKind(section, what) === 'placement') {
    fail('image', `${printable(name)}: was slid already; slide the image that it was made from`);
  }
  const bytes = new Uint8Array(arena.bytes.buffer, adopt(arena, section), section.length);
  const block = allocate(arena, 4 * numbers.RESULT_WORDS);
  const reader: SectionReader = { bytes, at: HEADER, what, arena, block, result: { at: 0, index: 0, value: 0 } };
  const segments = takeSegments(reader, file);
  const text = takeNumber(reader);
  const code = segments[text] ?? malformed(reader, `text in segment ${text} of ${segments.length}`);
  if (code.fileSize !== code.memorySize) malformed(reader, 'the text segment is not all in the file');
  checkHash(bytes, describedHash(file, segments, text), name);
  const units = takeUnits(reader, code);
  if (units.offset.length === 0) malformed(reader, 'no units');
  const header = takeFrameHeader(reader, segments);
  const count = takeCount(reader, 4, 'groups');
  const taken: number[] = [];
  const groups: FieldGroup[] = [];
  for (let i = 0; i < count; i++) groups.push(takeGroup(reader, segments, units.offset.length, taken));
  giveBackTaken(reader, segments, taken);
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
  if (expected.every((byte, i) => bytes[HASH_AT + i] === byte)) return;
  const shown = (hash: Uint8Array): string => Buffer.from(hash).toString('hex');
  fail(
    'image',
    `${printable(name)}: ${SLIDE_SECTION} describes an image of hash ${shown(bytes.subarray(HASH_AT, HEADER))}, but this one ` +
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
  return { textSize, unitOffset, hash: bytes.slice(HASH_AT, HEADER) };
}
