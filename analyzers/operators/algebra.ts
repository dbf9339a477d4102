/**
 * The arithmetic of unbounded integers over which the table of operators is written, beside that of bits (base/bits.ts).
 *
 * Who instantiates one with terms has operators to prove with, who instantiates it with numbers has operators to run, and
 * both have the same operators. `exact` is the instance on which tests hold the table against the language.
 */

/** Arithmetic on unbounded integers `I` and truths `B`. */
export interface Algebra<I, B> {
  readonly integer: (value: bigint) => I;
  readonly add: (a: I, b: I) => I;
  readonly subtract: (a: I, b: I) => I;
  readonly multiply: (a: I, b: I) => I;
  /** The greatest integer at most a / b, for b > 0. */
  readonly floorDivide: (a: I, b: I) => I;
  /** a - b * floor(a / b), for b > 0. */
  readonly floorModulo: (a: I, b: I) => I;
  /** 2 ** a, for 0 <= a <= 64. */
  readonly powerOfTwo: (a: I) => I;
  /** On two's complement without a bound. */
  readonly bitwise: (operator: 'and' | 'or' | 'xor', a: I, b: I) => I;
  readonly equal: (a: I, b: I) => B;
  readonly less: (a: I, b: I) => B;
  readonly atMost: (a: I, b: I) => B;
  readonly not: (a: B) => B;
  readonly all: (conditions: readonly B[]) => B;
  readonly select: (condition: B, whenTrue: I, whenFalse: I) => I;
  /** The integer congruent to a modulo 2 ** bits in the range of that many bits. */
  readonly wrap: (a: I, bits: number, signed: boolean) => I;
}

/** The arithmetic of bigints: the one on which the table itself can be tried. */
export const exact: Algebra<bigint, boolean> = {
  integer: (value) => value,
  add: (a, b) => a + b,
  subtract: (a, b) => a - b,
  multiply: (a, b) => a * b,
  floorDivide: (a, b) => (a - (((a % b) + b) % b)) / b,
  floorModulo: (a, b) => ((a % b) + b) % b,
  powerOfTwo: (a) => 2n ** a,
  bitwise: (operator, a, b) => (operator === 'and' ? a & b : operator === 'or' ? a | b : a ^ b),
  equal: (a, b) => a === b,
  less: (a, b) => a < b,
  atMost: (a, b) => a <= b,
  not: (a) => !a,
  all: (conditions) => conditions.every(Boolean),
  select: (condition, whenTrue, whenFalse) => (condition ? whenTrue : whenFalse),
  wrap: (a, bits, signed) => (signed ? BigInt.asIntN(bits, a) : BigInt.asUintN(bits, a)),
};
