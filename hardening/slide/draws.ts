/**
 * A seed's draws: what is random about a slide, as a function of the seed.
 *
 * The keystream of ChaCha20 under the seed's SHA-256 gives 32-bit words; a draw takes words until one falls into the
 * largest multiple of its room, so that every value is equally likely, and the order of units is a Fisher-Yates shuffle
 * of such draws. The same seed and problem give the same layout for ever: how many words are taken, and for what, in
 * which order, is a format, and changing it is changing what every kept seed means.
 */
import { createHash } from '../../base/node.ts';
import { chacha20 } from './chacha20.ts';
import { layoutSlide, roomOf, type SlideDraws, type SlideLayout, type SlideProblem, shapeOf } from './layout.ts';

/** A uniform integer of [0, bound), 1 <= bound <= 2^32. */
export type Uniform = (bound: number) => number;

/** Uniform draws from a seed: 32 bytes of the operating system's, or the UTF-8 bytes of a text. */
export function uniformDraws(seed: Uint8Array): Uniform {
  const word = chacha20(createHash('sha256').update(seed).digest());
  return (bound) => {
    if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) throw new RangeError(`no draw has ${bound} values`);
    const fair = 2 ** 32 - (2 ** 32 % bound);
    let value = word();
    while (value >= fair) value = word();
    return value % bound;
  };
}

/** 0 to count - 1 in uniformly random order (Fisher-Yates, from the last place down). */
export function shuffledOrder(count: number, uniform: Uniform): Uint32Array {
  const order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let last = count - 1; last > 0; last--) {
    const other = uniform(last + 1);
    const kept = order[last];
    order[last] = order[other];
    order[other] = kept;
  }
  return order;
}

/** All draws of a slide, taken in the order of the fields. A problem that cannot be slid is a 'layout' error. */
export function drawSlide(problem: SlideProblem, uniform: Uniform): SlideDraws {
  const shape = shapeOf(problem);
  const room = roomOf(shape);
  const base = uniform(room.baseSlots);
  const gaps = shape.sizes.slice(1).map(() => uniform(room.gapSlots));
  const offset = uniform(room.offsetSlots);
  const order = shuffledOrder(shape.text === undefined ? 0 : problem.text!.unitSizes.length, uniform);
  return { base, gaps, offset, order };
}

/** The layout of a seed. */
export function seededLayout(problem: SlideProblem, seed: Uint8Array): SlideLayout {
  return layoutSlide(problem, drawSlide(problem, uniformDraws(seed)));
}
