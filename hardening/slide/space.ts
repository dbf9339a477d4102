/**
 * The arithmetic of a slide: how much room each draw has, and where the draws put segments and units.
 *
 * An image's segments keep their order. The first starts at a random page; a random gap of pages stands before each
 * other one; the text's units (functions) stand in a random order behind its pinned head, the first of them at a random
 * place within a page. The room for the base is counted with every gap at its widest, so every combination of draws
 * fits and none has to be thrown away: the draws stay independent and uniform, which makes the entropy exact
 * (entropy.ts).
 *
 * Everything here is written over an abstract arithmetic and decides nothing by itself, so the same text is proved for
 * all draws (obligations.ts). layout.ts runs it on numbers.
 */
import type { Arithmetic } from './arithmetic.ts';

/** Bytes of a page: what one entry of the guest's finest page tables maps. */
export const PAGE = 4096;
/** Guest memory is a multiple of this: what the tender maps at once. */
export const MEMORY_STEP = 2 * 1024 * 1024;
/** A tender maps no more. */
export const LARGEST_MEMORY = 4 * 1024 * 1024 * 1024;
/** How far beyond its segment a relocated value may point (one past an end, a negative addend); bytes. */
export const REACH_MARGIN = 64 * 1024;
/** Gaps take at most one part in this many of the memory, all together. */
export const GAP_SHARE = 128;
/** No size or address that is asked for is larger; what fits is far smaller. */
export const LARGEST_SIZE = 2 ** 40;
/** First value that a signed field of 32 bits does not hold. */
const SIGNED_END = 2 ** 31;
/** First value that an unsigned field of 32 bits does not hold. */
const UNSIGNED_END = 2 ** 32;

/** What is slid, in bytes. */
export interface Shape<N> {
  /** Guest memory. */
  readonly memory: N;
  /** First address that the image may take. */
  readonly lowest: N;
  /** First address that the image must not reach. */
  readonly ceiling: N;
  /** Sizes of the segments in memory, in the order of their addresses; the text's is not read when it has units. */
  readonly sizes: readonly N[];
  /** Whether signed fields of 32 bits hold absolute addresses or distances to places that do not move. */
  readonly signedAddresses: boolean;
  readonly text?: TextShape<N>;
}

/** The text that is shuffled. */
export interface TextShape<N> {
  /** Its segment. */
  readonly segment: number;
  /** Units start at multiples of this many bytes, a power of two that divides a page. */
  readonly granule: number;
  /** What stays at the segment's start. */
  readonly headSize: N;
  /** All units together. */
  readonly unitsSize: N;
}

/** What can be drawn: the number of values of each draw, from 0 up. */
export interface Room<N> {
  /** Pages at which the first segment may start; none or fewer when the memory is too small. */
  readonly baseSlots: N;
  /** Widths in pages of each gap. */
  readonly gapSlots: N;
  /** Granules by which the first unit is moved. */
  readonly offsetSlots: N;
  /** Size of the text with its widest move; 0 without units. */
  readonly textSize: N;
  /** From the first segment's start to the last one's end with every gap at its widest, whole pages. */
  readonly span: N;
  /** First address that no segment reaches: the ceiling, or less where fields are narrow. */
  readonly end: N;
}

/** Pages that a segment takes, in bytes. */
function placedSize<N, B>(a: Arithmetic<N, B>, shape: Shape<N>, segment: number): N {
  const size = shape.text?.segment === segment ? textSize(a, shape.text) : shape.sizes[segment];
  return a.alignUp(size, PAGE);
}

/** Where the first unit stands in the text when it is not moved. */
function unitsStart<N, B>(a: Arithmetic<N, B>, text: TextShape<N>): N {
  return a.alignUp(text.headSize, text.granule);
}

/** Bytes of the text when the first unit is moved as far as it can be, by a page less a granule. */
function textSize<N, B>(a: Arithmetic<N, B>, text: TextShape<N>): N {
  return a.add(a.add(unitsStart(a, text), a.constant(PAGE - text.granule)), text.unitsSize);
}

