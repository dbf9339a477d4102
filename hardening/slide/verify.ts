/**
 * Proves that one image is a slide of another: the same program, moved, and nothing else.
 *
 * Whoever receives a slid image can run this against the image that was reviewed. It shares no code with what moved it
 * and works the other way round: the slid image is put back. Units return to where the base has them, each field is
 * relieved of what its target moved, and what comes out must be the base, byte for byte. What has no counterpart in the
 * base (gaps in the code, the order of .eh_frame_hdr) is checked on its own; headers are compared in verify-headers.ts.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { hex, printable } from '../../base/errors.ts';
import * as elf from '../../linker/elf.ts';
import { type ElfFile, viewOf } from '../../linker/elf-file.ts';
import { describedHash, type Placement } from './codec.ts';
import { type Comparison, differs } from './comparison.ts';
import { fileBytes } from './file-bytes.ts';
import {
  CODE_BIAS,
  codeStart,
  Encoding,
  encodingNames,
  fieldWidths,
  isDistance,
  type SlideInfo,
  unitAt,
} from './slide-info.ts';
import { readPlacement } from './slide-section.ts';
import { checkHeaders } from './verify-headers.ts';

/** int3 */
const TRAP = 0xcc;

/**
 * Passes when `slid` is a slide of `base`, which `info` describes; it then returns where the segments and units are.
 * Errors: 'image' with the first difference; 'malformed-elf' for a damaged record of the placement.
 */
export function checkSlide(
  base: ElfFile,
  slid: ElfFile,
  info: SlideInfo,
  name = { base: 'base', slid: 'slid' },
): { readonly segmentAddress: readonly number[]; readonly placement: Placement } {
  const placement = readPlacement(slid, info.units.offset.length, name.slid);
  const hash = describedHash(base, info.segments, info.text);
  if (!hash.every((byte, i) => byte === placement.hash[i])) {
    const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
    differs({ name }, `it was made from the image of hash ${shown(placement.hash)}, not ${shown(hash)}`);
  }
  const header = matchSegments(base, slid, info, placement, name);
  const address = header.map((index) => Number(slid.segments[index]!.address));
  const place = placesOf(base, slid, info, name);
  const comparison: Comparison = { base, slid, info, placement, header, address, place, name };
  checkPlacement(comparison);
  info.segments.forEach((_, i) => {
    checkContents(comparison, i);
  });
  checkHeaders(comparison);
  checkRest(comparison);
  return { segmentAddress: address, placement };
}

/** See Comparison: the file is longer by what a longer text moved back, and by nothing else. */
function placesOf(base: ElfFile, slid: ElfFile, info: SlideInfo, name: Comparison['name']): Comparison['place'] {
  const shift = slid.size - base.size;
  if (shift < 0) differs({ name }, `its file has ${slid.size} bytes, the base's ${base.size}`);
  const text = base.segments[info.segments[info.text]!.index]!;
  const end = text.offset + text.fileSize;
  return (offset) => (offset >= end ? offset + shift : offset);
}

/** Bytes that nothing describes and nothing loads are the base's, or zeros. */
function checkRest(comparison: Comparison): void {
  const { base, slid, place } = comparison;
  const expected = new Uint8Array(slid.size);
  for (const { offset, data } of base.rest) {
    for (let i = 0; i < data.length; i++) expected[place(offset + i)] = data[i]!;
  }
  const loads = slid.segments.filter(({ type, fileSize }) => type === elf.PT_LOAD && fileSize > 0);
  for (const { offset, data } of slid.rest) {
    for (let i = 0; i < data.length; i++) {
      const at = offset + i;
      if (data[i] === 0 || data[i] === expected[at]) continue;
      if (loads.some((load) => at >= load.offset && at < load.offset + load.fileSize)) continue;
      differs(comparison, `nothing accounts for the byte ${hex(data[i]!)} at ${hex(at)} of the file`);
    }
  }
}

