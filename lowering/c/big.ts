/**
 * Expressions of `bigint`: exact in TypeScript, without a bound. What a program keeps has one (u64, i64), but what it
 * computes on the way may be wider: `BigInt.asUintN(64, a * b)`. So the range of each expression is worked out from its
 * operands, and it is computed in the narrowest of int64_t, uint64_t and the compilers' 128-bit integer that holds it;
 * where only the low 64 bits are asked for, all of it is computed modulo 2**64. What needs more is refused, and so is a
 * division of 128 bits, for which compilers call a library that a unikernel does not have.
 */
import type { Expression } from '../../analyzers/ir.ts';
import { type Bounds, hull, scaledBounds } from '../../analyzers/operators/bounds.ts';
import type { CForm } from '../../analyzers/operators/columns.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { type Range, rangeOf, type Type } from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { hasComplement, hideAs, isDecided } from './decided.ts';
import { type COperand, spell } from './operators.ts';
import { binary, call, cast, levels, literal, operand, primary, type Text } from './text.ts';

export interface Big {
  readonly text: Text;
  readonly range: Bounds;
}

/** How expressions of other kinds are lowered. */
export interface Others {
  readonly number: (expression: Expression) => Text;
  readonly truth: (expression: Expression) => Text;
  /** A variable, element, field or call, and the type that it has in C. */
  readonly place: (expression: Expression) => Text;
  readonly placeType: (expression: Expression) => Type;
}

const fits = ({ low, high }: Bounds, outer: Range): boolean => outer.low! <= low && high <= outer.high!;

/** Where an operator asks for no range. */
const anything: Bounds = { low: 0n, high: 0n };

const wide = { low: -(2n ** 127n), high: 2n ** 127n - 1n };

/** The narrowest type that holds all of the ranges. */
function typeFor(expression: Expression, ...ranges: readonly Bounds[]): string {
  if (ranges.every((range) => fits(range, rangeOf('i64')))) return 'int64_t';
  if (ranges.every((range) => fits(range, rangeOf('u64')))) return 'uint64_t';
  if (ranges.every((range) => fits(range, wide))) return '__int128';
  return refuse(
    expression.span,
    'this bigint may need more than 128 bits in C',
    'Keep values in u64 or i64 variables, or take the low bits: BigInt.asUintN(64, ...).',
  );
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
      const range = { low: hull(low, inner.range.low).high, high: hull(high, inner.range.high).low };
      // No value is in both: no run comes here.
      return { text: inner.text, range: range.low > range.high ? inner.range : range };
    }
    case 'conditional': {
      const [a, b] = [self(expression.whenTrue), self(expression.whenFalse)];
      const type = typeFor(expression, a.range, b.range);
      const text: Text = {
        text: `${operand(others.truth(expression.condition))} ? ${cast(type, a.text).text} : ${cast(type, b.text).text}`,
        level: levels.conditional,
      };
      return { text, range: hull(a.range.low, a.range.high, b.range.low, b.range.high) };
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
  const { c, domain } = operatorOf(operator);
  if ('kind' in c) throw new TypeError(`${operator} gives no bigint`);
  if (c.exact.kind === 'low64') {
    const low64 = modularOperands(others, operands);
    return { text: spell(c.exact, 'uint64_t', low64), range: c.range(anything, anything) };
  }
  const values = operands.map(
    (inner): Big => (domain === 'number' ? { text: others.number(inner), range: anything } : lowerBig(others, inner)),
  );
  const ranges = values.map(({ range }) => range);
  const range = c.range(ranges[0], ranges[1]);
  const type = domain === 'number' ? 'int64_t' : typeOfOperation(expression, range, ranges);
  const typed = values.map(
    ({ text }): COperand => ({
      text,
      typed: () => cast(type, text),
      low64: () => cast('uint64_t', text),
    }),
  );
  if (operator === 'bigRemainder' && type === 'int64_t' && quotientLeaves(ranges))
    return { text: call('cm_rest', ...typed.map((one) => one.typed())), range };
  // gcc says of the complement of a promoted integer that it compares oddly, wherever it stands.
  if (operator === 'bigNot' && type === '__int128')
    return { text: binary(cast(type, hideAs('int64_t', literal(-1n))), '-', typed[0].typed(), levels.sum), range };
  return { text: spell(c.exact, type, typed), range };
}

/** Whether the quotient may be 2**63, which int64_t has not: then C leaves the remainder undefined too. */
const quotientLeaves = ([a, b]: readonly Bounds[]): boolean => a.low <= -(2n ** 63n) && b.low <= -1n && -1n <= b.high;

/** The type that an operation is computed in. */
function typeOfOperation(
  expression: Expression & { kind: 'operation' },
  range: Bounds,
  ranges: readonly Bounds[],
): string {
  const { operator } = expression;
  const isShift = operator === 'bigShiftLeft' || operator === 'bigShiftRight';
  // Up to 64 places: a type of 64 bits has no 64 of them to shift by.
  if (operator === 'bigShiftRight' && ranges[1].high > 63n) return '__int128';
  // The power of two that a shift to the left multiplies by is of the type as well.
  const power = operator === 'bigShiftLeft' ? [scaledBounds({ low: 1n, high: 1n }, ranges[1])] : [];
  const type = typeFor(expression, range, ...power, ...(isShift ? ranges.slice(0, 1) : ranges));
  if (type === '__int128' && (operator === 'bigDivide' || operator === 'bigRemainder'))
    refuse(
      expression.span,
      'a division of more than 64 bits',
      'Both sides, and the result, must fit u64, or all fit i64.',
    );
  return type;
}

/** The value modulo 2**64, of type uint64_t. */
function modular(others: Others, expression: Expression): Text {
  if (expression.kind === 'integer') return primary(`UINT64_C(${BigInt.asUintN(64, expression.value)})`);
  if (expression.kind === 'convert') return modular(others, expression.operand);
  if (expression.kind === 'operation') {
    const { c } = operatorOf(expression.operator);
    if (!('kind' in c) && c.low64 !== 'exact')
      return spell(c.low64, 'uint64_t', modularOperands(others, expression.operands));
  }
  return cast('uint64_t', lowerBig(others, expression).text);
}

const modularOperands = (others: Others, operands: readonly Expression[]): COperand[] =>
  operands.map((one) => {
    const text = modular(others, one);
    return { text, typed: () => text, low64: () => text };
  });

/** A comparison, in a type that holds both sides. */
export function compareBig(others: Others, form: CForm, expression: Expression & { kind: 'operation' }): Text {
  const values = expression.operands.map((inner) => lowerBig(others, inner));
  const [a, b] = values;
  const type = typeFor(expression, a.range, b.range);
  const symbol = 'symbol' in form ? form.symbol : '==';
  const isTautology =
    isDecided(symbol, a.range, b.range) || a.text.text === b.text.text || hasComplement(expression.operands);
  /** Compilers look through casts. What was computed in a wider type than its range asks for is of that type still. */
  const shown = ({ text, range }: Big): Text => {
    const own =
      isTautology && ['int64_t', 'uint64_t'].find((one) => fits(range, rangeOf(one === 'int64_t' ? 'i64' : 'u64')));
    return own ? hideAs(own as 'int64_t' | 'uint64_t', cast(own, text)) : text;
  };
  return spell(
    form,
    type,
    values.map(shown).map((text) => ({ text, typed: () => cast(type, text), low64: () => cast('uint64_t', text) })),
  );
}
