/**
 * Where every address of an image goes under a layout, and whether the layout can be at all.
 */
import { fail, hex } from '../../base/errors.ts';
import { i32 } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import { createSlideArena, type SlideArena } from './kernels/kernels.ts';
import { type Layout, type SlideInfo, unitAt } from './slide-info.ts';
import { findUnit, type UnitTable, unitTable } from './unit-table.ts';

export interface Moves {
  readonly info: SlideInfo;
  readonly layout: Layout;
  /** By segment: new address less old. */
  readonly segment: Float64Array;
  /** By unit: new offset less old. */
  readonly unit: Int32Array;
  /** By rounding of the end of text: what that moves. */
  readonly end: (align: number) => number;
  readonly table: UnitTable;
  /** `unit` and `table` lie in it. */
  readonly arena: SlideArena;
}

/** Checks the layout's form and works out the distances. Errors: 'layout', 'limit'. */
export function movesOf(info: SlideInfo, layout: Layout, arena: SlideArena = createSlideArena()): Moves {
  const { segments, text, units } = info;
  const { segmentAddress, unitOffset, textSize } = layout;
  if (segmentAddress.length !== segments.length) {
    fail('layout', `the layout has ${segmentAddress.length} segments, the image ${segments.length}`);
  }
  if (unitOffset.length !== units.offset.length) {
    fail('layout', `the layout places ${unitOffset.length} units, the image has ${units.offset.length}`);
  }
  const segment = Float64Array.from(segments, ({ address }, i) => segmentAddress[i]! - address);
  segments.forEach(({ address, align }, i) => {
    const moved = segmentAddress[i]!;
    if (!Number.isSafeInteger(moved) || moved < 0 || segment[i]! % align !== 0) {
      fail(
        'layout',
        `segment ${i} would move from ${hex(address)} to ${hex(moved)}, which breaks its alignment ${hex(align)}`,
      );
    }
  });
  checkUnits(info, layout);
  const unit = i32(arena, unitOffset.length);
  for (let i = 0; i < unit.length; i++) unit[i] = unitOffset[i]! - units.offset[i]!;
  const code = segments[text]!;
  const end = (align: number): number =>
    elf.alignUp(segmentAddress[text]! + textSize, align) - elf.alignUp(code.address + code.memorySize, align);
  return { info, layout, segment, unit, end, table: unitTable(info, arena), arena };
}

/** Units keep clear of each other and of the segment's end, and those that must stay in place or order do. */
function checkUnits({ units }: SlideInfo, { unitOffset, textSize }: Layout): void {
  const { offset, size, align, pinned, trailing } = units;
  const count = offset.length;
  if (!Number.isSafeInteger(textSize) || textSize < 0 || textSize > 0x7fffffff)
    fail('layout', `text of ${textSize} bytes`);
  // Units sorted by new offset: 21 bits of index below 31 of offset are exact in a double.
  if (count > 0x1fffff) fail('limit', `${count} units; at most ${0x1fffff} can be placed`);
  const order = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const at = unitOffset[i]!;
    if (at % align[i]! !== 0) fail('layout', `unit ${i} would be at ${hex(at)}, but its alignment is ${align[i]}`);
    if (i < pinned && at !== offset[i]) fail('layout', `unit ${i} is pinned at ${hex(offset[i]!)}, not at ${hex(at)}`);
    order[i] = at * 0x200000 + i;
  }
  order.sort();
  let end = 0;
  for (let n = 0; n < count; n++) {
    const i = order[n]! % 0x200000;
    const at = unitOffset[i]!;
    if (at < end) fail('layout', `unit ${i} would begin at ${hex(at)}, before the one before it ends at ${hex(end)}`);
    if (n >= count - trailing ? i !== n : i >= count - trailing) {
      fail('layout', `unit ${n} must come last, but unit ${i} would be there`);
    }
    end = at + size[i]!;
  }
  if (end > textSize) fail('layout', `the units end at ${hex(end)}, but text would have ${hex(textSize)} bytes`);
}

/** Whether all units stay where they are. */
export function keepsOrder({ unit, info, layout }: Moves): boolean {
  return layout.textSize === info.segments[info.text]!.memorySize && unit.every((distance) => distance === 0);
}

/** Segment of `info` that holds `address`, its end included when nothing else begins there; -1: none. */
export function segmentOf({ segments }: SlideInfo, address: number): number {
  let atEnd = -1;
  for (let i = 0; i < segments.length; i++) {
    const { address: start, memorySize } = segments[i]!;
    if (address >= start && address < start + memorySize) return i;
    if (address === start + memorySize) atEnd = i;
  }
  return atEnd;
}

/** Where `address` goes; as it is when it lies in no segment that moves. In text: with the unit that is there. */
export function mapAddress(moves: Moves, address: number): number {
  const { info } = moves;
  const i = segmentOf(info, address);
  return i < 0 ? address : mapInSegment(moves, i, address);
}

/** The same of one address, for a layout that is known to be right: without what many look-ups need. */
export function addressUnder(info: SlideInfo, layout: Layout, address: number): number {
  const { segments, text, units } = info;
  const i = segmentOf(info, address);
  if (i < 0) return address;
  const { address: start, memorySize } = segments[i]!;
  const moved = layout.segmentAddress[i]!;
  if (i !== text) return moved + (address - start);
  if (address >= start + memorySize) return moved + layout.textSize + (address - start - memorySize);
  const unit = unitAt(units.offset, address - start);
  return moved + layout.unitOffset[unit]! + (address - start - units.offset[unit]!);
}

/** The same for an address known to belong to segment `i`. */
export function mapInSegment({ info, segment, unit, end, table }: Moves, i: number, address: number): number {
  const { segments, text } = info;
  if (i !== text) return address + segment[i]!;
  const code = segments[text]!;
  if (address >= code.address + code.memorySize) return address + end(1);
  return address + segment[i]! + unit[findUnit(table, address - code.address)]!;
}

/** Segments must lie apart from each other and from the PT_LOADs that stay. Errors: 'layout'. */
export function checkApart({ info, layout }: Moves, file: ElfFile): void {
  const moving = new Set(info.segments.map(({ index }) => index));
  const parts = info.segments.map(({ memorySize }, i) => ({
    what: `segment ${i}`,
    start: layout.segmentAddress[i]!,
    end: layout.segmentAddress[i]! + (i === info.text ? layout.textSize : memorySize),
  }));
  file.segments.forEach((segment, i) => {
    if (segment.type !== elf.PT_LOAD || segment.memorySize === 0 || moving.has(i)) return;
    const start = Number(segment.address);
    parts.push({ what: `program header ${i}`, start, end: start + segment.memorySize });
  });
  parts.sort((a, b) => a.start - b.start);
  for (let i = 1; i < parts.length; i++) {
    const [before, after] = [parts[i - 1]!, parts[i]!];
    if (after.start < before.end) {
      fail('layout', `${after.what} would begin at ${hex(after.start)}, but ${before.what} ends at ${hex(before.end)}`);
    }
  }
}
