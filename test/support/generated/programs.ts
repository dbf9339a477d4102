/** Random programs of the subset, with postconditions taken from their code. */
import fc from 'fast-check';
import { condition, expression, scalarTypes, statement } from './expressions.ts';

/** The least and the greatest that an expression of p and q gives on a grid of their ranges. */
function sampledRange(text: string, p: readonly number[], q: readonly number[]): readonly number[] {
  const own = new Function('p', 'q', `return ${text};`) as (p: number, q: number) => number;
  const grid = ([low, high]: readonly number[]): number[] =>
    Array.from({ length: 9 }, (_, i) => low + Math.round(((high - low) * i) / 8));
  const all = grid(p).flatMap((x) => grid(q).map((y) => own(x, y)));
  return [Math.min(...all), Math.max(...all)];
}

/** Ranges inside every scalar type. */
const smallRange = fc
  .tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 100 }))
  .map(([low, more]) => [low, low + more]);

/**
 * A function that claims the range that its value had on samples, or a little less: mostly true, and beyond what can be
 * read off its form, so that a solver has to decide.
 */
export const ranged = fc
  .record({
    types: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    p: smallRange,
    q: smallRange,
    test: condition(['p', 'q'], 1),
    first: expression(['p', 'q'], 1),
    second: expression(['p', 'q', 'x'], 1),
    off: fc.constantFrom(0, 0, 0, 1),
  })
  .map(({ types: [a, b], p, q, test, first, second, off }) => {
    const value = `(${test}) ? ${first} : ((x) => ${second})(${first})`;
    const [low, high] = sampledRange(value, p, q);
    return `
/**
 * @requires ${p[0]} <= p && p <= ${p[1]} && ${q[0]} <= q && q <= ${q[1]}
 * @ensures ${low} <= result && result <= ${high - off}
 */
export function k(p: ${a}, q: ${b}): number {
  const x = ${first};
  return (${test}) ? x : ${second};
}`;
  });

/** Four functions: one of statements, one of an expression, one that throws, and one that claims a range. */
export const programs = fc
  .record({
    types: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    locals: fc.tuple(fc.constantFrom(...scalarTypes), fc.constantFrom(...scalarTypes)),
    requires: condition(['p', 'q'], 1),
    first: expression(['p', 'q'], 1),
    body: fc.array(statement(['p', 'q', 'x', 'y', 'c.at'], 1), { minLength: 1, maxLength: 3 }),
    result: expression(['p', 'x', 'y'], 1),
    claim: condition(['p', 'q', 'result'], 1),
    same: fc.boolean(),
    ranged,
  })
  .map(({ types: [p, q], locals: [x, y], requires, first, body, result, claim, same, ranged: last }) => {
    // Half of them claim what they compute from their parameters, so that there is something to prove.
    const ensures = same ? `result === ${first} || result !== ${first}` : claim;
    return `
/**
 * @requires ${requires}
 * @requires a.length < 100
 * @modifies a, c
 * @ensures ${ensures}
 * @ensures c.end === old(c.end)
 */
export function f(p: ${p}, q: ${q}, a: Uint8Array, c: { at: ${y}; readonly end: u8 }): number {
  let x: ${x} = 0;
  let y: ${y} = 1;
  ${body.join('\n  ')}
  return ${result};
}
/** @ensures ${claim} */
export function g(p: ${p}, q: ${q}): number { return ${first}; }
/** @throws {RangeError} ${requires} */
export function h(p: ${p}, q: ${q}): number { if (${requires}) throw new RangeError('announced'); return p; }
${last}`;
  });
