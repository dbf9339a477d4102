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
import type { SlideLayout, SlideProblem } from '../../hardening/slide/layout.ts';
import { codeStart, type SlideInfo, type Units } from '../../hardening/slide/slide-info.ts';
import { PAGE } from './stage0/config.ts';

const LARGEST_GRANULE = 64;

export interface TextPlan {
  /** 16, 32 or 64. */
  readonly granule: number;
  /** Units that change places, ascending. */
  readonly shuffled: Uint32Array;
  /** Units of larger alignment, ascending, and the offset of each in every layout. */
  readonly large: readonly { readonly unit: number; readonly offset: number }[];
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

/** Undefined when the order stays: fewer than two units could change places, or offsets say nothing about alignment. */
export function textPlan({ units, segments, text }: SlideInfo): TextPlan | undefined {
  if (segments[text]!.address % PAGE !== 0) return undefined;
  const { align, size, pinned, trailing } = units;
  const last = align.length - trailing;
  const shuffled = new Uint32Array(last - pinned);
  const large: { unit: number; offset: number }[] = [];
  let count = 0;
  let granule = 16;
  let end = codeStart(units);
  for (let unit = pinned; unit < align.length; unit++) {
    const wanted = align[unit]!;
    if (wanted <= LARGEST_GRANULE) {
      granule = Math.max(granule, wanted);
      if (unit < last) shuffled[count++] = unit;
    } else {
      if (wanted > PAGE || unit >= last) return undefined;
      const offset = numbers.alignUp(end, wanted);
      large.push({ unit, offset });
      end = offset + size[unit]!;
    }
  }
  if (count < 2) return undefined;
  const tail = tailSize(units, granule);
  let rest = tail;
  for (let i = 0; i < count; i++) rest += numbers.alignUp(size[shuffled[i]!]!, granule);
  // Gaps that alignment left in the old order stay at the head, so that a text never becomes smaller than it was.
  const headSize = numbers.alignUp(Math.max(end, segments[text]!.memorySize - rest), granule);
  return { granule, shuffled: shuffled.subarray(0, count), large, headSize, tailSize: tail };
}

/** What hardening/slide is asked to shuffle. */
export function textProblem({ units }: SlideInfo, plan: TextPlan): NonNullable<SlideProblem['text']> {
  const { granule, shuffled, headSize, tailSize } = plan;
  const unitSizes = new Uint32Array(shuffled.length);
  for (let i = 0; i < unitSizes.length; i++) unitSizes[i] = numbers.alignUp(units.size[shuffled[i]!]!, granule);
  return {
    granule,
    // What comes last is counted as part of the head: the room is the same, see `unitOffsets`.
    headSize: headSize + tailSize,
    unitSizes,
  };
}

/** Offset of every unit of the image when the shuffled ones are where `drawn` has them. */
export function unitOffsets({ units }: SlideInfo, plan: TextPlan, drawn: SlideLayout): Uint32Array {
  const { granule, shuffled, large, tailSize } = plan;
  const offsets = units.offset.slice();
  for (let i = 0; i < shuffled.length; i++) offsets[shuffled[i]!] = drawn.unitOffset[i]! - tailSize;
  for (const { unit, offset } of large) offsets[unit] = offset;
  const first = offsets.length - units.trailing;
  if (first === offsets.length) return offsets;
  const moved = drawn.textSize - tailSize - tailStart(units, granule);
  for (let unit = first; unit < offsets.length; unit++) offsets[unit] = units.offset[unit]! + moved;
  return offsets;
}
