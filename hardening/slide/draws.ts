/**
 * A seed's draws: what is random about a slide, as a function of the seed.
 *
 * The keystream of ChaCha20 under the seed's SHA-256 gives 32-bit words; a draw takes words until one falls into the
 * largest multiple of its room, so that every value is equally likely, and the order of units is a Fisher-Yates shuffle
 * of such draws. The same seed and problem give the same layout for ever: how many words are taken, and for what, in
 * which order, is a format, and changing it is changing what every kept seed means.
 *
 * The cipher is a kernel of ours rather than the system's OpenSSL, which may be built or configured without it: a seed
 * must give its layout on every machine. Nonce 0, block counter from 0. Source: RFC 8439, section 2.3.
 */
import { createHash } from '../../base/node.ts';
import { allocate, u32 } from '../../linker/arena.ts';
import { createSlideArena, type SlideArena } from './kernels/kernels.ts';
import { STREAM_USED, STREAM_WORDS } from './kernels/numbers.ts';
import { layoutSlide, roomOf, type SlideDraws, type SlideLayout, type SlideProblem, shapeOf } from './layout.ts';
import type { Shape } from './space.ts';
import { kernelLoops } from './unit-loops.ts';

/** Uniform draws from a key, in order. */
export interface Draws {
  readonly arena: SlideArena;
  /** Address of its stream. */
  readonly stream: number;
}

/** "expand 32-byte k" */
const CONSTANTS = [0x61707865, 0x3320646e, 0x79622d32, 0x6b206574];

/** Draws from the keystream of a key of 32 bytes; at most 2^32 blocks. */
export function keyedDraws(key: Uint8Array, arena: SlideArena = createSlideArena()): Draws {
  if (key.length !== 32) throw new RangeError(`a key has 32 bytes, not ${key.length}`);
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const stream = allocate(arena, 4 * STREAM_WORDS);
  const words = new Uint32Array(arena.bytes.buffer, stream, STREAM_WORDS);
  words.set([...CONSTANTS, ...Array.from({ length: 8 }, (_, i) => view.getUint32(4 * i, true))]);
  words[STREAM_USED] = 16;
  return { arena, stream };
}

/** Draws from a seed: 32 bytes of the operating system's, or the UTF-8 bytes of a text. */
export function seededDraws(seed: Uint8Array, arena?: SlideArena): Draws {
  return keyedDraws(createHash('sha256').update(seed).digest(), arena);
}

/** A uniform integer of [0, bound), 1 <= bound <= 2^32. */
export function uniform({ arena, stream }: Draws, bound: number): number {
  if (!Number.isInteger(bound) || bound < 1 || bound > 2 ** 32) throw new RangeError(`no draw has ${bound} values`);
  return arena.kernels.drawUniform(stream, bound);
}

/** 0 to count - 1 in uniformly random order. */
export function shuffledOrder({ arena, stream }: Draws, count: number): Uint32Array {
  const order = u32(arena, count);
  arena.kernels.drawOrder(stream, order.byteOffset, count);
  return order;
}

/** All draws of a slide, taken in the order of the fields. A problem that cannot be slid is a 'layout' error. */
export function drawSlide(problem: SlideProblem, draws: Draws, shape: Shape<number> = shapeOf(problem)): SlideDraws {
  const room = roomOf(shape);
  const base = uniform(draws, room.baseSlots);
  const gaps = shape.sizes.slice(1).map(() => uniform(draws, room.gapSlots));
  const offset = uniform(draws, room.offsetSlots);
  const order = shuffledOrder(draws, shape.text === undefined ? 0 : problem.text!.unitSizes.length);
  return { base, gaps, offset, order };
}

/** The layout of a seed. */
export function seededLayout(
  problem: SlideProblem,
  seed: Uint8Array,
  arena: SlideArena = createSlideArena(),
): SlideLayout {
  const loops = kernelLoops(arena);
  const shape = shapeOf(problem, loops);
  return layoutSlide(problem, drawSlide(problem, seededDraws(seed, arena), shape), loops, shape);
}
