/**
 * Rounding in clauses. Proofs read a clause with exact arithmetic; JavaScript computes with doubles, and runs what stands
 * in assert and in invariants. The two must say the same, or a clause would be proved that is false when it is run.
 *
 * A number beyond the safe integers is a double that lies beyond them on the same side, and no more is known of it. That
 * is enough to compare it with a safe integer, and to add what takes it further away; everything else needs its value,
 * so there it must be shown to be safe.
 */
import type { Expression } from '../analyzers/ir.ts';
import { operatorOf } from '../analyzers/operators.ts';
import { within } from '../analyzers/types.ts';
import type { Context } from './context.ts';
import type { Place } from './evaluate.ts';
import { inRangeTerm } from './facts.ts';
import type { Term } from './smt/terms.ts';

/** The numbers on which a double counts without gaps. */
export const SAFE = { low: -(2n ** 53n - 1n), high: 2n ** 53n - 1n } as const;

/** Demands of an operator in a clause that doubles and integers agree on what it says. */
export function demandExact(
  context: Context,
  place: Place,
  expression: Expression & { kind: 'operation' },
  operands: readonly Term[],
  text: string,
): void {
  const { arithmetic: m, intervals } = context;
  const { operator, span } = expression;
  const isSafe = (term: Term): boolean => within(intervals.of(term), SAFE);
  if (operatorOf(operator).domain !== 'number' || operator === 'negate') return;
  const compares = operator === 'less' || operator === 'atMost' || operator === 'equal';
  if (compares && operands.some(isSafe)) return;
  operands.forEach((operand, i) => {
    if (isSafe(operand)) return;
    const ways = [inRangeTerm(operand, SAFE)];
    const other = operands[1 - i];
    if (compares) ways.push(inRangeTerm(other, SAFE));
    if (operator === 'add' || operator === 'subtract') {
      const zero = m.integer(0n);
      const above = operator === 'add' ? m.atMost(zero, other) : m.atMost(other, zero);
      const below = operator === 'add' ? m.atMost(other, zero) : m.atMost(zero, other);
      ways.push(m.all([m.less(m.integer(SAFE.high), operand), above]));
      ways.push(m.all([m.less(operand, m.integer(SAFE.low)), below]));
    }
    place.demand('defined', text, span, m.any(ways));
  });
}
