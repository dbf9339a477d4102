/**
 * The slide's layout on numbers: where one set of draws puts an image's segments and the units of its text.
 *
 * space.ts holds the arithmetic and its proof; here problems from outside are checked, an image that does not fit is
 * refused, and the loop over the units runs. A layout is a function of the problem and the draws alone.
 */
import { fail, hex } from '../../base/errors.ts';
import { numbers } from './arithmetic.ts';
import { UNPLACED } from './kernels/numbers.ts';
import {
  firstUnit,
  PAGE,
  placeSegments,
  placeUnit,
  type Room,
  type Shape,
  shapeRules,
  slideFits,
  slideRoom,
} from './space.ts';

/** What is to be slid. Sizes and addresses are bytes. */
export interface SlideProblem {
  /** Guest memory: a multiple of 2 MiB, at most 4 GiB. */
  readonly memory: number;
  /** First address that the image may take, page aligned; what stands below it does not move. */
  readonly lowest: number;
  /** First address that the image must not reach: memory less heap, stack and tables. */
  readonly ceiling: number;
  /** In the order of their addresses, which stays; `size` in memory. Each gets pages of its own. */
  readonly segments: readonly { readonly size: number; readonly code: boolean }[];
  /**
   * Whether signed 32-bit fields hold absolute addresses (R_X86_64_32S), or the distance to a place that does not move
   * (R_X86_64_PC32 against an absolute symbol, or what stands below the lowest address): the image then stays below
   * 2 GiB.
   */
  readonly signedAddresses: boolean;
  /** What can be shuffled in the one segment of code; without it the text stays as it is. */
  readonly text?: {
    /** Units start at multiples of it: 16, 32 or 64, the largest alignment in the text. */
    readonly granule: number;
    /** Bytes at the segment's start that stay there. */
    readonly headSize: number;
    /** Each a multiple of the granule. */
    readonly unitSizes: Uint32Array;
  };
}

/** One value for each choice, each uniform in its room. */
export interface SlideDraws {
  /** Page of the first segment, from the lowest address. */
  readonly base: number;
  /** Pages between segments i and i + 1. */
  readonly gaps: readonly number[];
  /** Granules by which the first unit is moved. */
  readonly offset: number;
  /** The units in the order in which they stand. */
  readonly order: Uint32Array;
}

export interface SlideLayout {
  /** Address of each segment. */
  readonly segmentAddress: number[];
  /** Offset of each unit in the text. */
  readonly unitOffset: Uint32Array;
  /** Size of the text in memory, the same for all draws; the code segment's own size when nothing is shuffled. */
  readonly textSize: number;
}

const MOST_SEGMENTS = 64;
/** Bytes that a text may have: offsets in it are 32-bit. */
const LARGEST_TEXT = 2 ** 31;

function refuse(problem: string): never {
  return fail('layout', `cannot slide the image: ${problem}`);
}

/** The loops over all units, of which there may be thousands. */
export interface UnitLoops {
  /** The sum of all sizes; -1 less the index of one that is no multiple of the granule. */
  readonly sumOfUnits: (sizes: Uint32Array, granule: number) => number;
  /** Offsets of the units, placed one after another from `first` on, in `order`; RangeError when that is no permutation. */
  readonly placeUnits: (sizes: Uint32Array, order: Uint32Array, first: number) => Uint32Array;
}

/** They say what is right. A launch has no time for an engine to compile them and takes those of unit-loops.ts. */
export const plainLoops: UnitLoops = {
  sumOfUnits: (sizes, granule) => {
    const odd = sizes.findIndex((size) => size % granule !== 0);
    return odd >= 0 ? -1 - odd : sizes.reduce((sum, size) => sum + size, 0);
  },
  placeUnits: (sizes, order, first) => {
    const offsets = new Uint32Array(sizes.length).fill(UNPLACED);
    let cursor = first;
    for (const unit of order) {
      const { offset, next } = placeUnit(numbers, cursor, sizes[unit]);
      if (offsets[unit] !== UNPLACED) refuseOrder();
      offsets[unit] = offset;
      cursor = next;
    }
    return offsets;
  },
};

