import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { drawSlide, seededDraws } from '../../../hardening/slide/draws.ts';
import { addressEntropy, addUniform, windowEntropy } from '../../../hardening/slide/entropy.ts';
import { createSlideArena } from '../../../hardening/slide/kernels/kernels.ts';
import { layoutSlide, roomOf, type SlideProblem, shapeOf } from '../../../hardening/slide/layout.ts';
import { gaussLegendre, sumBefore } from '../../../hardening/slide/shuffle.ts';
import { isLong as long } from '../../support/long.ts';

const MiB = 1 << 20;

/** Entropies of counts, as their definitions have it. */
function entropies(counts: Iterable<number>): [shannon: number, collision: number, minimum: number] {
  const all = [...counts];
  const total = all.reduce((sum, count) => sum + count, 0);
  const shares = all.filter((count) => count > 0).map((count) => count / total);
  const sum = (f: (share: number) => number): number => shares.reduce((so, share) => so + f(share), 0);
  return [sum((p) => -p * Math.log2(p)), -Math.log2(sum((p) => p * p)), -Math.log2(Math.max(...shares))];
}

function* orders(count: number, taken: readonly number[] = []): Generator<number[]> {
  if (taken.length === count) yield [...taken];
  for (let i = 0; i < count; i++) if (!taken.includes(i)) yield* orders(count, [...taken, i]);
}

/** An image whose slides can be counted: a few bases, gaps of up to four pages, four units. */
const small: SlideProblem = {
  memory: 2 * MiB,
  lowest: 0x102000,
  ceiling: 0x102000 + 0x1000 + 0x2000 + 0x4000 + 2 * 0x1000,
  segments: [
    { size: 0x1000, code: false },
    { size: 0x40 + 0x240, code: true },
  ],
  signedAddresses: true,
  text: { granule: 64, headSize: 0x40, unitSizes: Uint32Array.of(0x40, 0x140, 0x40, 0x80) },
};

/** Every layout of the small image: how often each address of a unit, and of the head (last), occurs. */
function countAddresses(problem: SlideProblem): Map<number, number>[] {
  const room = roomOf(shapeOf(problem));
  const units = problem.text!.unitSizes.length;
  const counts = Array.from({ length: units + 1 }, () => new Map<number, number>());
  for (const list of orders(units)) {
    const order = Uint32Array.from(list);
    for (let base = 0; base < room.baseSlots; base++) {
      for (let gap = 0; gap < room.gapSlots; gap++) {
        for (let offset = 0; offset < room.offsetSlots; offset++) {
          const { segmentAddress, unitOffset } = layoutSlide(problem, { base, gaps: [gap], offset, order });
          [...unitOffset, 0].forEach((at, i) => {
            const address = segmentAddress[1] + at;
            counts[i].set(address, (counts[i].get(address) ?? 0) + 1);
          });
        }
      }
    }
  }
  return counts;
}

describe("one function's entropy", () => {
  it('is that of all layouts counted', () => {
    const room = roomOf(shapeOf(small));
    expect([room.baseSlots, room.gapSlots, room.offsetSlots]).toEqual([3, 5, 64]);
    countAddresses(small).forEach((counts, i) => {
      const found = addressEntropy(small, i === small.text!.unitSizes.length ? undefined : i);
      const [shannon, collision, minimum] = entropies(counts.values());
      expect(found.exact).toBe(true);
      expect(found.base).toBe(Math.log2(3));
      expect(found.shannon.low).toBeCloseTo(shannon, 10);
      expect(found.collision.low).toBeCloseTo(collision, 10);
      expect(found.minimum.low).toBeCloseTo(minimum, 10);
    });
  });

  it('lies within the bounds that stand in for it when it would take too long', () => {
    for (const ceiling of [small.ceiling, small.memory]) {
      const problem = { ...small, ceiling };
      const exact = addressEntropy(problem, 1);
      const bounds = addressEntropy(problem, 1, { mostSteps: 0 });
      expect([exact.exact, bounds.exact]).toEqual([true, false]);
      for (const figure of ['shannon', 'collision', 'minimum'] as const) {
        expect(bounds[figure].low).toBeLessThanOrEqual(exact[figure].low + 1e-12);
        expect(bounds[figure].high).toBeGreaterThanOrEqual(exact[figure].high - 1e-12);
      }
    }
  });

  it('is nothing when the seed is published', () => {
    const none = { low: 0, high: 0 };
    const expected = { base: 0, shannon: none, collision: none, minimum: none, exact: true };
    expect(addressEntropy(small, 0, { published: true })).toEqual(expected);
  });

  it('is asked of a unit that is there', () => {
    expect(() => addressEntropy(small, 4)).toThrow(RangeError);
    const { text: _, ...still } = small;
    expect(() => addressEntropy(still, 0)).toThrow(RangeError);
    expect(addressEntropy(still).exact).toBe(true);
  });
});

