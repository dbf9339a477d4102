/**
 * The table of operators is JavaScript's: wherever an operator's conditions hold, its meaning on integers is what the
 * language computes. Exhaustive for all pairs of 8-bit values, of both signs; then at the ends of every type.
 */
import { describe, expect, it } from 'vitest';
import { evaluate, exact, isExact, type OperatorName, operatorNames, operatorOf } from '../../analyzers/operators.ts';
import { createArithmetic } from '../../proofs/arithmetic.ts';
import { createFacts, relevantFacts } from '../../proofs/facts.ts';
import { createIntervals } from '../../proofs/intervals.ts';
import { prove } from '../../proofs/smt/prove.ts';
import { findSolvers } from '../../proofs/smt/solver.ts';
import * as t from '../../proofs/smt/terms.ts';

const ends = [0n, 1n, 2n, 3n, 7n, 8n, 31n, 32n, 33n, 63n, 64n, 255n, 256n, 4095n];
for (const bits of [7n, 8n, 15n, 16n, 31n, 32n, 33n, 52n, 53n, 63n, 64n]) {
  for (const offset of [-2n, -1n, 0n, 1n]) ends.push(2n ** bits + offset);
}
const boundary = [...new Set([...ends, ...ends.map((value) => -value)])];
const bytes = Array.from({ length: 512 }, (_, i) => BigInt(i - 256));
const safe = (value: bigint): boolean => -(2n ** 53n) < value && value < 2n ** 53n;

/** Operands that an operator's domain has, out of the list. */
function operandsOf(name: OperatorName, values: readonly bigint[]): readonly bigint[][] {
  const { domain, arity } = operatorOf(name);
  const own = domain === 'number' ? values.filter(safe) : values;
  return arity === 1 ? own.map((a) => [a]) : own.flatMap((a) => own.map((b) => [a, b]));
}

/** Operands for which the table says another thing than the language, up to the first few. */
function disagreements(name: OperatorName, values: readonly bigint[]): string[] {
  const operator = operatorOf(name);
  const found: string[] = [];
  for (const operands of operandsOf(name, values)) {
    if (!isExact(name, operands)) continue;
    const [ours, theirs] = [operator.meaning(exact, operands), evaluate(name, operands)];
    if (ours !== theirs && found.push(`${operator.spelling} of ${operands.join(', ')}: ${ours}, not ${theirs}`) > 3)
      break;
  }
  return found;
}

describe.each(operatorNames)('%s', (name) => {
  it('means what JavaScript computes, for all bytes and at the ends of types', () => {
    expect(disagreements(name, bytes)).toEqual([]);
    expect(disagreements(name, boundary)).toEqual([]);
  });
});

describe('what is often got wrong', () => {
  it.each<[OperatorName, bigint[], bigint | boolean]>([
    ['bitAnd', [0xffffffffn, 0xffffffffn], -1n],
    ['bitOr', [0xffffffffn, 0n], -1n],
    ['remainder', [-7n, 3n], -1n],
    ['truncatedDivide', [-7n, 2n], -3n],
    ['flooredDivide', [-7n, 2n], -4n],
    ['shiftRightUnsigned', [-1n, 0n], 0xffffffffn],
    ['shiftLeft', [1n, 31n], -(2n ** 31n)],
    ['shiftLeft', [1n, 32n], 1n],
    ['shiftRight', [0x80000000n, 31n], -1n],
    ['multiply32', [0xffffffffn, 5n], -5n],
    ['multiply32', [0x10001n, 0x10001n], 0x20001n],
    ['bigDivide', [-7n, 2n], -3n],
    ['asInt64', [2n ** 63n], -(2n ** 63n)],
    ['truncatedDivide', [2n ** 53n - 1n, 2n ** 53n - 2n], 1n],
    ['truncatedDivide', [2n ** 53n - 2n, 2n ** 53n - 1n], 0n],
    ['flooredDivide', [-1n, 2n ** 53n - 1n], -1n],
  ])('%s of %s', (name, operands, result) => {
    expect(evaluate(name, operands)).toBe(result);
    expect(operatorOf(name).meaning(exact, operands)).toBe(result);
  });

  it('is no pass: a sum that is rounded, a division by zero, a shift beyond the widest integer', () => {
    expect(isExact('add', [2n ** 53n - 1n, 1n])).toBe(false);
    expect(isExact('multiply', [2n ** 27n, 2n ** 27n])).toBe(false);
    for (const name of ['remainder', 'truncatedDivide', 'flooredDivide', 'bigDivide', 'bigRemainder'] as const) {
      expect(isExact(name, [1n, 0n])).toBe(false);
    }
    expect(isExact('bigShiftLeft', [1n, 65n])).toBe(false);
    expect(isExact('toNumber', [2n ** 53n])).toBe(false);
  });
});

