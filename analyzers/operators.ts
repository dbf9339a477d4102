/**
 * The one table of operators: what each means in JavaScript, what it means on integers, and what must hold for the two
 * to be the same.
 *
 * The integer meaning is written over an abstract arithmetic (Algebra), so that proofs instantiate it with terms and
 * tests with numbers. Operators of `number` are those of JavaScript on doubles that hold safe integers: sums, products
 * and differences are exact as long as the exact result is safe, which is their obligation; bit operators first wrap
 * their operands to 32 bits, as the language does, and their results are signed (0xffffffff & 0xffffffff is -1), all
 * but >>>. The remainder has the dividend's sign. `bigint` operators are exact, and have no obligation but that of a
 * divisor and of a sensible shift. There is no "/" on numbers: its result is no integer, so `Math.trunc(a / b)` and
 * `Math.floor(a / b)` are operators of their own; both are exact for safe integers, because the quotient's rounding
 * error is smaller than its distance to the next integer.
 */
import { type Domain, type IntegerName, rangeOf } from './types.ts';

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

export type ConditionKind = 'division by zero' | 'shift count';

export interface Condition<B> {
  readonly kind: ConditionKind;
  readonly holds: B;
}

type Value = number | bigint;

interface Common {
  /** Of the operands. */
  readonly domain: Domain;
  readonly arity: number;
  /** As messages show it; operands are $1, $2. */
  readonly spelling: string;
  /** What must hold of the operands for the meaning to be the language's. */
  readonly conditions?: <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => readonly Condition<B>[];
}

export interface IntegerOperator extends Common {
  readonly gives: 'integer';
  /** Type whose range the exact result must be in, for it to be the language's. */
  readonly result: IntegerName;
  readonly javascript: (...operands: readonly never[]) => Value;
  readonly meaning: <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => I;
}

export interface TruthOperator extends Common {
  readonly gives: 'boolean';
  readonly javascript: (...operands: readonly never[]) => boolean;
  readonly meaning: <I, B>(algebra: Algebra<I, B>, operands: readonly I[]) => B;
}

export type Operator = IntegerOperator | TruthOperator;

/** a / b without its fraction, for b other than 0. */
function truncatedQuotient<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const magnitude = m.floorDivide(absolute(m, a), absolute(m, b));
  const negative = m.select(m.less(a, zero), m.integer(-1n), m.integer(1n));
  const sign = m.select(m.less(b, zero), m.subtract(zero, negative), negative);
  return m.select(m.less(sign, zero), m.subtract(zero, magnitude), magnitude);
}

/** The remainder that goes with it: it has the sign of a. */
function truncatedRemainder<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const magnitude = m.floorModulo(absolute(m, a), absolute(m, b));
  return m.select(m.less(a, zero), m.subtract(zero, magnitude), magnitude);
}

/** floor(a / b) for b other than 0. */
function flooredQuotient<I, B>(m: Algebra<I, B>, a: I, b: I): I {
  const zero = m.integer(0n);
  const negative = m.less(b, zero);
  return m.floorDivide(m.select(negative, m.subtract(zero, a), a), absolute(m, b));
}

function absolute<I, B>(m: Algebra<I, B>, a: I): I {
  return m.select(m.less(a, m.integer(0n)), m.subtract(m.integer(0n), a), a);
}

const divisor: Common['conditions'] = (m, [, b]) => [
  { kind: 'division by zero', holds: m.not(m.equal(b, m.integer(0n))) },
];

/** A bigint may be shifted to any length; more than the machine's widest integer is never meant. */
const shiftCount: Common['conditions'] = (m, [, k]) => [
  { kind: 'shift count', holds: m.all([m.atMost(m.integer(0n), k), m.atMost(k, m.integer(64n))]) },
];

/** The number of places that a 32-bit shift shifts by. */
const places = <I, B>(m: Algebra<I, B>, k: I): I => m.floorModulo(k, m.integer(32n));

function integerOperator(
  domain: Domain,
  result: IntegerName,
  spelling: string,
  javascript: (...operands: never[]) => Value,
  meaning: IntegerOperator['meaning'],
  conditions?: Common['conditions'],
): IntegerOperator {
  const arity = spelling.includes('$2') ? 2 : 1;
  return { gives: 'integer', domain, result, arity, spelling, javascript, meaning, ...(conditions && { conditions }) };
}

function comparison(
  domain: Domain,
  spelling: string,
  javascript: (...operands: never[]) => boolean,
  meaning: TruthOperator['meaning'],
): TruthOperator {
  return { gives: 'boolean', domain, arity: 2, spelling: `$1 ${spelling} $2`, javascript, meaning };
}

