/**
 * The table of operators is JavaScript's: wherever an operator's conditions hold, each column is what the language
 * computes. Exhaustive for all pairs of 8-bit values, of both signs; then at the ends of every type. C is held against it
 * in test/lowering/operators.test.ts, Coq and ACSL in test/proofs/operators-elsewhere.test.ts.
 */
import { describe, expect, it } from 'vitest';
import { evaluate, exact, isExact, type OperatorName, operatorNames, operatorOf } from '../../analyzers/operators.ts';
import { boundaryCases, byteCases, expectedDigest } from '../support/operator-cases.ts';
import { type Column, differences, runColumn } from '../support/operator-columns.ts';

const cases = [...byteCases(), ...boundaryCases()];
const digests = new Map(cases.map((one) => [one, expectedDigest(one)]));

describe.each(operatorNames)('%s', (name) => {
  const own = cases.filter(({ operator }) => operator === name);

  it.each<Column>(['integers', 'bits', 'machine'])(
    'means what JavaScript computes, for all bytes and at the ends of types, in terms of %s',
    (column) => {
      for (const one of own) {
        const { digest, falseFacts } = runColumn(column, one);
        expect(falseFacts, one.name).toBe(0);
        if (digest !== digests.get(one)) expect(differences(column, one)).toEqual([]);
        expect(digest, one.name).toBe(digests.get(one));
      }
    },
  );

  it('is tried on bytes of both signs, and on each wide type of its operands', () => {
    const { domain } = operatorOf(name);
    const tried = new Set(own.map(({ types, exhaustive }) => `${types[0]}${exhaustive ? ', all' : ''}`));
    const wanted =
      domain === 'number' ? ['u8, all', 'i8, all', 'i32', 'number'] : ['u64, all', 'i64, all', 'u64', 'i64'];
    expect([...tried]).toEqual(expect.arrayContaining(wanted));
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
