/**
 * Preconditions as bits: what a function may take for granted.
 *
 * A clause speaks of exact integers, so its values grow as bits and nothing is cut off (the column `bits` of the table of
 * operators). One that has no meaning here, because it calls, quantifies or looks into memory, is left out: then less is
 * assumed, which is never wrong.
 */
import type { Expression } from '../../analyzers/ir.ts';
import { choose } from '../../analyzers/operators/meanings.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { negation, terms, word } from './algebra.ts';
import type { Places, SourceValue } from './entry.ts';

function partOf(places: Places, expression: Expression): SourceValue | undefined {
  if (expression.kind === 'variable') return places.values.get(expression.variable.id);
  if (expression.kind !== 'field') return undefined;
  const { type } = expression.operand;
  const value = partOf(places, expression.operand);
  if (value?.kind !== 'fields' || type.kind !== 'record') return undefined;
  return value.fields[type.fields.findIndex(({ name }) => name === expression.name)];
}

/** The clause over the values that a function is entered with; undefined where it is not understood. */
export function clauseTerm(places: Places, expression: Expression): Term | undefined {
  const all = (parts: readonly Expression[]): readonly Term[] | undefined => {
    const found = parts.map((part) => clauseTerm(places, part));
    return found.every((one) => one !== undefined) ? found : undefined;
  };
  switch (expression.kind) {
    case 'integer':
      return expression.value >= -(2n ** 63n) && expression.value < 2n ** 63n ? word(expression.value) : undefined;
    case 'boolean':
      return t.truth(expression.value);
    case 'variable':
    case 'field': {
      const value = partOf(places, expression);
      return value === undefined || value.kind === 'fields' ? undefined : value;
    }
    case 'length':
      return places.arrays.get(expression.array.id)?.length;
    case 'convert':
      return clauseTerm(places, expression.operand);
    case 'operation': {
      const operator = operatorOf(expression.operator);
      if (operator.domain === 'bigint' || operator.conditions !== undefined) return undefined;
      const operands = all(expression.operands);
      return operands && operator.bits(terms, operands);
    }
    case 'not': {
      const operand = clauseTerm(places, expression.operand);
      return operand && negation(operand);
    }
    case 'logical': {
      const left = clauseTerm(places, expression.left);
      const right = clauseTerm(places, expression.right);
      // Of a conjunction each part may be assumed by itself, at the top: see assumptionsOf.
      if (left === undefined || right === undefined) return undefined;
      if (expression.operator === 'implies') return t.implies(left, right);
      return expression.operator === 'and' ? t.all([left, right]) : t.any([left, right]);
    }
    case 'conditional': {
      const parts = all([expression.condition, expression.whenTrue, expression.whenFalse]);
      if (parts === undefined) return undefined;
      const [condition, a, b] = parts;
      return a.sort === 'Bool' ? t.select(condition, a, b) : choose(terms, condition, a, b);
    }
    default:
      return undefined;
  }
}

/** What of a precondition is understood; the parts of a conjunction one by one. */
export function assumptionsOf(places: Places, expression: Expression): Term[] {
  if (expression.kind === 'logical' && expression.operator === 'and')
    return [...assumptionsOf(places, expression.left), ...assumptionsOf(places, expression.right)];
  const term = clauseTerm(places, expression);
  return term === undefined ? [] : [term];
}