/** The numbers of a problem as space.ts takes them; a problem with parts that do not belong together is refused. */
export function shapeOf(problem: SlideProblem, loops: UnitLoops = plainLoops): Shape<number> {
  const { memory, lowest, ceiling, segments, signedAddresses, text } = problem;
  if (segments.length < 1 || segments.length > MOST_SEGMENTS) {
    refuse(`it has ${segments.length} segments; a slide takes 1 to ${MOST_SEGMENTS}`);
  }
  const sizes = segments.map(({ size }) => size);
  for (const value of [memory, lowest, ceiling, ...sizes, ...(text === undefined ? [] : [text.headSize])]) {
    if (!Number.isSafeInteger(value)) refuse(`${value} is no exact number of bytes`);
  }
  const shape = { memory, lowest, ceiling, sizes, signedAddresses };
  if (text === undefined || text.unitSizes.length === 0) return shape;
  const { granule, headSize, unitSizes } = text;
  if (![16, 32, 64].includes(granule)) refuse(`its granule is ${granule} bytes; it must be 16, 32 or 64`);
  const segment = segments.findIndex(({ code }) => code);
  const codes = segments.filter(({ code }) => code).length;
  if (codes !== 1) refuse(`${codes} of its segments are code; units are shuffled where exactly one is`);
  const unitsSize = loops.sumOfUnits(unitSizes, granule);
  if (unitsSize < 0) {
    const unit = -1 - unitsSize;
    refuse(`unit ${unit} has ${unitSizes[unit]} bytes, which is no multiple of the granule, ${granule}`);
  }
  if (headSize + unitsSize > LARGEST_TEXT) refuse(`its text has ${headSize + unitsSize} bytes, more than 2 GiB`);
  return { ...shape, text: { segment, granule, headSize, unitsSize } };
}

/**
 * How much room each draw has. A problem that breaks a rule and an image that does not fit are 'layout' errors; the
 * latter says how much is needed and given.
 */
export function roomOf(shape: Shape<number>): Room<number> {
  const broken = shapeRules(numbers, shape).find(({ holds }) => !holds);
  if (broken !== undefined) {
    const { memory, lowest, ceiling } = shape;
    const given = `memory ${hex(memory)}, lowest address ${hex(lowest)}, ceiling ${hex(ceiling)}`;
    refuse(`it breaks a rule of slides: ${broken.rule} (${given}, segments ${shape.sizes.map(hex).join(', ')})`);
  }
  const room = slideRoom(numbers, shape);
  if (!slideFits(numbers, room)) {
    const given = Math.max(0, numbers.alignDown(room.end - shape.lowest, PAGE));
    const lead = `it needs ${room.span} bytes with the gaps between its segments at their widest`;
    if (given >= room.span) refuse(`${lead}, more than 32-bit relative references reach; make the image smaller`);
    const narrow =
      room.end < shape.ceiling
        ? 'its 32-bit absolute addresses reach no further; link it for a smaller address range or make it smaller'
        : 'give the guest more memory, or its heap less';
    refuse(`${lead}, but ${given} are free from ${hex(shape.lowest)} to ${hex(room.end)}; ${narrow}`);
  }
  return room;
}

function checkDraws(shape: Shape<number>, room: Room<number>, draws: SlideDraws): void {
  const within = (value: number, slots: number): boolean => Number.isInteger(value) && value >= 0 && value < slots;
  const { base, gaps, offset } = draws;
  const fit = within(base, room.baseSlots) && within(offset, room.offsetSlots);
  if (!fit || gaps.length !== shape.sizes.length - 1 || !gaps.every((gap) => within(gap, room.gapSlots))) {
    throw new RangeError('draws outside their room');
  }
}

/** Says that the order of the draws is none. */
export function refuseOrder(): never {
  throw new RangeError('the order of units is no permutation');
}

/**
 * The layout that `draws` choose. Draws outside their room, or an order that is no permutation, are defects: they throw.
 * `shape` is the problem's.
 */
export function layoutSlide(
  problem: SlideProblem,
  draws: SlideDraws,
  loops: UnitLoops = plainLoops,
  shape: Shape<number> = shapeOf(problem, loops),
): SlideLayout {
  const room = roomOf(shape);
  checkDraws(shape, room, draws);
  const { text } = shape;
  const unitSizes = text === undefined ? new Uint32Array(0) : problem.text!.unitSizes;
  if (draws.order.length !== unitSizes.length) refuseOrder();
  return {
    segmentAddress: placeSegments(numbers, shape, draws.base, draws.gaps),
    unitOffset:
      text === undefined ? unitSizes : loops.placeUnits(unitSizes, draws.order, firstUnit(numbers, text, draws.offset)),
    textSize: shape.text === undefined ? (problem.segments.find(({ code }) => code)?.size ?? 0) : room.textSize,
  };
}
