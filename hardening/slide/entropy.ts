/**
 * How hard one function's address is to guess, computed, not estimated.
 *
 * Whoever does not know the seed sees the sum of independent draws: a page for the base, the gaps before the text, the
 * first unit's move, and the sizes of the units that stand before the function's own. The base (with the move, which
 * fills exactly one page of granules) is one uniform window; the rest is convolved exactly (shuffle.ts, and prefix sums
 * for gaps), and the window is laid over it by one more prefix sum, without ever writing out its millions of entries.
 * Where the window is at least as wide as all the rest together, some address takes the whole of the rest's mass, so
 * the min-entropy is exactly the window's. For a text too large to convolve, bounds are given instead, and `exact` says
 * so.
 *
 * The seed must be secret: against whoever holds it, every layout has 0 bits. And the figures are of one address: a
 * second one of the same segment tells much about it once the first is known.
 */

import { roomOf, type SlideProblem, shapeOf } from './layout.ts';
import { shuffleWork, sumBefore } from './shuffle.ts';
import { PAGE } from './space.ts';

/** Bits, not less than `low` nor more than `high`; equal when the figure is exact. */
export interface Bits {
  readonly low: number;
  readonly high: number;
}

export interface AddressEntropy {
  /** Of the first segment's address: log2 of the pages at which it may stand. */
  readonly base: number;
  /** Of the function's address: Shannon's, collision (Renyi's of order 2), and min-entropy. */
  readonly shannon: Bits;
  readonly collision: Bits;
  readonly minimum: Bits;
  /** Whether every figure is exact, up to a double's rounding. */
  readonly exact: boolean;
}

/** Steps that an exact figure may take: about a second. */
const MOST_STEPS = 1e9;

interface Figures {
  readonly shannon: number;
  readonly collision: number;
  readonly minimum: number;
}

/** `distribution` convolved with `slots` equally likely steps of `stride` entries. */
export function addUniform(distribution: Float64Array, slots: number, stride: number): Float64Array {
  const result = new Float64Array(distribution.length + (slots - 1) * stride);
  const window = slots * stride;
  for (let i = 0; i < result.length; i++) {
    const entering = i < distribution.length ? distribution[i] : 0;
    const leaving = i >= window && i - window < distribution.length ? distribution[i - window] : 0;
    // Running sums of each residue: what left a sum may leave dust of rounding behind, never less than nothing.
    result[i] = Math.max(0, (i >= stride ? result[i - stride] : 0) + entering - leaving);
  }
  for (let i = 0; i < result.length; i++) result[i] /= slots;
  return result;
}

/** Entropies of the sum of a value of `distribution` and one of [0, window), both independent. */
export function windowEntropy(distribution: Float64Array, window: number): Figures {
  const width = distribution.length;
  let [information, collisions, largest] = [0, 0, 0];
  const count = (probability: number, times = 1): void => {
    if (probability <= 0 || times <= 0) return;
    information -= times * probability * Math.log2(probability);
    collisions += times * probability * probability;
    largest = Math.max(largest, probability);
  };
  // Mass under the window as it moves over the distribution: up, level where it covers all of it, and down.
  let mass = 0;
  const level = window - width + 1;
  for (let at = 0; at < width + window - 1; at++) {
    if (level > 0 && at === width - 1) {
      count(1 / window, level);
      mass = 1;
      at += level - 1;
      continue;
    }
    if (at < width) mass += distribution[at];
    if (at >= window) mass -= distribution[at - window];
    count(Math.max(0, mass) / window);
  }
  return { shannon: information, collision: -Math.log2(collisions), minimum: -Math.log2(largest) };
}

/** Bounds where only the rest's width is known, and figures of a part of it, which the whole has at least. */
function boundedEntropy(part: Figures, window: number, width: number): Omit<AddressEntropy, 'base' | 'exact'> {
  const all = Math.log2(window + width - 1);
  const edge = width - 1;
  // The level part has 1 / window at each place; both edges together have edge / window at 2 * edge places, at best
  // evenly.
  const level = window >= width;
  const shannon = level ? Math.log2(window) + edge / window : all;
  const collision = level ? Math.log2(window) - Math.log2(1 - edge / (2 * window)) : all;
  return {
    shannon: { low: part.shannon, high: Math.min(all, shannon) },
    collision: { low: part.collision, high: Math.min(all, collision) },
    minimum: level ? exactly(Math.log2(window)) : { low: part.minimum, high: all },
  };
}

function exactly(bits: number): Bits {
  return { low: bits, high: bits };
}

/**
 * The entropy of the address of a function in unit `unit`, or in the text's head or a text without units when it is
 * absent. `published` says that the seed is known. Throws as roomOf does, and for a unit that is not there.
 */
export function addressEntropy(
  problem: SlideProblem,
  unit?: number,
  options: { readonly published?: boolean; readonly mostSteps?: number } = {},
): AddressEntropy {
  const shape = shapeOf(problem);
  const room = roomOf(shape);
  const { text } = shape;
  if (unit !== undefined && (text === undefined || !(unit in problem.text!.unitSizes))) {
    throw new RangeError(`there is no unit ${unit}`);
  }
  if (options.published) {
    const none = exactly(0);
    return { base: 0, shannon: none, collision: none, minimum: none, exact: true };
  }
  const base = Math.log2(room.baseSlots);
  // All counted in granules where a unit moves, else in pages.
  const stride = unit === undefined ? 1 : PAGE / text!.granule;
  const window = room.baseSlots * (unit === undefined ? 1 : room.offsetSlots);
  const code = Math.max(
    0,
    problem.segments.findIndex((segment) => segment.code),
  );
  const withGaps = (start: Float64Array): Float64Array => {
    let distribution = start;
    for (let gap = 0; gap < code; gap++) distribution = addUniform(distribution, room.gapSlots, stride);
    return distribution;
  };
  const others =
    unit === undefined
      ? []
      : Array.from(problem.text!.unitSizes, (size) => size / text!.granule).filter((_, i) => i !== unit);
  if (shuffleWork(others) <= (options.mostSteps ?? MOST_STEPS)) {
    const { shannon, collision, minimum } = windowEntropy(withGaps(sumBefore(others)), window);
    return {
      base,
      shannon: exactly(shannon),
      collision: exactly(collision),
      minimum: exactly(minimum),
      exact: true,
    };
  }
  const gaps = withGaps(Float64Array.of(1));
  const width = gaps.length + others.reduce((sum, size) => sum + size, 0);
  return { base, ...boundedEntropy(windowEntropy(gaps, window), window, width), exact: false };
}
