import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { numbers as n } from '../../../hardening/slide/arithmetic.ts';

const integer = fc.integer({ min: -(2 ** 52), max: 2 ** 52 });
const divisor = fc.oneof(
  fc.integer({ min: 1, max: 200_000 }),
  fc.integer({ min: 0, max: 31 }).map((bit) => 2 ** bit),
);
const holds = <T>(property: fc.IProperty<T>): void => fc.assert(property, { seed: 3, numRuns: 2000 });

describe('arithmetic on numbers is exact', () => {
  it('rounds quotients down, as integers do', () => {
    holds(
      fc.property(integer, divisor, (a, d) => {
        const [wide, by] = [BigInt(a), BigInt(d)];
        const quotient = (wide - (((wide % by) + by) % by)) / by;
        expect(BigInt(n.divide(a, d))).toBe(quotient);
        expect(BigInt(n.alignDown(a, d))).toBe(quotient * by);
        expect(BigInt(n.alignUp(a, d))).toBe(quotient * by === wide ? wide : (quotient + 1n) * by);
        expect(n.isAligned(a, d)).toBe(wide % by === 0n);
      }),
    );
  });

  it('adds, compares and selects', () => {
    holds(
      fc.property(integer, integer, (a, b) => {
        expect([n.add(a, b), n.subtract(a, b), n.scale(a, 2)]).toEqual([a + b, a - b, a * 2]);
        expect([n.min(a, b), n.max(a, b)].sort((x, y) => x - y)).toEqual([a, b].sort((x, y) => x - y));
        expect(n.max(a, b)).toBe(n.select(n.less(a, b), b, a));
        expect(n.atMost(a, b)).toBe(n.not(n.less(b, a)));
        expect(n.equal(a, b)).toBe(n.all([n.atMost(a, b), n.atMost(b, a)]));
        expect(n.any([n.less(a, b), n.equal(a, b), n.less(b, a)])).toBe(true);
      }),
    );
    expect([n.all([]), n.any([]), n.truth(true), n.constant(7)]).toEqual([true, false, true, 7]);
  });
});
