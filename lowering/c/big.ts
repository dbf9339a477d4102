/**
 * Expressions of `bigint`: exact in TypeScript, without a bound. What a program keeps has one (u64, i64), but what it
 * computes on the way may be wider: `BigInt.asUintN(64, a * b)`. So the range of each expression is worked out from its
 * operands, and it is computed in the narrowest of int64_t, uint64_t and the compilers' 128-bit integer that holds it;
 * where only the low 64 bits are asked for, all of it is computed modulo 2**64. What needs more is refused, and so is a
 * division of 128 bits, for which compilers call a library that a unikernel does not have.
 */
import type { Expression } from '../../analyzers/ir.ts';
import { type Range, rangeOf, type Type } from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { binary, call, cast, levels, literal, operand, primary, type Text } from './text.ts';

export interface Big {
  readonly text: Text;
  readonly range: { readonly low: bigint; readonly high: bigint };
}

/** How expressions of other kinds are lowered. */
export interface Others {
  readonly number: (expression: Expression) => Text;
  readonly truth: (expression: Expression) => Text;
  /** A variable, element, field or call, and the type that it has in C. */
  readonly place: (expression: Expression) => Text;
  readonly placeType: (expression: Expression) => Type;
}

const fits = ({ low, high }: Big['range'], outer: Range): boolean => outer.low! <= low && high <= outer.high!;

const wide = { low: -(2n ** 127n), high: 2n ** 127n - 1n };

/** The narrowest type that holds all of the ranges. */
function typeFor(expression: Expression, ...ranges: readonly Big['range'][]): string {
  if (ranges.every((range) => fits(range, rangeOf('i64')))) return 'int64_t';
  if (ranges.every((range) => fits(range, rangeOf('u64')))) return 'uint64_t';
  if (ranges.every((range) => fits(range, wide))) return '__int128';
  return refuse(
    expression.span,
    'this bigint may need more than 128 bits in C',
    'Keep values in u64 or i64 variables, or take the low bits: BigInt.asUintN(64, ...).',
  );
}

function hull(values: readonly bigint[]): Big['range'] {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return { low: sorted[0], high: sorted[sorted.length - 1] };
}

/** Bounds of & | ^ on two's complement: what lies in [-2**n, 2**n) stays there, and is not negative where no operand is. */
function bitRange(a: Big['range'], b: Big['range']): Big['range'] {
  const most = [a.low, a.high, b.low, b.high].map((value) => (value < 0n ? ~value : value));
  const bound = 2n ** BigInt(hull(most).high.toString(2).length);
  return { low: a.low >= 0n && b.low >= 0n ? 0n : -bound, high: bound - 1n };
}

export function lowerBig(others: Others, expression: Expression): Big {
  const self = (inner: Expression): Big => lowerBig(others, inner);
  if (expression.type.kind !== 'integer') throw new TypeError('no integer');
  switch (expression.kind) {
    case 'integer': {
      const range = { low: expression.value, high: expression.value };
      if (!fits(range, rangeOf('i64')) && !fits(range, rangeOf('u64')))
        refuse(expression.span, `${expression.value}n has more than 64 bits`, 'Take it apart.');
      return { text: literal(expression.value), range };
    }
    case 'convert': {
      // Its range is proved.
      const inner = self(expression.operand);
      const { low, high } = rangeOf(expression.type.name);
      if (low === undefined || high === undefined) return inner;
      const range = { low: hull([low, inner.range.low]).high, high: hull([high, inner.range.high]).low };
      // No value is in both: no run comes here.
      return { text: inner.text, range: range.low > range.high ? inner.range : range };
    }
    case 'conditional': {
      const [a, b] = [self(expression.whenTrue), self(expression.whenFalse)];
      const type = typeFor(expression, a.range, b.range);
      const text: Text = {
        text: `${others.truth(expression.condition).text} ? ${cast(type, a.text).text} : ${cast(type, b.text).text}`,
        level: levels.conditional,
      };
      return { text, range: hull([a.range.low, a.range.high, b.range.low, b.range.high]) };
    }
    case 'operation':
      return lowerOperation(others, expression);
    default: {
      const own = others.placeType(expression);
      const { low, high } = own.kind === 'integer' ? rangeOf(own.name) : {};
      if (low === undefined || high === undefined)
        return refuse(expression.span, 'a bigint without a bound', 'Give it a type of 64 bits: u64 or i64.');
      return { text: others.place(expression), range: { low, high } };
    }
  }
}

