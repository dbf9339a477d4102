/**
 * Arithmetic on bits of a width, as an interface: the operators of the language and the instructions of machines are both
 * written over it, so that one instance with terms serves the proofs of both, and one with numbers runs both.
 */

/** Operators of bits that take two of one width and give bits of that width, spelled as SMT-LIB spells them. */
export type BitOperator =
  | 'bvadd'
  | 'bvsub'
  | 'bvmul'
  | 'bvand'
  | 'bvor'
  | 'bvxor'
  | 'bvshl'
  | 'bvlshr'
  | 'bvashr'
  | 'bvsdiv'
  | 'bvsrem'
  | 'bvudiv'
  | 'bvurem';

/** Comparisons of two of one width. */
export type BitComparison = '=' | 'bvslt' | 'bvsle' | 'bvult' | 'bvule';

/**
 * Bits `V` of a width each, and truths `B`. Sums and products are modulo 2 ** width; a shift by the width or more leaves
 * zeros, or the sign; of a division by zero nothing is asked. Source: SMT-LIB, theory FixedSizeBitVectors.
 */
export interface BitAlgebra<V, B> {
  /** In two's complement. */
  readonly constant: (value: bigint, width: number) => V;
  readonly widthOf: (a: V) => number;
  readonly operate: (operator: BitOperator, a: V, b: V) => V;
  readonly invert: (a: V) => V;
  readonly compare: (operator: BitComparison, a: V, b: V) => B;
  readonly select: (condition: B, whenTrue: V, whenFalse: V) => V;
  /** To a width that is no smaller. */
  readonly signExtend: (a: V, width: number) => V;
  readonly zeroExtend: (a: V, width: number) => V;
  /** The lowest bits, of a width that is no larger. */
  readonly truncate: (a: V, width: number) => V;
}
