/**
 * Where every address of an image goes under a layout, and whether the layout can be at all.
 */
import { alignUp } from '../../base/arithmetic.ts';
import { fail, hex } from '../../base/errors.ts';
import { allocate, i32, u32 } from '../../linker/arena.ts';
import * as elf from '../../linker/elf.ts';
import type { ElfFile } from '../../linker/elf-file.ts';
import {
  createSlideArena,
  type KernelResult,
  resultOf,
  type SlideArena,
  sortScratch,
  wordsIn,
} from './kernels/kernels.ts';
import * as numbers from './kernels/numbers.ts';
import { type Layout, type SlideInfo, unitAt } from './slide-info.ts';
import { findUnit, type UnitTable, unitTable } from './unit-table.ts';

export interface Moves {
  readonly info: SlideInfo;
  readonly layout: Layout;
  /** By segment: new address less old. */
  readonly segment: Float64Array;
  /** By unit: new offset less old. */
  readonly unit: Int32Array;
  /** Addresses of the units' columns: old offset, size, new offset. */
  readonly units: { readonly offset: number; readonly size: number; readonly to: number };
  /** Units by new offset. */
  readonly order: Uint32Array;
  /** By rounding of the end of text: what that moves. */
  readonly end: (align: number) => number;
  readonly table: UnitTable;
  /** `unit`, `order` and `table` lie in it. */
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
  const unit = i32(arena, unitOffset.length);
  const columns = {
    offset: wordsIn(arena, units.offset),
    size: wordsIn(arena, units.size),
    to: wordsIn(arena, unitOffset),
  };
  const order = orderUnits(info, layout, columns, unit, arena);
  const code = segments[text]!;
  const end = (align: number): number =>
    alignUp(segmentAddress[text]! + textSize, align) - alignUp(code.address + code.memorySize, align);
  return { info, layout, segment, unit, units: columns, order, end, table: unitTable(info, arena), arena };
}

/** What is wrong with a layout's units, in the words of the kernel's answer. */
function refuseUnits(status: number, { index: i, value }: KernelResult, { units }: SlideInfo, layout: Layout): never {
  const at = hex(layout.unitOffset[i] ?? 0);
  switch (status) {
    case numbers.ORDER_MISALIGNED:
      return fail('layout', `unit ${i} would be at ${at}, but its alignment is ${units.align[i]}`);
    case numbers.ORDER_PINNED:
      return fail('layout', `unit ${i} is pinned at ${hex(units.offset[i]!)}, not at ${at}`);
    case numbers.ORDER_OVERLAP:
      return fail('layout', `unit ${i} would begin at ${at}, before the one before it ends at ${hex(value)}`);
    case numbers.ORDER_TRAILING:
      return fail('layout', `unit ${value} must come last, but unit ${i} would be there`);
    default:
      return fail('layout', `the units end at ${hex(value)}, but text would have ${hex(layout.textSize)} bytes`);
  }
}

/** Units by their new offset, which keep clear of each other and of the segment's end; those that must stay do. */
function orderUnits(
  info: SlideInfo,
  layout: Layout,
  columns: Moves['units'],
  unit: Int32Array,
  arena: SlideArena,
): Uint32Array {
  const { offset, align, pinned, trailing } = info.units;
  const { textSize } = layout;
  if (!Number.isSafeInteger(textSize) || textSize < 0 || textSize > 0x7fffffff)
    fail('layout', `text of ${textSize} bytes`);
  const count = offset.length;
  const order = u32(arena, count);
  const result = allocate(arena, 4 * numbers.RESULT_WORDS);
  const status = arena.kernels.orderUnits(
    columns.offset,
    columns.size,
    wordsIn(arena, align),
    columns.to,
    count,
    pinned,
    trailing,
    textSize,
    order.byteOffset,
    unit.byteOffset,
    sortScratch(arena, count),
    result,
  );
  if (status !== numbers.ORDER_FITS) refuseUnits(status, resultOf(arena, result), info, layout);
  return order;
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