/** The program headers of the slid image, by segment of the info: its PT_LOADs come in the base's order in the file. */
function matchSegments(
  base: ElfFile,
  slid: ElfFile,
  info: SlideInfo,
  placement: Placement,
  name: Comparison['name'],
): number[] {
  const loads = (file: ElfFile): number[] =>
    [...file.segments.keys()]
      .filter((i) => file.segments[i]!.type === elf.PT_LOAD && file.segments[i]!.memorySize > 0)
      .sort((a, b) => orderInFile(file, a) - orderInFile(file, b) || a - b);
  const ours = loads(base);
  const theirs = loads(slid);
  if (ours.length !== theirs.length) differs({ name }, `it loads ${theirs.length} segments, the base ${ours.length}`);
  ours.forEach((index, n) => {
    const [a, b] = [base.segments[index]!, slid.segments[theirs[n]!]!];
    const own = info.segments.findIndex((segment) => segment.index === index);
    const size = own === info.text ? placement.textSize : undefined;
    const what = `the segment at ${hex(b.address)}`;
    if (b.fileSize !== (size ?? a.fileSize) || b.memorySize !== (size ?? a.memorySize)) {
      differs(
        { name },
        `${what} has ${b.fileSize} bytes in the file and ${b.memorySize} in memory; the base ${a.fileSize} and ${a.memorySize}`,
      );
    }
    if (b.flags !== a.flags || b.align !== a.align) {
      differs({ name }, `${what} has flags ${b.flags} and alignment ${b.align}, in the base ${a.flags} and ${a.align}`);
    }
    if (own < 0 && (a.address !== b.address || a.loadAddress !== b.loadAddress)) {
      differs({ name }, `${what} is at ${hex(a.address)} in the base, and should not move`);
    }
    if (b.loadAddress - b.address !== a.loadAddress - a.address) {
      differs({ name }, `${what} is loaded at ${hex(b.loadAddress)}`);
    }
    if ((b.address - a.address) % BigInt(Math.max(1, a.align)) !== 0n)
      differs({ name }, `${what} breaks its alignment`);
    if (own < 0 && !sameBytes(partOf(base, index), partOf(slid, theirs[n]!)))
      differs({ name }, `${what} has other bytes`);
  });
  const places = theirs.map((i) => slid.segments[i]!).sort((a, b) => (a.address < b.address ? -1 : 1));
  places.slice(1).forEach((segment, i) => {
    const before = places[i]!;
    if (before.address + BigInt(before.memorySize) > segment.address) {
      differs({ name }, `the segment at ${hex(segment.address)} overlaps the one at ${hex(before.address)}`);
    }
  });
  return info.segments.map(({ index }) => theirs[ours.indexOf(index)]!);
}

/** Segments without bytes in the file have nominal offsets only; they go by address, behind the others. */
function orderInFile({ segments }: ElfFile, i: number): number {
  const { offset, fileSize, address } = segments[i]!;
  return fileSize > 0 ? offset : Number.MAX_SAFE_INTEGER / 2 + Number(address) / 2 ** 12;
}

