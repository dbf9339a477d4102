/**
 * Integer arithmetic as an interface, so that one text of a layout both computes it and is proved.
 *
 * A layout decided by a seed cannot be tested for every seed. So its code is written against this interface and runs
 * twice: on numbers, when an image is slid, and on SMT terms (proofs/smt/symbolic.ts), when it is proved for every draw
 * at once. What is proved is the text that runs, and an off-by-one in it makes the proof fail.
 *
 * Everything is linear: products and quotients by constants alone, which both solvers decide. Branches on values go
 * through `select`, since a term has no truth to branch on; loops run over counts that are plain numbers.
 */

import { alignUp } from '../../base/arithmetic.ts';

/** Integers `N` and truths `B`. Alignments and divisors are plain numbers, at least 1, known when the code is written. */
export interface Arithmetic<N, B> {
  constant(value: number): N;
  add(a: N, b: N): N;
  subtract(a: N, b: N): N;
  /** a * factor; the factor is an integer. */
  scale(a: N, factor: number): N;
  /** Rounded down, towards minus infinity. */
  divide(a: N, divisor: number): N;
  alignUp(a: N, alignment: number): N;
  alignDown(a: N, alignment: number): N;
  min(a: N, b: N): N;
  max(a: N, b: N): N;
  /** a < b */
  less(a: N, b: N): B;
  /** a <= b */
  atMost(a: N, b: N): B;
  equal(a: N, b: N): B;
  isAligned(a: N, alignment: number): B;
  truth(value: boolean): B;
  not(a: B): B;
  /** True when every one is; true of none. */
  all(truths: readonly B[]): B;
  /** True when one is; false of none. */
  any(truths: readonly B[]): B;
  select(condition: B, whenTrue: N, whenFalse: N): N;
}

/** Arithmetic on numbers, exact while every value stays within +-2^53, which the proof shows of a layout's. */
export const numbers: Arithmetic<number, boolean> = {
  constant: (value) => value,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  scale: (a, factor) => a * factor,
  divide: (a, divisor) => Math.floor(a / divisor),
  alignUp,
  alignDown: (a, alignment) => Math.floor(a / alignment) * alignment,
  min: (a, b) => Math.min(a, b),
  max: (a, b) => Math.max(a, b),
  less: (a, b) => a < b,
  atMost: (a, b) => a <= b,
  equal: (a, b) => a === b,
  isAligned: (a, alignment) => a % alignment === 0,
  truth: (value) => value,
  not: (a) => !a,
  all: (truths) => truths.every(Boolean),
  any: (truths) => truths.some(Boolean),
  select: (condition, whenTrue, whenFalse) => (condition ? whenTrue : whenFalse),
};
