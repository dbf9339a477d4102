/**
 * What operators mean that is more than one step of an arithmetic: quotients on integers, and what JavaScript does to
 * operands before it computes with their bits.
 *
 * Bits are taken in two ways. Of a claim (assertBits) each value has as many bits as its exact value may need, so that
 * nothing is cut off but what the language cuts off: these are the functions with `grown` in their names. In a machine
 * each value has the bits of a register, and what does not fit is cut off: `word` functions.
 */
import type { BitAlgebra, BitOperator } from '../../base/bits.ts';
import type { Algebra } from './algebra.ts';

/** a / b without its fraction, for b other than 0. */
export function truncatedQuotient<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const magnitude = m.floorDivide(absolute(m, a), absolute(m, b));
  const negative = m.select(m.less(a, zero), m.integer(-1n), m.integer(1n));
  const sign = m.select(m.less(b, zero), m.subtract(zero, negative), negative);
  return m.select(m.less(sign, zero), m.subtract(zero, magnitude), magnitude);
}

/** The remainder that goes with it: it has the sign of a. */
export function truncatedRemainder<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const magnitude = m.floorModulo(absolute(m, a), absolute(m, b));
  return m.select(m.less(a, zero), m.subtract(zero, magnitude), magnitude);
}

/** floor(a / b) for b other than 0. */
export function flooredQuotient<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const negative = m.less(b, zero);
  return m.floorDivide(m.select(negative, m.subtract(zero, a), a), absolute(m, b));
}

export function absolute<I, B>(m: Algebra<I, B>, a: I): I {
  return m.select(m.less(a, m.integer(0n)), m.subtract(m.integer(0n), a), a);
}

/** The number of places that a 32-bit shift shifts by. */
export const places = <I, B>(m: Algebra<I, B>, k: I): I => m.floorModulo(k, m.integer(32n));

/** In at least so many bits, with its sign. */
export const atLeast = <V, B>(v: BitAlgebra<V, B>, a: V, width: number): V =>
  v.widthOf(a) < width ? v.signExtend(a, width) : a;

/** In just so many bits, as two's complement without a bound has them. */
export const lowest = <V, B>(v: BitAlgebra<V, B>, a: V, width: number): V =>
  v.widthOf(a) > width ? v.truncate(a, width) : atLeast(v, a, width);

/** Bits that are no sign, which get one. */
export const natural = <V, B>(v: BitAlgebra<V, B>, a: V): V => v.zeroExtend(a, v.widthOf(a) + 1);

/** Both in as many bits as the wider one has, and `more`. */
function level<V, B>(v: BitAlgebra<V, B>, a: V, b: V, more = 0): [V, V] {
  const width = Math.max(v.widthOf(a), v.widthOf(b)) + more;
  return [atLeast(v, a, width), atLeast(v, b, width)];
}

/** A sum, a difference or a product, in as many bits as it may need. */
export function grown<V, B>(v: BitAlgebra<V, B>, operator: 'bvadd' | 'bvsub' | 'bvmul', a: V, b: V): V {
  if (operator !== 'bvmul') return v.operate(operator, ...level(v, a, b, 1));
  const width = v.widthOf(a) + v.widthOf(b);
  return v.operate('bvmul', atLeast(v, a, width), atLeast(v, b, width));
}

export const grownNegative = <V, B>(v: BitAlgebra<V, B>, a: V): V => grown(v, 'bvsub', v.constant(0n, 1), a);

/** A quotient or a remainder; the least number divided by -1 needs one bit more. */
export const grownQuotient = <V, B>(v: BitAlgebra<V, B>, operator: 'bvsdiv' | 'bvsrem', a: V, b: V): V =>
  v.operate(operator, ...level(v, a, b, 1));

/** The exact power of two times a, for 0 <= k <= 64. */
export function grownShiftLeft<V, B>(v: BitAlgebra<V, B>, a: V, k: V): V {
  const width = v.widthOf(a) + 64;
  return v.operate('bvshl', atLeast(v, a, width), lowest(v, k, width));
}

/** For 0 <= k <= 64. */
export function grownShiftRight<V, B>(v: BitAlgebra<V, B>, a: V, k: V): V {
  // Room for a count of 64.
  const wide = atLeast(v, a, 8);
  return v.operate('bvashr', wide, lowest(v, k, v.widthOf(wide)));
}

export const leveled = <V, B>(v: BitAlgebra<V, B>, operator: 'bvand' | 'bvor' | 'bvxor', a: V, b: V): V =>
  v.operate(operator, ...level(v, a, b));

export const leveledCompare = <V, B>(v: BitAlgebra<V, B>, operator: '=' | 'bvslt' | 'bvsle', a: V, b: V): B =>
  v.compare(operator, ...level(v, a, b));

export const choose = <V, B>(v: BitAlgebra<V, B>, condition: B, a: V, b: V): V =>
  v.select(condition, ...level(v, a, b));

/** What JavaScript computes of the 32 lowest bits of both: 32 bits. */
export const on32 = <V, B>(v: BitAlgebra<V, B>, operator: BitOperator, a: V, b: V): V =>
  v.operate(operator, lowest(v, a, 32), lowest(v, b, 32));

/** A shift of the 32 lowest bits, by the five lowest bits of the count: 32 bits. */
export const shift32 = <V, B>(v: BitAlgebra<V, B>, operator: 'bvshl' | 'bvlshr' | 'bvashr', a: V, k: V): V =>
  v.operate(operator, lowest(v, a, 32), v.zeroExtend(lowest(v, k, 5), 32));

/** floor(a / b) in as many bits as the truncated quotient has, for b other than 0. */
export function floored<V, B>(v: BitAlgebra<V, B>, a: V, b: V): V {
  const width = v.widthOf(a);
  const [zero, one] = [v.constant(0n, width), v.constant(1n, width)];
  const [quotient, remainder] = [v.operate('bvsdiv', a, b), v.operate('bvsrem', a, b)];
  // The remainder has a's sign, so a sign other than b's is of a fraction that was cut off upwards.
  const upwards = v.compare('bvslt', v.operate('bvxor', remainder, b), zero);
  const below = v.select(upwards, v.operate('bvsub', quotient, one), quotient);
  return v.select(v.compare('=', remainder, zero), quotient, below);
}

export const grownFloored = <V, B>(v: BitAlgebra<V, B>, a: V, b: V): V => floored(v, ...level(v, a, b, 1));

/** 32 bits with a sign, in a register. */
export const signedWord = <V, B>(v: BitAlgebra<V, B>, a: V): V => v.signExtend(a, 64);

export const negative = <V, B>(v: BitAlgebra<V, B>, a: V): V => v.operate('bvsub', v.constant(0n, v.widthOf(a)), a);
