/**
 * Operators of `bigint`, and those that go from one of the two kinds of integers to the other.
 *
 * They are exact, and have no obligation but that of a divisor and of a sensible shift. C has no integer without a bound:
 * an exact result is computed in the narrowest type that holds it and the operands, of 64 or 128 bits, with a sign or
 * without one; a result of which BigInt.asUintN(64, ...) asks only the low bits is computed in uint64_t, where everything
 * is modulo 2 ** 64. Registers are those of that type.
 */
import type { BitAlgebra, BitComparison, BitOperator } from '../../base/bits.ts';
import {
  andBounds,
  type Bounds,
  bitBounds,
  differenceBounds,
  invertedBounds,
  negativeBounds,
  productBounds,
  quotientBounds,
  remainderBounds,
  scaledBounds,
  shiftedBounds,
  sumBounds,
} from './bounds.ts';
import {
  type BigOperator,
  type CForm,
  divisor,
  type NumberOperator,
  type Register,
  shiftCount,
  type TruthOperator,
  type WideForm,
} from './columns.ts';
import {
  grown,
  grownNegative,
  grownQuotient,
  grownShiftLeft,
  grownShiftRight,
  leveled,
  leveledCompare,
  lowest,
  natural,
  negative,
  truncatedQuotient,
  truncatedRemainder,
} from './meanings.ts';

const one = { domain: 'bigint', gives: 'integer', result: 'bigint', arity: 1 } as const;
const two = { domain: 'bigint', gives: 'integer', result: 'bigint', arity: 2 } as const;
const comparison = { domain: 'bigint', gives: 'boolean', arity: 2 } as const;

const infix = (symbol: string, level: 'sum' | 'product' | 'comparison'): CForm => ({ kind: 'infix', symbol, level });

/** Operators whose low bits depend on nothing but the operands' low bits are spelled alike in every type. */
const alike = (form: CForm, range: WideForm['range']): WideForm => ({ exact: form, low64: form, range });
const exactly = (exact: CForm, range: WideForm['range']): WideForm => ({ exact, low64: 'exact', range });

const safe: Bounds = { low: -(2n ** 53n - 1n), high: 2n ** 53n - 1n };

const withSign =
  (signed: BitOperator, unsigned: BitOperator) =>
  <V, B>(v: BitAlgebra<V, B>, [a, b]: readonly V[], register: Register): V =>
    v.operate(register.signed ? signed : unsigned, a, b);
const compareWithSign =
  (signed: BitComparison, unsigned: BitComparison) =>
  <V, B>(v: BitAlgebra<V, B>, [a, b]: readonly V[], register: Register): B =>
    v.compare(register.signed ? signed : unsigned, a, b);

