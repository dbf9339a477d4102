/**
 * Which units of an image's code change places in a slide, and where the others go.
 *
 * hardening/slide places units on a granule of at most 64 bytes, so that padding stays small and every order takes the
 * same room. Real programs hold a few units that want more: a table on a page of its own, a loop on 256 bytes. They must
 * not cost all others their shuffle, so they stand in their old order behind what is pinned at the start of text, whose
 * segment begins on a page. Units that must come last (.fini and the like) stay together at the end, as far from a
 * multiple of the granule as they were, which keeps their alignment.
 */
import { numbers } from '../../hardening/slide/arithmetic.ts';
import { createSlideArena, type SlideArena, wordsIn } from '../../hardening/slide/kernels/kernels.ts';
import {
  PLAN_END,
  PLAN_GRANULE,
  PLAN_LARGE,
  PLAN_SHUFFLED,
  PLAN_SUM,
  PLAN_WORDS,
} from '../../hardening/slide/kernels/numbers.ts';
import type { SlideLayout, SlideProblem } from '../../hardening/slide/layout.ts';
import { codeStart, type SlideInfo, type Units } from '../../hardening/slide/slide-info.ts';
import { allocate, u32 } from '../../linker/arena.ts';
import { PAGE } from './stage0/config.ts';

const SMALLEST_GRANULE = 16;
const LARGEST_GRANULE = 64;

export interface TextPlan {
  /** 16, 32 or 64. */
  readonly granule: number;
  /** Units that change places, ascending. */
  readonly shuffled: Uint32Array;
  /** Their sizes as whole granules. */
  readonly sizes: Uint32Array;
  /** Units of larger alignment, ascending, and the offset of each in every layout. */
  readonly large: Uint32Array;
  readonly largeOffset: Uint32Array;
  /** Bytes at the start that hold the pinned units and the large ones, and at the end for the trailing ones. */
  readonly headSize: number;
  readonly tailSize: number;
}

/** Offset that the first trailing unit counts from. */
function tailStart({ offset, trailing }: Units, granule: number): number {
  return numbers.alignDown(offset[offset.length - trailing]!, granule);
}

function tailSize(units: Units, granule: number): number {
  const { offset, size, trailing } = units;
  const last = offset.length - 1;
  return trailing === 0 ? 0 : numbers.alignUp(offset[last]! + size[last]! - tailStart(units, granule), granule);
}

/**
 * Undefined when the order stays: fewer than two units could change places, or offsets say nothing about alignment. The
 * lists are in `arena`.
 */
export function textPlan(
  { units, segments, text }: SlideInfo,
  arena: SlideArena = createSlideArena(),
): TextPlan | undefined {
  if (segments[text]!.address % PAGE !== 0) return undefined;
  const { align, size, pinned, trailing } = units;
  const count = align.length;
  const [shuffled, sizes] = [u32(arena, count - pinned), u32(arena, count - pinned)];
  const [large, places] = [u32(arena, count - pinned), u32(arena, count - pinned)];
  const block = allocate(arena, 4 * PLAN_WORDS);
  const planned = arena.kernels.planText(
    wordsIn(arena, align),
    wordsIn(arena, size),
    count,
    pinned,
    trailing,
    SMALLEST_GRANULE,
    LARGEST_GRANULE,
    PAGE,
    codeStart(units),
    shuffled.byteOffset,
    sizes.byteOffset,
    large.byteOffset,
    places.byteOffset,
    block,
  );
  const word = (index: number): number => arena.view.getUint32(block + 4 * index, true);
  const sum = (index: number): number => arena.view.getFloat64(block + 4 * index, true);
  const moving = word(PLAN_SHUFFLED);
  if (planned === 0 || moving < 2) return undefined;
  const granule = word(PLAN_GRANULE);
  const tail = tailSize(units, granule);
  // Gaps that alignment left in the old order stay at the head, so that a text never becomes smaller than it was.
  const least = segments[text]!.memorySize - sum(PLAN_SUM) - tail;
  return {
    granule,
    shuffled: shuffled.subarray(0, moving),
    sizes: sizes.subarray(0, moving),
    large: large.subarray(0, word(PLAN_LARGE)),
    largeOffset: places.subarray(0, word(PLAN_LARGE)),
    headSize: numbers.alignUp(Math.max(sum(PLAN_END), least), granule),
    tailSize: tail,
  };
}

/** What hardening/slide is asked to shuffle. */
export function textProblem({ granule, sizes, headSize, tailSize }: TextPlan): NonNullable<SlideProblem['text']> {
  // What comes last is counted as part of the head: the room is the same, see `unitOffsets`.
  return { granule, headSize: headSize + tailSize, unitSizes: sizes };
}

/** Offset of every unit of the image when the shuffled ones are where `drawn` has them; in `arena`. */
export function unitOffsets(
  { units }: SlideInfo,
  plan: TextPlan,
  drawn: SlideLayout,
  arena: SlideArena = createSlideArena(),
): Uint32Array {
  const { granule, shuffled, large, largeOffset, tailSize } = plan;
  const offsets = u32(arena, units.offset.length);
  offsets.set(units.offset);
  const put = (places: Uint32Array, values: Uint32Array, less: number): void => {
    const [to, from] = [wordsIn(arena, places), wordsIn(arena, values)];
    arena.kernels.putOffsets(to, from, places.length, less, offsets.byteOffset);
  };
  put(shuffled, drawn.unitOffset, tailSize);
  put(large, largeOffset, 0);
  const first = offsets.length - units.trailing;
  if (first === offsets.length) return offsets;
  const moved = drawn.textSize - tailSize - tailStart(units, granule);
  for (let unit = first; unit < offsets.length; unit++) offsets[unit] = units.offset[unit]! + moved;
  return offsets;
}