describe('the arithmetic of terms', () => {
  /** Operands in plenty, but few enough for one question. */
  const samples = (name: OperatorName): bigint[][] => {
    const all = operandsOf(name, [
      ...boundary.slice(0, 24),
      5n,
      -5n,
      100n,
      -100n,
      2n ** 31n,
      -(2n ** 31n),
      2n ** 32n - 1n,
    ]);
    const exactOnes = all.filter((operands) => isExact(name, operands));
    return exactOnes.filter((_, i) => i % Math.ceil(exactOnes.length / 10) === 0);
  };
  /** Beyond what solvers decide, or known by bounds only: there the second operand is a constant. */
  const hard = (name: OperatorName): boolean => /and|or$|xor|divide|remainder|multiply|shift/i.test(name);

  it.each(operatorNames)('is the exact one: %s', async (name) => {
    const facts = createFacts();
    const m = createArithmetic(facts, createIntervals(facts));
    const operator = operatorOf(name);
    const range = operator.domain === 'number' ? { low: -(2n ** 53n - 1n), high: 2n ** 53n - 1n } : {};
    const claims = samples(name).flatMap((operands) => {
      const variables = operands.map((_, i) => facts.visible(`x${i}`, 'Int', range));
      const given = t.all(variables.map((variable, i) => t.equal(variable, t.integer(operands[i]))));
      const expected = operator.meaning(exact, operands);
      const claim = (inputs: readonly t.Term[]): t.Term => {
        const result = operator.meaning(m, inputs);
        return typeof expected === 'boolean'
          ? expected
            ? result
            : t.not(result)
          : t.equal(result, t.integer(expected));
      };
      // The second operand is a constant as often as not.
      const half = variables.map((variable, i) => (i === 1 ? t.integer(operands[i]) : variable));
      return [t.implies(given, claim(half)), ...(hard(name) ? [] : [t.implies(given, claim(variables))])];
    });
    const solvers = findSolvers();
    const all = t.all(claims);
    const verdict = await prove(solvers, { name, assumptions: relevantFacts(facts, [all]), goal: all });
    expect(verdict.status).toBe('proved');
  });

  it('puts no bound on a & b that some a and b break', async () => {
    const facts = createFacts();
    const m = createArithmetic(facts, createIntervals(facts));
    const claims: t.Term[] = [];
    for (const a of boundary.slice(0, 40)) {
      for (const b of [3n, -3n, 255n, -256n, 2n ** 31n]) {
        const [x, y] = [facts.fresh('x'), facts.fresh('y')];
        const common = m.bitwise('and', x, y);
        claims.push(t.equal(x, t.integer(a)), t.equal(y, t.integer(b)), t.equal(common, t.integer(a & b)));
        claims.push(
          t.equal(m.bitwise('or', x, y), t.integer(a | b)),
          t.equal(m.bitwise('xor', x, y), t.integer(a ^ b)),
        );
      }
    }
    const verdict = await prove(findSolvers(), {
      name: 'and',
      assumptions: [...relevantFacts(facts, claims), ...claims],
      goal: t.truth(false),
    });
    expect(verdict.status).toBe('refuted');
  });
});
