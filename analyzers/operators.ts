/**
 * The one table of operators: what each means in every language that a program goes through, and what must hold for all
 * of them to be the same. operators/columns.ts says what the columns are, numbers.ts and bigints.ts have the entries.
 *
 * `0xffffffff & 0xffffffff` is -1 in JavaScript, `-7 % 3` is -1, a product of two uint16_t is undefined in C: each of
 * these is written once, here, and nobody else spells an operator.
 */
import { exact } from './operators/algebra.ts';
import { bigintOperators } from './operators/bigints.ts';
import type { Operator, Value } from './operators/columns.ts';
import { numberOperators } from './operators/numbers.ts';
import { rangeOf } from './types.ts';

export { type Algebra, exact } from './operators/algebra.ts';
export type { Operator } from './operators/columns.ts';

const operators = { ...numberOperators, ...bigintOperators };

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

/** Whether the result is the exact one: conditions hold and it lies in the operator's range. */
export function isExact(name: OperatorName, operands: readonly bigint[]): boolean {
  const operator = operatorOf(name);
  if (operator.conditions?.(exact, operands).some(({ holds }) => !holds)) return false;
  if (operator.gives === 'boolean') return true;
  const value = operator.meaning(exact, operands);
  const { low, high } = rangeOf(operator.result);
  return (low === undefined || low <= value) && (high === undefined || value <= high);
}
