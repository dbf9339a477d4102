/** Terms that programs become: what is computed twice is one term. */
import { describe, expect, it } from 'vitest';
import { createArithmetic } from '../../proofs/arithmetic.ts';
import { createFacts } from '../../proofs/facts.ts';
import { createIntervals } from '../../proofs/intervals.ts';

describe('what is written twice', () => {
  const facts = createFacts();
  const m = createArithmetic(facts, createIntervals(facts));
  const [x, y] = [facts.fresh('x', 'Int', { low: 0n, high: 255n }), facts.fresh('y', 'Int', { low: 0n, high: 255n })];
  const pairs = () => m.subtract(x, m.bitwise('and', m.floorDivide(x, m.integer(2n)), m.integer(0x55n)));
  const sum = () => m.add(m.multiply(m.integer(3n), pairs()), m.multiply(y, x));

  it('is one term', () => expect(sum()).toBe(sum()));
  it('has one quotient, one remainder and one masked value', () => {
    const [by, mask] = [m.integer(7n), m.integer(0x33n)];
    expect(m.floorDivide(sum(), by)).toBe(m.floorDivide(sum(), by));
    expect(m.floorModulo(sum(), by)).toBe(m.floorModulo(sum(), by));
    expect(m.bitwise('and', sum(), mask)).toBe(m.bitwise('and', sum(), mask));
    expect(m.equal(m.wrap(sum(), 16, true), m.wrap(sum(), 16, true))).toEqual(m.truth(true));
  });
  it('is not what has the same operands the other way round, or another constant', () => {
    expect(m.subtract(x, y)).not.toBe(m.subtract(y, x));
    expect(m.floorDivide(sum(), m.integer(7n))).not.toBe(m.floorDivide(sum(), m.integer(8n)));
  });
});