/** How much room each draw has. */
export function slideRoom<N, B>(a: Arithmetic<N, B>, shape: Shape<N>): Room<N> {
  const gaps = shape.sizes.length - 1;
  const widest = gaps < 1 ? a.constant(0) : a.divide(shape.memory, GAP_SHARE * PAGE * gaps);
  let span = a.scale(widest, gaps * PAGE);
  for (let segment = 0; segment <= gaps; segment++) span = a.add(span, placedSize(a, shape, segment));
  const reach = (shape.signedAddresses ? SIGNED_END : UNSIGNED_END) - REACH_MARGIN;
  const end = a.min(shape.ceiling, a.constant(reach));
  const free = a.subtract(a.subtract(end, shape.lowest), span);
  return {
    baseSlots: a.add(a.divide(free, PAGE), a.constant(1)),
    gapSlots: a.add(widest, a.constant(1)),
    offsetSlots: a.constant(shape.text === undefined ? 1 : PAGE / shape.text.granule),
    textSize: shape.text === undefined ? a.constant(0) : textSize(a, shape.text),
    span,
    end,
  };
}

/** Whether the image fits at all, and all of it within reach of its own relative references. */
export function slideFits<N, B>(a: Arithmetic<N, B>, room: Room<N>): B {
  return a.all([a.less(a.constant(0), room.baseSlots), spanReaches(a, room)]);
}

/** Whether a signed field of 32 bits holds the distance between any two places of the image. */
export function spanReaches<N, B>(a: Arithmetic<N, B>, room: Room<N>): B {
  return a.atMost(room.span, a.constant(SIGNED_END - REACH_MARGIN));
}

/** Addresses of the segments; `gaps[i]` stands before segment i + 1. Draws are pages. */
export function placeSegments<N, B>(a: Arithmetic<N, B>, shape: Shape<N>, base: N, gaps: readonly N[]): N[] {
  const addresses: N[] = [];
  let cursor = a.add(shape.lowest, a.scale(base, PAGE));
  for (let segment = 0; segment < shape.sizes.length; segment++) {
    if (segment > 0) cursor = a.add(cursor, a.scale(gaps[segment - 1], PAGE));
    addresses.push(cursor);
    cursor = a.add(cursor, placedSize(a, shape, segment));
  }
  return addresses;
}

/** Where the first unit stands in the text, moved by `offset` granules. */
export function firstUnit<N, B>(a: Arithmetic<N, B>, text: TextShape<N>, offset: N): N {
  return a.add(unitsStart(a, text), a.scale(offset, text.granule));
}

/** Places one unit at the cursor: its offset in the text, and where the next one stands. */
export function placeUnit<N, B>(a: Arithmetic<N, B>, cursor: N, size: N): { readonly offset: N; readonly next: N } {
  return { offset: cursor, next: a.add(cursor, size) };
}

/** One thing that holds of every shape that is slid; `rule` says it in words. */
export interface ShapeRule<B> {
  readonly rule: string;
  readonly holds: B;
}

/** What must hold of a shape. layout.ts refuses one that breaks a rule; the proof assumes them. */
export function shapeRules<N, B>(a: Arithmetic<N, B>, shape: Shape<N>): ShapeRule<B>[] {
  const within = (low: number, value: N, high: number): B =>
    a.all([a.atMost(a.constant(low), value), a.atMost(value, a.constant(high))]);
  const rules: ShapeRule<B>[] = [
    { rule: 'memory is 2 MiB to 4 GiB', holds: within(MEMORY_STEP, shape.memory, LARGEST_MEMORY) },
    { rule: 'memory is a multiple of 2 MiB', holds: a.isAligned(shape.memory, MEMORY_STEP) },
    { rule: 'the lowest address is at least 64 KiB', holds: within(REACH_MARGIN, shape.lowest, LARGEST_MEMORY) },
    { rule: 'the lowest address is page aligned', holds: a.isAligned(shape.lowest, PAGE) },
    { rule: 'the ceiling is inside the memory', holds: a.atMost(shape.ceiling, shape.memory) },
    { rule: 'the ceiling is no address far below 0', holds: a.atMost(a.constant(-LARGEST_SIZE), shape.ceiling) },
    ...shape.sizes.map((size, i) => ({ rule: `segment ${i} is at most 1 TiB`, holds: within(0, size, LARGEST_SIZE) })),
  ];
  const { text } = shape;
  if (text === undefined) return rules;
  const all = a.alignUp(a.add(unitsStart(a, text), text.unitsSize), PAGE);
  return [
    ...rules,
    { rule: 'the head is at most 1 TiB', holds: within(0, text.headSize, LARGEST_SIZE) },
    { rule: 'the units are at most 1 TiB', holds: within(0, text.unitsSize, LARGEST_SIZE) },
    { rule: 'units are whole granules', holds: a.isAligned(text.unitsSize, text.granule) },
    { rule: 'the text is its head and its units', holds: a.atMost(shape.sizes[text.segment], all) },
  ];
}
