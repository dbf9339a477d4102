/**
 * Where a root image, its heap and its devices are in the address space: drawn for every build from a seed.
 *
 * The kernel randomises nothing and loads a root image where it is linked, so an attacker who has the image knows its
 * addresses; one who has another build of it does not. The draws are uniform over the kernel's user space but for its
 * lowest part, where small numbers that are taken for addresses must find nothing. The three are drawn again until they
 * are apart.
 *
 * Draws are a seed's as in hardening/slide/draws.ts, in this order: image, heap, devices, each in two parts.
 */
import { type Draws, seededDraws, uniform } from '../../hardening/slide/draws.ts';
import { PAGE } from '../regions.ts';

/** No address below is used. */
const LOWEST = 1n << 28n;
/** Kept clear after each part; no part is larger (first-stage/draw.c has the same). */
const APART = 1n << 30n;
/** Values of a draw's lower part. */
const FINE = 1n << 16n;

export const LARGE_PAGE = 1 << 21;

/** Bytes that a heap has at most, with a page that is kept clear above it. */
export const MOST_HEAP = Number(APART) - LARGE_PAGE;
/** Bytes from an image's first page to its last, at most: a first stage has a window of its size beside the devices. */
export const MOST_IMAGE = Number(APART) / 2;

export interface SeL4Addresses {
  /** Of the image's first page. */
  readonly image: bigint;
  /** A large page's boundary. */
  readonly heap: bigint;
  /** Where registers of devices are mapped. */
  readonly devices: bigint;
}

/** The number of places that a part can be at. */
function placesOf(userTop: bigint, step: bigint): bigint {
  return (userTop - APART - LOWEST) / step;
}

function draw(draws: Draws, userTop: bigint, step: bigint): bigint {
  const places = placesOf(userTop, step);
  for (;;) {
    const coarse = BigInt(uniform(draws, Number((places + FINE - 1n) / FINE)));
    const place = coarse * FINE + BigInt(uniform(draws, Number(FINE)));
    // Of the last piece there are not as many places as values.
    if (place < places) return LOWEST + place * step;
  }
}

const apart = (a: bigint, b: bigint): boolean => (a < b ? b - a : a - b) >= APART;

/** The addresses of a seed in a user space that ends at `userTop`. */
export function drawAddresses(seed: Uint8Array, userTop: bigint): SeL4Addresses {
  const draws = seededDraws(seed);
  for (;;) {
    const image = draw(draws, userTop, BigInt(PAGE));
    const heap = draw(draws, userTop, BigInt(LARGE_PAGE));
    const devices = draw(draws, userTop, BigInt(LARGE_PAGE));
    if (apart(image, heap) && apart(image, devices) && apart(heap, devices)) return { image, heap, devices };
  }
}

/** Bits of what an attacker who knows all but the seed must guess of the image's base, rounded down. */
export function imageEntropyBits(userTop: bigint): number {
  return placesOf(userTop, BigInt(PAGE)).toString(2).length - 1;
}
