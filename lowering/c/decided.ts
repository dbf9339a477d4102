/**
 * Comparisons of which a compiler says that they are always true, or always false, or look it: a byte with 256, a number
 * with itself, `x & 3` with 4, `~x` with x. The language allows them, and a program may have them where they are harmless, so C must not be
 * refused for them when warnings are errors. One side goes through a function of the prelude that gives it back, which
 * no compiler looks through when it warns, and none leaves there when it optimises.
 *
 * Source: gcc 12's -Wtype-limits, -Wtautological-compare and -Wsign-compare; clang 14's -Wtautological-compare.
 */
import type { Expression } from '../../analyzers/ir.ts';
import type { Bounds } from '../../analyzers/operators/bounds.ts';
import { call, type Text } from './text.ts';

/** Whether a comparison gives the same for all integers of these ranges. */
export function isDecided(symbol: string, a: Bounds, b: Bounds): boolean {
  switch (symbol) {
    case '<':
    case '>=':
      return a.high < b.low || a.low >= b.high;
    case '>':
    case '<=':
      return a.low > b.high || a.high <= b.low;
    default:
      return a.high < b.low || b.high < a.low || (a.low === a.high && b.low === b.high && a.low === b.low);
  }
}

type Operation = Expression & { readonly kind: 'operation' };

/** Without the conversions that say what range an integer is in. A member that becomes a number is another value in C. */
export const stripped = (expression: Expression): Expression =>
  expression.kind === 'convert' && expression.type.kind === 'integer' && expression.operand.type.kind === 'integer'
    ? stripped(expression.operand)
    : expression;

/** Whether a comparison may be one with the complement of an unsigned value, which gcc looks for through casts. */
export const hasComplement = (operands: readonly Expression[]): boolean =>
  operands.map(stripped).some((one) => one.kind === 'operation' && ['bitNot', 'bigNot'].includes(one.operator));

/** Whether the bits that an & or | leaves are never those of the constant. */
export function bitsDecide(left: Expression, right: Expression): boolean {
  const [bits, constant] = [left, right].map(stripped);
  if (constant.kind !== 'integer') return stripped(left).kind === 'integer' && bitsDecide(right, left);
  if (bits.kind !== 'operation' || !['bitAnd', 'bitOr'].includes(bits.operator)) return false;
  return bits.operands.map(stripped).some((mask) => {
    if (mask.kind !== 'integer') return false;
    return bits.operator === 'bitAnd' ? (constant.value & ~mask.value) !== 0n : (mask.value & ~constant.value) !== 0n;
  });
}

const hidden = { int64_t: 'cm_number', uint64_t: 'cm_unsigned', bool: 'cm_truth' } as const;

/** The same value of this type, of which a compiler says nothing. */
export const hideAs = (type: keyof typeof hidden, text: Text): Text => call(hidden[type], text);

/** The same number, of which a compiler says nothing; a constant stays one. */
export const hide = (text: Text): Text => (/^-?\d+$/.test(text.text) ? text : hideAs('int64_t', text));

const comparisons: Readonly<Record<string, (a: bigint, b: bigint) => boolean>> = {
  less: (a, b) => a < b,
  atMost: (a, b) => a <= b,
  equal: (a, b) => a === b,
};

/** A comparison of something with a constant. */
interface Test {
  readonly comparison: Operation;
  /** What is compared, as C has it. */
  readonly text: string;
  readonly constant: bigint;
  readonly holds: (value: bigint) => boolean;
}

function testOf(expression: Expression, show: (expression: Expression) => string): Test | undefined {
  if (expression.kind === 'not') {
    const inner = testOf(expression.operand, show);
    return inner && { ...inner, holds: (value) => !inner.holds(value) };
  }
  const compare = expression.kind === 'operation' ? comparisons[expression.operator] : undefined;
  if (expression.kind !== 'operation' || compare === undefined) return undefined;
  const [left, right] = expression.operands.map(stripped);
  if (right.kind === 'integer') {
    const { value: constant } = right;
    return { comparison: expression, text: show(left), constant, holds: (value) => compare(value, constant) };
  }
  if (left.kind !== 'integer') return undefined;
  const { value: constant } = left;
  return { comparison: expression, text: show(right), constant, holds: (value) => compare(constant, value) };
}

type Logical = Expression & { readonly kind: 'logical' };

const sides = (expression: Expression, operator: Logical['operator']): readonly Expression[] =>
  expression.kind === 'logical' && expression.operator === operator
    ? [...sides(expression.left, operator), ...sides(expression.right, operator)]
    : [expression];

/** Of tests of one thing that && or || joins: the later of two that together are always true, or always false. */
export function overlapping(expression: Logical, show: (expression: Expression) => string): readonly Operation[] {
  const { operator } = expression;
  const tests = sides(expression, operator).flatMap((side) => testOf(side, show) ?? []);
  const together = (a: boolean, b: boolean): boolean => (operator === 'and' ? a && b : a || b);
  return tests.flatMap((test, i) => {
    const isDecidedWith = (other: Test): boolean => {
      const near = [test, other].flatMap(({ constant }) => [constant - 1n, constant, constant + 1n]);
      const [first, ...rest] = near.map((value) => together(test.holds(value), other.holds(value)));
      return other.text === test.text && rest.every((one) => one === first);
    };
    return tests.slice(0, i).some(isDecidedWith) ? [test.comparison] : [];
  });
}