/** An image of `units` functions, 48 bytes to some KiB, in a guest with half its memory for the heap. */
function image(memory: number, units: number, factor = 1): SlideProblem {
  const unitSizes = Uint32Array.from({ length: units }, (_, i) => 16 * (3 + ((i * i * 7 + i) % 61) * factor));
  return {
    memory,
    lowest: 0x102000,
    ceiling: memory / 2 - 6 * MiB,
    segments: [
      { size: 0x200 + unitSizes.reduce((sum, size) => sum + size, 0), code: true },
      { size: 0x3000, code: false },
      { size: 0x1000, code: false },
      { size: 0x8000, code: false },
    ],
    signedAddresses: true,
    text: { granule: 16, headSize: 0x200, unitSizes },
  };
}

describe('a guest of 512 MiB', () => {
  it('has 15.9 bits for the base, and 20 of min-entropy for one of 80 functions', () => {
    const problem = image(512 * MiB, 80);
    for (const unit of [0, 17, 79]) {
      const found = addressEntropy(problem, unit);
      expect(found.exact).toBe(true);
      expect(found.base).toBeGreaterThanOrEqual(15.9);
      expect(found.minimum.low).toBeGreaterThanOrEqual(20);
      // The window is wider than all the rest, so the min-entropy is exactly its own.
      expect(found.minimum.low).toBeCloseTo(found.base + 8, 12);
      expect(found.shannon.low).toBeGreaterThan(found.collision.low);
      expect(found.collision.low).toBeGreaterThan(found.minimum.low);
    }
  });

  it('has bounds within a twentieth of a bit for a text of 5 MB, at once', () => {
    const problem = image(512 * MiB, 10_500);
    expect(problem.segments[0].size).toBeGreaterThan(4.9e6);
    const found = addressEntropy(problem, 5);
    expect(found.exact).toBe(false);
    expect(found.shannon.high - found.shannon.low).toBeLessThan(0.05);
    expect(found.minimum.high).toBe(found.minimum.low);
    expect(found.minimum.low).toBeGreaterThan(23);
  });
});

