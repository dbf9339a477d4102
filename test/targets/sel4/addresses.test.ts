import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  drawAddresses,
  imageEntropyBits,
  LARGE_PAGE,
  MOST_HEAP,
  MOST_IMAGE,
  type SeL4Addresses,
} from '../../../targets/sel4/addresses.ts';
import { kernelOf, machines } from '../../support/sel4-kernel.ts';

const lowest = 1n << 28n;
const apart = 1n << 30n;
const parts = ['image', 'heap', 'devices'] as const;
const seedOf = (i: number): Uint8Array => createHash('sha256').update(`seed ${i}`).digest();

/** The value that a chi-square statistic with `freedom` degrees exceeds once in a million (Wilson and Hilferty). */
function chiLimit(freedom: number): number {
  const spread = 2 / (9 * freedom);
  return freedom * (1 - spread + 4.753 * Math.sqrt(spread)) ** 3;
}

/** The chi-square statistic of how often each of `cells` equal pieces of user space was drawn. */
function chiSquare(addresses: readonly bigint[], userTop: bigint, cells: number): number {
  const counts = new Array<number>(cells).fill(0);
  const room = userTop - apart - lowest;
  for (const address of addresses) counts[Number(((address - lowest) * BigInt(cells)) / room)]!++;
  const expected = addresses.length / cells;
  return counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

describe.each(machines)('addresses drawn for %s', (machine) => {
  const { userTop } = kernelOf(machine);

  it('lie in user space, on their pages, apart, for every seed', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (seed) => {
        const drawn = drawAddresses(seed, userTop);
        expect(drawn.image % 4096n).toBe(0n);
        expect(drawn.heap % BigInt(LARGE_PAGE)).toBe(0n);
        expect(drawn.devices % BigInt(LARGE_PAGE)).toBe(0n);
        const sorted = parts.map((part) => drawn[part]).sort((a, b) => (a < b ? -1 : 1));
        expect(sorted[0]! >= lowest).toBe(true);
        expect(sorted[2]! + apart <= userTop).toBe(true);
        for (const i of [0, 1]) expect(sorted[i + 1]! - sorted[i]! >= apart).toBe(true);
      }),
      { seed: 5, numRuns: 300 },
    );
  });

  it('are those of their seed, and of no other', () => {
    const drawn = (i: number): SeL4Addresses => drawAddresses(seedOf(i), userTop);
    expect(drawn(1)).toEqual(drawn(1));
    for (const part of parts) expect(drawn(1)[part]).not.toBe(drawn(2)[part]);
  });

  it('are uniform over user space, to its end', () => {
    const drawn = Array.from({ length: 2000 }, (_, i) => drawAddresses(seedOf(i), userTop));
    for (const part of parts) {
      const addresses = drawn.map((each) => each[part]);
      expect(chiSquare(addresses, userTop, 64), part).toBeLessThan(chiLimit(63));
      // Low bits: the 16 that every part's step leaves.
      const step = part === 'image' ? 4096n : BigInt(LARGE_PAGE);
      const low = addresses.map((address) => Number(((address - lowest) / step) % 64n));
      const counts = Array.from({ length: 64 }, (_, cell) => low.filter((each) => each === cell).length);
      const expected = addresses.length / 64;
      const statistic = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
      expect(statistic, part).toBeLessThan(chiLimit(63));
    }
  });

  it('have as many bits of entropy as is said', () => {
    const places = Number((userTop - apart - lowest) / 4096n);
    expect(2 ** imageEntropyBits(userTop)).toBeLessThanOrEqual(places);
    expect(2 ** (imageEntropyBits(userTop) + 1)).toBeGreaterThan(places);
  });
});

it('are of a user space whose places are no multiple of a power of two', () => {
  // One and a half pieces of the draw's lower part: the upper half of it must not be lost, nor the lower one doubled.
  const userTop = lowest + apart + BigInt(LARGE_PAGE) * 98304n;
  const drawn = Array.from({ length: 2000 }, (_, i) => drawAddresses(seedOf(i), userTop).heap);
  expect(chiSquare(drawn, userTop, 24)).toBeLessThan(chiLimit(23));
});

it('leave room for the largest heap, and the largest image with a window of its size', () => {
  expect(BigInt(MOST_HEAP)).toBeLessThan(apart);
  expect((1n << 28n) + BigInt(MOST_IMAGE)).toBeLessThan(apart);
});