function partOf(file: ElfFile, index: number): Uint8Array {
  const { offset, fileSize } = file.segments[index]!;
  return fileBytes(file).subarray(offset, offset + fileSize);
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** Units are in the segment, apart from each other, aligned, and pinned and trailing ones where they must be. */
function checkPlacement(comparison: Comparison): void {
  const { info, placement } = comparison;
  const { offset, size, align, pinned, trailing } = info.units;
  const { unitOffset, textSize } = placement;
  const order = [...unitOffset.keys()].sort((a, b) => unitOffset[a]! - unitOffset[b]! || a - b);
  let end = 0;
  order.forEach((unit, n) => {
    const at = unitOffset[unit]!;
    const what = `unit ${unit}, at ${hex(at)} of the code,`;
    if (at % align[unit]! !== 0) differs(comparison, `${what} is not aligned to ${align[unit]}`);
    if (at < end) differs(comparison, `${what} overlaps the one before, which ends at ${hex(end)}`);
    if (unit < pinned && at !== offset[unit]) differs(comparison, `${what} should stay at ${hex(offset[unit]!)}`);
    if (n >= order.length - trailing !== unit >= order.length - trailing)
      differs(comparison, `${what} is not behind all code`);
    if (n >= order.length - trailing && n !== unit) differs(comparison, `${what} is not in the base's order`);
    end = at + size[unit]!;
  });
  if (end > textSize) differs(comparison, `units end at ${hex(end)}, the code at ${hex(textSize)}`);
}

/** Whether code is exactly where the base has it, so that not even gaps may differ. */
function isUnmoved({ info, placement }: Comparison): boolean {
  const { unitOffset, textSize } = placement;
  return textSize === info.segments[info.text]!.fileSize && unitOffset.every((at, i) => at === info.units.offset[i]);
}

/** Puts segment `i` back and compares it with the base. */
function checkContents(comparison: Comparison, i: number): void {
  const { base, slid, info, header, placement } = comparison;
  const before = partOf(base, info.segments[i]!.index).slice();
  const now = partOf(slid, header[i]!);
  let restored: Uint8Array;
  if (i === info.text && !isUnmoved(comparison)) {
    restored = before.slice();
    const { offset, size } = info.units;
    const covered = new Uint8Array(now.length);
    for (let unit = 0; unit < offset.length; unit++) {
      const at = placement.unitOffset[unit]!;
      restored.set(now.subarray(at, at + size[unit]!), offset[unit]!);
      covered.fill(1, at, at + size[unit]!);
    }
    // Before the first unit that may move, gaps stay as they were; between the others are traps.
    const start = codeStart(info.units);
    for (let at = 0; at < now.length; at++) {
      if (covered[at] !== 0 || now[at] === (at < start ? before[at] : TRAP)) continue;
      differs(comparison, `a gap in the code holds ${hex(now[at]!)} at ${hex(comparison.address[i]! + at)}`);
    }
  } else restored = now.slice();
  restoreFields(comparison, i, restored, before);
  blankHeaders(comparison, i, restored, before);
  if (info.frameHeader?.segment === i) restoreFrameHeader(comparison, restored, before);
  if (sameBytes(restored, before)) return;
  const at = restored.findIndex((byte, n) => byte !== before[n]);
  const address = info.segments[i]!.address + at;
  differs(
    comparison,
    `the byte that is ${hex(before[at]!)} at ${hex(address)} of the base (${sectionAt(base, address)}) is ${hex(restored[at]!)}`,
  );
}

function sectionAt(file: ElfFile, address: number): string {
  const found = file.sections.find(
    ({ flags, address: start, size }) =>
      (flags & elf.SHF_ALLOC) !== 0 && address >= Number(start) && address < Number(start) + size,
  );
  return printable(found?.name ?? 'no section');
}

/** Takes back, in `restored`, what each field gained; the values in `before` say what they mean. */
function restoreFields(comparison: Comparison, i: number, restored: Uint8Array, before: Uint8Array): void {
  const { info, address, placement } = comparison;
  const { units, segments, text } = info;
  const code = segments[text]!;
  const moved = (segment: number): bigint => BigInt(address[segment]! - segments[segment]!.address);
  const unitMoved = (unit: number): bigint => moved(text) + BigInt(placement.unitOffset[unit]! - units.offset[unit]!);
  const now = viewOf(restored);
  const old = viewOf(before);
  for (const { encoding, segment, target, offsets } of info.groups) {
    if (segment !== i) continue;
    const distance = isDistance(encoding);
    offsets.forEach((at, n) => {
      const value = readField(old, at, encoding);
      const from = BigInt(segments[i]!.address + at);
      const means = value + (distance ? from : 0n);
      let change: bigint;
      if (target.kind === 'segment') change = moved(target.segment);
      else if (target.kind === 'fixed') change = 0n;
      else if (target.kind === 'units') change = unitMoved(target.units[n]!);
      else if (target.kind === 'end') {
        const end = (start: number, size: number): number => alignUp(start + size, target.align);
        change = BigInt(end(address[text]!, placement.textSize) - end(code.address, code.memorySize));
      } else {
        const counted = means + (distance && i === text ? BigInt(CODE_BIAS) : 0n) - BigInt(code.address);
        const offset = counted < 0n ? 0 : counted > 0xffffffffn ? 0xffffffff : Number(counted);
        change = unitMoved(unitAt(units.offset, offset));
      }
      if (distance) change -= i === text ? unitMoved(unitAt(units.offset, at)) : moved(i);
      const found = readField(now, at, encoding);
      const expected = fieldWidths[encoding] === 8 ? BigInt.asUintN(64, value + change) : value + change;
      if (found !== expected) {
        const means = `${encodingNames[encoding]} field that is at ${hex(from)} of the base (${sectionAt(comparison.base, Number(from))})`;
        differs(comparison, `the ${means} holds ${hex(found)}, expected ${hex(expected)}`);
      }
      restored.set(before.subarray(at, at + fieldWidths[encoding]), at);
    });
  }
}

function readField(view: DataView, at: number, encoding: Encoding): bigint {
  if (encoding === Encoding.Abs64 || encoding === Encoding.Pc64) return view.getBigUint64(at, true);
  return BigInt(encoding === Encoding.Abs32 ? view.getUint32(at, true) : view.getInt32(at, true));
}

/**
 * The file's own headers, where a segment loads them, are compared field by field elsewhere. They must lie in the segment
 * where the base has them: bytes at another place would be headers in one image and contents in the other.
 */
function blankHeaders(
  { base, slid, info, header }: Comparison,
  i: number,
  restored: Uint8Array,
  before: Uint8Array,
): void {
  const from = base.segments[info.segments[i]!.index]!.offset;
  const to = slid.segments[header[i]!]!.offset;
  const blank = (old: number, now: number, size: number): void => {
    if (old - from !== now - to) return;
    const [start, end] = [old - from, old - from + size].map((at) => Math.min(Math.max(0, at), before.length));
    before.fill(0, start, end);
    restored.fill(0, start, end);
  };
  blank(0, 0, elf.EHDR_SIZE);
  const { programHeadersOffset } = base.header;
  blank(programHeadersOffset, slid.header.programHeadersOffset, base.segments.length * elf.PHDR_SIZE);
}

/** The table must be sorted and hold the records of the base's, each with the function that the record itself names. */
function restoreFrameHeader(comparison: Comparison, restored: Uint8Array, before: Uint8Array): void {
  const { slid, info, header } = comparison;
  const { offset, entries, segment } = info.frameHeader!;
  const now = viewOf(partOf(slid, header[segment]!));
  const old = viewOf(before);
  const records = new Map<number, number>();
  for (let n = 0; n < entries; n++) {
    const record = old.getInt32(offset + 12 + n * 8 + 4, true);
    if (offset + record < 0 || offset + record + 12 > Math.min(old.byteLength, now.byteLength)) {
      differs(comparison, `.eh_frame_hdr of the base names a record at ${hex(record)} from it, outside its segment`);
    }
    records.set(record, (records.get(record) ?? 0) + 1);
  }
  let last = Number.NEGATIVE_INFINITY;
  for (let n = 0; n < entries; n++) {
    const at = offset + 12 + n * 8;
    const [start, record] = [now.getInt32(at, true), now.getInt32(at + 4, true)];
    const left = records.get(record) ?? 0;
    if (left === 0) differs(comparison, `entry ${n} of .eh_frame_hdr names a record that the base's does not`);
    records.set(record, left - 1);
    if (start < last) differs(comparison, `entry ${n} of .eh_frame_hdr is out of order`);
    if (start !== record + 8 + now.getInt32(offset + record + 8, true)) {
      differs(comparison, `entry ${n} of .eh_frame_hdr gives another address than its record`);
    }
    last = start;
  }
  restored.set(before.subarray(offset + 12, offset + 12 + entries * 8), offset + 12);
}