describe('the distribution of what stands before a unit', () => {
  it('is that of all orders, by a count of subsets', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }), (sizes) => {
        const got = sumBefore(sizes);
        // ways[k][s]: subsets of k sizes with sum s. A subset of k of n precedes with probability k! (n-k)! / (n+1)!.
        const n = sizes.length;
        const total = sizes.reduce((sum, size) => sum + size, 0);
        const ways = Array.from({ length: n + 1 }, () => new Array<bigint>(total + 1).fill(0n));
        ways[0][0] = 1n;
        for (const size of sizes) {
          for (let k = n; k > 0; k--) for (let s = total; s >= size; s--) ways[k][s] += ways[k - 1][s - size];
        }
        let choose = 1n;
        const expected = new Array<number>(total + 1).fill(0);
        for (let k = 0; k <= n; k++) {
          for (let s = 0; s <= total; s++) expected[s] += Number((ways[k][s] * 10n ** 20n) / choose) / 1e20 / (n + 1);
          choose = (choose * BigInt(n - k)) / BigInt(k + 1);
        }
        expect(got.length).toBe(total + 1);
        for (let s = 0; s <= total; s++) expect(got[s]).toBeCloseTo(expected[s], 13);
      }),
      { seed: 4, numRuns: 60 },
    );
  });

  it('sums to one for many units', () => {
    const sum = sumBefore(Array.from({ length: 300 }, (_, i) => 1 + (i % 9))).reduce((so, p) => so + p, 0);
    expect(sum).toBeCloseTo(1, 12);
  });

  it('rests on quadrature that is exact for its degree', () => {
    for (const count of [1, 2, 5, 40, 151]) {
      const rule = gaussLegendre(count);
      for (const degree of [0, 1, count, 2 * count - 1]) {
        const integral = rule.reduce((sum, { node, weight }) => sum + weight * node ** degree, 0);
        expect(integral).toBeCloseTo(1 / (degree + 1), 13);
      }
    }
  });
});

describe('windows', () => {
  it('are laid over a distribution as by adding every pair', () => {
    const distribution = fc
      .array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 12 })
      .filter((weights) => weights.some((weight) => weight > 0));
    const parts = fc.tuple(distribution, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 5 }));
    fc.assert(
      fc.property(parts, ([weights, slots, stride]) => {
        const total = weights.reduce((sum, weight) => sum + weight, 0);
        const start = Float64Array.from(weights, (weight) => weight / total);
        const strided = new Array<number>(weights.length + (slots - 1) * stride).fill(0);
        const plain = new Array<number>(weights.length + slots - 1).fill(0);
        weights.forEach((weight, i) => {
          for (let slot = 0; slot < slots; slot++) {
            strided[i + slot * stride] += weight;
            plain[i + slot] += weight;
          }
        });
        const got = addUniform(start, slots, stride);
        expect(got.length).toBe(strided.length);
        strided.forEach((weight, i) => {
          expect(got[i]).toBeCloseTo(weight / total / slots, 12);
        });
        const { shannon, collision, minimum } = windowEntropy(start, slots);
        entropies(plain).forEach((bits, i) => {
          expect([shannon, collision, minimum][i]).toBeCloseTo(bits, 10);
        });
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});

/** Collision entropy of one unit's address, by the collisions among `count` layouts of different seeds. */
function measuredCollision(problem: SlideProblem, unit: number, count: number): number {
  const seen = new Map<number, number>();
  let pairs = 0;
  const arena = createSlideArena();
  for (let i = 0; i < count; i++) {
    const draws = drawSlide(problem, seededDraws(new TextEncoder().encode(`measured ${i}`), arena));
    const { segmentAddress, unitOffset } = layoutSlide(problem, draws);
    const code = problem.segments.findIndex((segment) => segment.code);
    const address = segmentAddress[code] + unitOffset[unit];
    const before = seen.get(address) ?? 0;
    pairs += before;
    seen.set(address, before + 1);
  }
  return Math.log2((count * (count - 1)) / 2 / pairs);
}

describe('layouts as seeds draw them', () => {
  it('collide as often as the exact figure says', () => {
    const problem = { ...image(16 * MiB, 12), ceiling: 0x102000 + 0x40000 };
    const { collision, exact } = addressEntropy(problem, 3);
    expect(exact).toBe(true);
    expect(collision.low).toBeGreaterThan(12);
    expect(Math.abs(measuredCollision(problem, 3, 1 << 12) - collision.low)).toBeLessThan(0.2);
  });

  it.runIf(long)(
    'and so do 2^17 of them in a guest of 512 MiB',
    () => {
      const problem = image(512 * MiB, 80);
      const { collision } = addressEntropy(problem, 40);
      expect(Math.abs(measuredCollision(problem, 40, 1 << 17) - collision.low)).toBeLessThan(0.5);
    },
    600_000,
  );
});