export const bigintOperators = {
  bigAdd: {
    ...two,
    spelling: '$1 + $2',
    javascript: (a: bigint, b: bigint) => a + b,
    meaning: (m, [a, b]) => m.add(a, b),
    bits: (v, [a, b]) => grown(v, 'bvadd', a, b),
    c: alike(infix('+', 'sum'), sumBounds),
    acsl: '$1 + $2',
    coq: 'Z.add $1 $2',
    machine: (v, [a, b]) => v.operate('bvadd', a, b),
  },
  bigSubtract: {
    ...two,
    spelling: '$1 - $2',
    javascript: (a: bigint, b: bigint) => a - b,
    meaning: (m, [a, b]) => m.subtract(a, b),
    bits: (v, [a, b]) => grown(v, 'bvsub', a, b),
    c: alike(infix('-', 'sum'), differenceBounds),
    acsl: '$1 - $2',
    coq: 'Z.sub $1 $2',
    machine: (v, [a, b]) => v.operate('bvsub', a, b),
  },
  bigMultiply: {
    ...two,
    spelling: '$1 * $2',
    javascript: (a: bigint, b: bigint) => a * b,
    meaning: (m, [a, b]) => m.multiply(a, b),
    bits: (v, [a, b]) => grown(v, 'bvmul', a, b),
    c: alike(infix('*', 'product'), productBounds),
    acsl: '$1 * $2',
    coq: 'Z.mul $1 $2',
    machine: (v, [a, b]) => v.operate('bvmul', a, b),
  },
  bigNegate: {
    ...one,
    spelling: '-$1',
    javascript: (a: bigint) => -a,
    meaning: (m, [a]) => m.subtract(m.integer(0n), a),
    bits: (v, [a]) => grownNegative(v, a),
    c: alike({ kind: 'prefix', symbol: '-' }, negativeBounds),
    acsl: '-$1',
    coq: 'Z.opp $1',
    machine: (v, [a]) => negative(v, a),
  },
  bigDivide: {
    ...two,
    spelling: '$1 / $2',
    conditions: divisor,
    javascript: (a: bigint, b: bigint) => a / b,
    meaning: (m, [a, b]) => truncatedQuotient(m, a, b),
    bits: (v, [a, b]) => grownQuotient(v, 'bvsdiv', a, b),
    c: exactly(infix('/', 'product'), quotientBounds),
    acsl: '$1 / $2',
    coq: 'Z.quot $1 $2',
    machine: withSign('bvsdiv', 'bvudiv'),
  },
  bigRemainder: {
    ...two,
    spelling: '$1 % $2',
    conditions: divisor,
    javascript: (a: bigint, b: bigint) => a % b,
    meaning: (m, [a, b]) => truncatedRemainder(m, a, b),
    bits: (v, [a, b]) => grownQuotient(v, 'bvsrem', a, b),
    c: exactly(infix('%', 'product'), remainderBounds),
    acsl: '$1 % $2',
    coq: 'Z.rem $1 $2',
    machine: withSign('bvsrem', 'bvurem'),
  },
  bigAnd: {
    ...two,
    spelling: '$1 & $2',
    javascript: (a: bigint, b: bigint) => a & b,
    meaning: (m, [a, b]) => m.bitwise('and', a, b),
    bits: (v, [a, b]) => leveled(v, 'bvand', a, b),
    c: alike(infix('&', 'sum'), andBounds),
    acsl: '$1 & $2',
    coq: 'Z.land $1 $2',
    machine: (v, [a, b]) => v.operate('bvand', a, b),
  },
  bigOr: {
    ...two,
    spelling: '$1 | $2',
    javascript: (a: bigint, b: bigint) => a | b,
    meaning: (m, [a, b]) => m.bitwise('or', a, b),
    bits: (v, [a, b]) => leveled(v, 'bvor', a, b),
    c: alike(infix('|', 'sum'), bitBounds),
    acsl: '$1 | $2',
    coq: 'Z.lor $1 $2',
    machine: (v, [a, b]) => v.operate('bvor', a, b),
  },
  bigXor: {
    ...two,
    spelling: '$1 ^ $2',
    javascript: (a: bigint, b: bigint) => a ^ b,
    meaning: (m, [a, b]) => m.bitwise('xor', a, b),
    bits: (v, [a, b]) => leveled(v, 'bvxor', a, b),
    c: alike(infix('^', 'sum'), bitBounds),
    acsl: '$1 ^ $2',
    coq: 'Z.lxor $1 $2',
    machine: (v, [a, b]) => v.operate('bvxor', a, b),
  },
  bigNot: {
    ...one,
    spelling: '~$1',
    javascript: (a: bigint) => ~a,
    meaning: (m, [a]) => m.subtract(m.integer(-1n), a),
    bits: (v, [a]) => v.invert(a),
    c: alike({ kind: 'prefix', symbol: '~' }, invertedBounds),
    acsl: '~$1',
    coq: 'Z.lnot $1',
    machine: (v, [a]) => v.invert(a),
  },
  bigShiftLeft: {
    ...two,
    spelling: '$1 << $2',
    conditions: shiftCount,
    javascript: (a: bigint, b: bigint) => a << b,
    meaning: (m, [a, k]) => m.multiply(a, m.powerOfTwo(k)),
    bits: (v, [a, k]) => grownShiftLeft(v, a, k),
    c: {
      exact: { kind: 'scale' },
      low64: { kind: 'function', name: 'cm_shl64', returns: 'b < 64 ? a << b : 0' },
      range: scaledBounds,
    },
    acsl: '$1 * (1 << $2)',
    coq: 'Z.shiftl $1 $2',
    machine: (v, [a, k]) => v.operate('bvshl', a, k),
  },
  bigShiftRight: {
    ...two,
    spelling: '$1 >> $2',
    conditions: shiftCount,
    javascript: (a: bigint, b: bigint) => a >> b,
    meaning: (m, [a, k]) => m.floorDivide(a, m.powerOfTwo(k)),
    bits: (v, [a, k]) => grownShiftRight(v, a, k),
    c: exactly({ kind: 'shiftRight' }, shiftedBounds),
    acsl: 'cm_floored($1, 1 << $2)',
    coq: 'Z.shiftr $1 $2',
    machine: withSign('bvashr', 'bvlshr'),
  },
  asUint64: {
    ...one,
    result: 'u64',
    spelling: 'BigInt.asUintN(64, $1)',
    javascript: (a: bigint) => BigInt.asUintN(64, a),
    meaning: (m, [a]) => m.wrap(a, 64, false),
    bits: (v, [a]) => natural(v, lowest(v, a, 64)),
    c: {
      exact: { kind: 'low64', type: 'uint64_t' },
      low64: { kind: 'same' },
      range: () => ({ low: 0n, high: 2n ** 64n - 1n }),
    },
    acsl: '(uint64_t)$1',
    coq: 'cm_unsigned 64 $1',
    machine: (v, [a], { width }) => v.zeroExtend(lowest(v, a, 64), width),
  },
  asInt64: {
    ...one,
    result: 'i64',
    spelling: 'BigInt.asIntN(64, $1)',
    javascript: (a: bigint) => BigInt.asIntN(64, a),
    meaning: (m, [a]) => m.wrap(a, 64, true),
    bits: (v, [a]) => lowest(v, a, 64),
    c: {
      exact: { kind: 'low64', type: 'int64_t' },
      low64: { kind: 'same' },
      range: () => ({ low: -(2n ** 63n), high: 2n ** 63n - 1n }),
    },
    acsl: '(int64_t)$1',
    coq: 'cm_signed 64 $1',
    machine: (v, [a], { width }) => v.signExtend(lowest(v, a, 64), width),
  },
  bigLess: {
    ...comparison,
    spelling: '$1 < $2',
    javascript: (a: bigint, b: bigint) => a < b,
    meaning: (m, [a, b]) => m.less(a, b),
    bits: (v, [a, b]) => leveledCompare(v, 'bvslt', a, b),
    c: infix('<', 'comparison'),
    acsl: '$1 < $2',
    coq: 'Z.ltb $1 $2',
    machine: compareWithSign('bvslt', 'bvult'),
  },
  bigAtMost: {
    ...comparison,
    spelling: '$1 <= $2',
    javascript: (a: bigint, b: bigint) => a <= b,
    meaning: (m, [a, b]) => m.atMost(a, b),
    bits: (v, [a, b]) => leveledCompare(v, 'bvsle', a, b),
    c: infix('<=', 'comparison'),
    acsl: '$1 <= $2',
    coq: 'Z.leb $1 $2',
    machine: compareWithSign('bvsle', 'bvule'),
  },
  bigEqual: {
    ...comparison,
    spelling: '$1 === $2',
    javascript: (a: bigint, b: bigint) => a === b,
    meaning: (m, [a, b]) => m.equal(a, b),
    bits: (v, [a, b]) => leveledCompare(v, '=', a, b),
    c: infix('==', 'comparison'),
    acsl: '$1 == $2',
    coq: 'Z.eqb $1 $2',
    machine: (v, [a, b]) => v.compare('=', a, b),
  },

  toBigInt: {
    ...one,
    domain: 'number',
    spelling: 'BigInt($1)',
    javascript: (a: number) => BigInt(a),
    meaning: (_, [a]) => a,
    bits: (_, [a]) => a,
    c: exactly({ kind: 'same' }, () => safe),
    acsl: '$1',
    coq: '$1',
    machine: (_, [a]) => a,
  },
  toNumber: {
    ...one,
    result: 'number',
    spelling: 'Number($1)',
    javascript: (a: bigint) => Number(a),
    meaning: (_, [a]) => a,
    bits: (_, [a]) => a,
    c: { kind: 'cast', type: 'int64_t' },
    acsl: '$1',
    coq: '$1',
    machine: (_, [a]) => a,
  },
} satisfies Record<string, BigOperator | NumberOperator | TruthOperator>;