function lowerOperation(others: Others, expression: Expression & { kind: 'operation' }): Big {
  const { operator, operands } = expression;
  if (operator === 'toBigInt') {
    const { low, high } = rangeOf('number');
    return { text: others.number(operands[0]), range: { low: low!, high: high! } };
  }
  if (operator === 'asUint64') return { text: modular(others, operands[0]), range: rangeOf('u64') as Big['range'] };
  if (operator === 'asInt64')
    return { text: cast('int64_t', modular(others, operands[0])), range: rangeOf('i64') as Big['range'] };
  const values = operands.map((inner) => lowerBig(others, inner));
  const ranges = values.map(({ range }) => range);
  const combine = (symbol: string, range: Big['range'], level: Text['level']): Big => {
    const type = typeFor(expression, range, ...ranges);
    const [left, right] = values.map(({ text }) => cast(type, text));
    return { text: binary(left, symbol, right, level), range };
  };
  const [a, b] = ranges;
  switch (operator) {
    case 'bigAdd':
      return combine('+', { low: a.low + b.low, high: a.high + b.high }, levels.sum);
    case 'bigSubtract':
      return combine('-', { low: a.low - b.high, high: a.high - b.low }, levels.sum);
    case 'bigMultiply':
      return combine('*', hull([a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high]), levels.product);
    case 'bigNegate': {
      const range = { low: -a.high, high: -a.low };
      const type = typeFor(expression, range, a);
      return { text: { text: `-${cast(type, values[0].text).text}`, level: levels.unary }, range };
    }
    case 'bigNot': {
      const range = { low: ~a.high, high: ~a.low };
      const type = typeFor(expression, range, a);
      return { text: { text: `~${cast(type, values[0].text).text}`, level: levels.unary }, range };
    }
    case 'bigDivide':
    case 'bigRemainder': {
      const most = hull([a.low, a.high, -a.low, -a.high]).high;
      const small = hull([b.low, b.high, -b.low, -b.high]).high;
      const bound = operator === 'bigDivide' || most < small ? most : small;
      const unsigned = a.low >= 0n && b.low >= 0n;
      const range = { low: unsigned || (operator === 'bigRemainder' && a.low >= 0n) ? 0n : -bound, high: bound };
      const type = typeFor(expression, range, a, b);
      if (type === '__int128')
        refuse(
          expression.span,
          'a division of more than 64 bits',
          'Both sides, and the result, must fit u64, or all fit i64.',
        );
      return combine(operator === 'bigDivide' ? '/' : '%', range, levels.product);
    }
    case 'bigAnd':
    case 'bigOr':
    case 'bigXor': {
      const symbol = { bigAnd: '&', bigOr: '|', bigXor: '^' }[operator];
      return combine(symbol, bitRange(a, b), levels.sum);
    }
    case 'bigShiftLeft': {
      const most = b.high > 64n ? 64n : b.high;
      const range = hull([a.low, a.high, a.low << most, a.high << most]);
      const type = typeFor(expression, range, a);
      // A product: C leaves shifts of negative values undefined.
      const power = binary(cast(type, primary('1')), '<<', values[1].text, levels.sum);
      return { text: binary(cast(type, values[0].text), '*', power, levels.product), range };
    }
    case 'bigShiftRight': {
      const range = hull([a.low, a.high, a.low < 0n ? -1n : 0n, 0n]);
      // Up to 64 places: a type of 64 bits has no 64 of them to shift by.
      const type = b.high <= 63n ? typeFor(expression, range, a) : '__int128';
      return { text: binary(cast(type, values[0].text), '>>', values[1].text, levels.sum), range };
    }
    default:
      throw new TypeError(`${operator} gives no bigint`);
  }
}

/** The value modulo 2**64, of type uint64_t. */
function modular(others: Others, expression: Expression): Text {
  const self = (inner: Expression): Text => modular(others, inner);
  if (expression.kind === 'integer') return primary(`UINT64_C(${BigInt.asUintN(64, expression.value)})`);
  if (expression.kind === 'convert') return self(expression.operand);
  if (expression.kind === 'operation') {
    const { operator, operands } = expression;
    const symbols = { bigAdd: '+', bigSubtract: '-', bigMultiply: '*', bigAnd: '&', bigOr: '|', bigXor: '^' } as const;
    if (operator in symbols) {
      const symbol = symbols[operator as keyof typeof symbols];
      return binary(self(operands[0]), symbol, self(operands[1]), symbol === '*' ? levels.product : levels.sum);
    }
    if (operator === 'bigNegate') return binary(primary('UINT64_C(0)'), '-', self(operands[0]), levels.sum);
    if (operator === 'bigNot') return { text: `~${operand(self(operands[0]))}`, level: levels.unary };
    if (operator === 'bigShiftLeft') return call('cm_shl64', self(operands[0]), self(operands[1]));
    if (operator === 'asUint64' || operator === 'asInt64') return self(operands[0]);
  }
  return cast('uint64_t', lowerBig(others, expression).text);
}

/** A comparison, in a type that holds both sides. */
export function compareBig(others: Others, symbol: string, expression: Expression & { kind: 'operation' }): Text {
  const [a, b] = expression.operands.map((inner) => lowerBig(others, inner));
  const type = typeFor(expression, a.range, b.range);
  return binary(cast(type, a.text), symbol, cast(type, b.text), levels.comparison);
}