const operators = {
  add: integerOperator(
    'number',
    'number',
    '$1 + $2',
    (a: number, b: number) => a + b,
    (m, [a, b]) => m.add(a, b),
  ),
  subtract: integerOperator(
    'number',
    'number',
    '$1 - $2',
    (a: number, b: number) => a - b,
    (m, [a, b]) => m.subtract(a, b),
  ),
  multiply: integerOperator(
    'number',
    'number',
    '$1 * $2',
    (a: number, b: number) => a * b,
    (m, [a, b]) => m.multiply(a, b),
  ),
  negate: integerOperator(
    'number',
    'number',
    '-$1',
    (a: number) => -a,
    (m, [a]) => m.subtract(m.integer(0n), a),
  ),
  remainder: integerOperator(
    'number',
    'number',
    '$1 % $2',
    (a: number, b: number) => a % b,
    (m, [a, b]) => truncatedRemainder(m, a, b),
    divisor,
  ),
  truncatedDivide: integerOperator(
    'number',
    'number',
    'Math.trunc($1 / $2)',
    (a: number, b: number) => Math.trunc(a / b),
    (m, [a, b]) => truncatedQuotient(m, a, b),
    divisor,
  ),
  flooredDivide: integerOperator(
    'number',
    'number',
    'Math.floor($1 / $2)',
    (a: number, b: number) => Math.floor(a / b),
    (m, [a, b]) => flooredQuotient(m, a, b),
    divisor,
  ),
  bitAnd: integerOperator(
    'number',
    'i32',
    '$1 & $2',
    (a: number, b: number) => a & b,
    (m, [a, b]) => m.wrap(m.bitwise('and', a, b), 32, true),
  ),
  bitOr: integerOperator(
    'number',
    'i32',
    '$1 | $2',
    (a: number, b: number) => a | b,
    (m, [a, b]) => m.wrap(m.bitwise('or', a, b), 32, true),
  ),
  bitXor: integerOperator(
    'number',
    'i32',
    '$1 ^ $2',
    (a: number, b: number) => a ^ b,
    (m, [a, b]) => m.wrap(m.bitwise('xor', a, b), 32, true),
  ),
  bitNot: integerOperator(
    'number',
    'i32',
    '~$1',
    (a: number) => ~a,
    (m, [a]) => m.wrap(m.subtract(m.integer(-1n), a), 32, true),
  ),
  shiftLeft: integerOperator(
    'number',
    'i32',
    '$1 << $2',
    (a: number, b: number) => a << b,
    (m, [a, k]) => m.wrap(m.multiply(m.wrap(a, 32, true), m.powerOfTwo(places(m, k))), 32, true),
  ),
  shiftRight: integerOperator(
    'number',
    'i32',
    '$1 >> $2',
    (a: number, b: number) => a >> b,
    (m, [a, k]) => m.floorDivide(m.wrap(a, 32, true), m.powerOfTwo(places(m, k))),
  ),
  shiftRightUnsigned: integerOperator(
    'number',
    'u32',
    '$1 >>> $2',
    (a: number, b: number) => a >>> b,
    (m, [a, k]) => m.floorDivide(m.wrap(a, 32, false), m.powerOfTwo(places(m, k))),
  ),
  multiply32: integerOperator(
    'number',
    'i32',
    'Math.imul($1, $2)',
    (a: number, b: number) => Math.imul(a, b),
    (m, [a, b]) => m.wrap(m.multiply(a, b), 32, true),
  ),
  minimum: integerOperator(
    'number',
    'number',
    'Math.min($1, $2)',
    (a: number, b: number) => Math.min(a, b),
    (m, [a, b]) => m.select(m.atMost(a, b), a, b),
  ),
  maximum: integerOperator(
    'number',
    'number',
    'Math.max($1, $2)',
    (a: number, b: number) => Math.max(a, b),
    (m, [a, b]) => m.select(m.atMost(a, b), b, a),
  ),
  absolute: integerOperator(
    'number',
    'number',
    'Math.abs($1)',
    (a: number) => Math.abs(a),
    (m, [a]) => absolute(m, a),
  ),
  less: comparison(
    'number',
    '<',
    (a: number, b: number) => a < b,
    (m, [a, b]) => m.less(a, b),
  ),
  atMost: comparison(
    'number',
    '<=',
    (a: number, b: number) => a <= b,
    (m, [a, b]) => m.atMost(a, b),
  ),
  equal: comparison(
    'number',
    '===',
    (a: number, b: number) => a === b,
    (m, [a, b]) => m.equal(a, b),
  ),

  bigAdd: integerOperator(
    'bigint',
    'bigint',
    '$1 + $2',
    (a: bigint, b: bigint) => a + b,
    (m, [a, b]) => m.add(a, b),
  ),
  bigSubtract: integerOperator(
    'bigint',
    'bigint',
    '$1 - $2',
    (a: bigint, b: bigint) => a - b,
    (m, [a, b]) => m.subtract(a, b),
  ),
  bigMultiply: integerOperator(
    'bigint',
    'bigint',
    '$1 * $2',
    (a: bigint, b: bigint) => a * b,
    (m, [a, b]) => m.multiply(a, b),
  ),
  bigNegate: integerOperator(
    'bigint',
    'bigint',
    '-$1',
    (a: bigint) => -a,
    (m, [a]) => m.subtract(m.integer(0n), a),
  ),
  bigDivide: integerOperator(
    'bigint',
    'bigint',
    '$1 / $2',
    (a: bigint, b: bigint) => a / b,
    (m, [a, b]) => truncatedQuotient(m, a, b),
    divisor,
  ),
  bigRemainder: integerOperator(
    'bigint',
    'bigint',
    '$1 % $2',
    (a: bigint, b: bigint) => a % b,
    (m, [a, b]) => truncatedRemainder(m, a, b),
    divisor,
  ),
  bigAnd: integerOperator(
    'bigint',
    'bigint',
    '$1 & $2',
    (a: bigint, b: bigint) => a & b,
    (m, [a, b]) => m.bitwise('and', a, b),
  ),
  bigOr: integerOperator(
    'bigint',
    'bigint',
    '$1 | $2',
    (a: bigint, b: bigint) => a | b,
    (m, [a, b]) => m.bitwise('or', a, b),
  ),
  bigXor: integerOperator(
    'bigint',
    'bigint',
    '$1 ^ $2',
    (a: bigint, b: bigint) => a ^ b,
    (m, [a, b]) => m.bitwise('xor', a, b),
  ),
  bigNot: integerOperator(
    'bigint',
    'bigint',
    '~$1',
    (a: bigint) => ~a,
    (m, [a]) => m.subtract(m.integer(-1n), a),
  ),
  bigShiftLeft: integerOperator(
    'bigint',
    'bigint',
    '$1 << $2',
    (a: bigint, b: bigint) => a << b,
    (m, [a, k]) => m.multiply(a, m.powerOfTwo(k)),
    shiftCount,
  ),
  bigShiftRight: integerOperator(
    'bigint',
    'bigint',
    '$1 >> $2',
    (a: bigint, b: bigint) => a >> b,
    (m, [a, k]) => m.floorDivide(a, m.powerOfTwo(k)),
    shiftCount,
  ),
  asUint64: integerOperator(
    'bigint',
    'u64',
    'BigInt.asUintN(64, $1)',
    (a: bigint) => BigInt.asUintN(64, a),
    (m, [a]) => m.wrap(a, 64, false),
  ),
  asInt64: integerOperator(
    'bigint',
    'i64',
    'BigInt.asIntN(64, $1)',
    (a: bigint) => BigInt.asIntN(64, a),
    (m, [a]) => m.wrap(a, 64, true),
  ),
  bigLess: comparison(
    'bigint',
    '<',
    (a: bigint, b: bigint) => a < b,
    (m, [a, b]) => m.less(a, b),
  ),
  bigAtMost: comparison(
    'bigint',
    '<=',
    (a: bigint, b: bigint) => a <= b,
    (m, [a, b]) => m.atMost(a, b),
  ),
  bigEqual: comparison(
    'bigint',
    '===',
    (a: bigint, b: bigint) => a === b,
    (m, [a, b]) => m.equal(a, b),
  ),

  /** Between the domains. */
  toBigInt: integerOperator(
    'number',
    'bigint',
    'BigInt($1)',
    (a: number) => BigInt(a),
    (_, [a]) => a,
  ),
  toNumber: integerOperator(
    'bigint',
    'number',
    'Number($1)',
    (a: bigint) => Number(a),
    (_, [a]) => a,
  ),
} satisfies Record<string, Operator>;

export type OperatorName = keyof typeof operators;

/** All operators' names. */
export const operatorNames = Object.keys(operators) as readonly OperatorName[];

export const operatorOf = (name: OperatorName): Operator => operators[name];

/** What the language gives for these operands; `number` operands are turned into doubles first. -0 comes out as 0. */
export function evaluate(name: OperatorName, operands: readonly bigint[]): bigint | boolean {
  const { domain, javascript } = operatorOf(name);
  const values = domain === 'number' ? operands.map(Number) : operands;
  const result = (javascript as unknown as (...values: readonly Value[]) => Value | boolean)(...values);
  return typeof result === 'number' ? BigInt(result) : result;
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

/** Whether the result is the exact one: conditions hold and it lies in the operator's range. */
export function isExact(name: OperatorName, operands: readonly bigint[]): boolean {
  const operator = operatorOf(name);
  if (operator.conditions?.(exact, operands).some(({ holds }) => !holds)) return false;
  if (operator.gives === 'boolean') return true;
  const value = operator.meaning(exact, operands);
  const { low, high } = rangeOf(operator.result);
  return (low === undefined || low <= value) && (high === undefined || value <= high);
}
