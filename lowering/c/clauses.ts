/**
 * Clauses of contracts as C, for the checks that a caller from outside goes through.
 *
 * A clause is read with exact integers. That it is defined, wherever the clauses before it hold, is proved: an index lies
 * in its array, a divisor is not 0, and a sum or product that leaves the safe integers is only compared, perhaps after
 * more was added to it. So such operands are computed in the compilers' 128-bit integer where 64 bits may not hold them;
 * all else is as in code. `forall` and `exists` are loops.
 */
import type { Expression } from '../../analyzers/ir.ts';
import {
  type Bounds,
  differenceBounds,
  hull,
  negativeBounds,
  productBounds,
  sumBounds,
} from '../../analyzers/operators/bounds.ts';
import { rangeOf } from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { bitsDecide, hasComplement, hide, isDecided, stripped } from './decided.ts';
import { createExpressions, type Expressions, type Names } from './expressions.ts';
import { binary, cast, levels, operand, primary, type Text } from './text.ts';

interface Exact {
  readonly text: Text;
  readonly range: Bounds;
}

type Operation = Expression & { readonly kind: 'operation' };
type Quantifier = Expression & { readonly kind: 'quantifier' };

const int64: Bounds = { low: -(2n ** 63n), high: 2n ** 63n - 1n };
const int128: Bounds = { low: -(2n ** 127n), high: 2n ** 127n - 1n };

const within = ({ low, high }: Bounds, outer: Bounds): boolean => outer.low <= low && high <= outer.high;

const hullOf = (...ranges: readonly Bounds[]): Bounds => hull(...ranges.flatMap(({ low, high }) => [low, high]));

/** Ranges of exact results. */
const exactRanges: Readonly<Record<string, (a: Bounds, b: Bounds) => Bounds>> = {
  add: sumBounds,
  subtract: differenceBounds,
  multiply: productBounds,
  negate: negativeBounds,
};

const spellings = { add: ['+', levels.sum], subtract: ['-', levels.sum], multiply: ['*', levels.product] } as const;

/** A value that is compared or chosen: no wider than 64 bits it is as it is. What is computed is cast, for it may be of int. */
const typed = (type: string, text: Text): Text => (type === 'int64_t' ? text : cast(type, text));

/** A number computed without rounding. */
function exactNumber(expressions: Expressions, given: Expression): Exact {
  const expression = stripped(given);
  if (expression.kind === 'integer')
    return { text: expressions.number(expression), range: { low: expression.value, high: expression.value } };
  const rangeFor = expression.kind === 'operation' ? exactRanges[expression.operator] : undefined;
  if (expression.kind === 'operation' && rangeFor !== undefined) {
    const operands = expression.operands.map((one) => exactNumber(expressions, one));
    const range = rangeFor(operands[0].range, operands.at(-1)!.range);
    const type = narrowest(expression, range, ...operands.map((one) => one.range));
    const [a, ...rest] = operands.map(({ text }) => text);
    if (rest.length === 0) return { text: { text: `-${operand(cast(type, a))}`, level: levels.unary }, range };
    const [symbol, level] = spellings[expression.operator as keyof typeof spellings];
    return { text: binary(cast(type, a), symbol, rest[0], level), range };
  }
  if (expression.kind === 'conditional') {
    const [a, b] = [expression.whenTrue, expression.whenFalse].map((one) => exactNumber(expressions, one));
    const range = hullOf(a.range, b.range);
    const type = narrowest(expression, range);
    const condition = operand(expressions.truth(expression.condition));
    const text = `${condition} ? ${operand(typed(type, a.text))} : ${operand(typed(type, b.text))}`;
    return { text: { text, level: levels.conditional }, range };
  }
  const { low, high } = rangeOf(expression.type.kind === 'integer' ? expression.type.name : 'number');
  return { text: expressions.number(expression), range: { low: low!, high: high! } };
}

function narrowest(expression: Expression, ...ranges: readonly Bounds[]): string {
  const range = hullOf(...ranges);
  if (within(range, int64)) return 'int64_t';
  if (within(range, int128)) return '__int128';
  return refuse(expression.span, 'this sum or product may need more than 128 bits in C', 'Compare smaller numbers.');
}

/** The clause expressions of one function. */
export function createClauses(names: Names): Expressions {
  const comparison = (expressions: Expressions, { operands, span }: Operation, symbol: string): Text => {
    const [a, b] = operands.map((one) => exactNumber(expressions, one));
    const type = narrowest({ ...operands[0], span }, a.range, b.range);
    const isTautology =
      a.text.text === b.text.text ||
      isDecided(symbol, a.range, b.range) ||
      bitsDecide(operands[0], operands[1]) ||
      hasComplement(operands);
    if (isTautology && type === 'int64_t') return binary(hide(a.text), symbol, hide(b.text), levels.comparison);
    return binary(typed(type, a.text), symbol, b.text, levels.comparison);
  };
  const quantifier = (expressions: Expressions, expression: Quantifier): Text => {
    const { variable, quantifier: kind, low, high, body, span } = expression;
    if (variable.type.kind !== 'integer' || variable.type.name === 'bigint')
      refuse(span, 'this variable has no bound in C', 'Let it be a number.');
    const [from, to] = [low, high].map((end) => exactNumber(expressions, end));
    if (!within(from.range, int64) || !within(to.range, int64))
      refuse(span, 'this range may need more than 64 bits in C', 'Choose smaller ends.');
    const name = names.variable(variable.id);
    const [found, holds] = [names.variable(`${name}_holds`), expressions.truth(body).text];
    const [start, step] = kind === 'forall' ? ['true', found] : ['false', `!${found}`];
    const loop = `for (int64_t ${name} = ${from.text.text}; ${step} && ${name} < ${operand(to.text)}; ${name}++)`;
    return primary(`({ bool ${found} = ${start}; ${loop} ${found} = ${holds}; ${found}; })`);
  };
  return createExpressions(names, { comparison, quantifier });
}
