/**
 * What only clauses may say: implies, forall, exists, old.
 *
 * In JSDoc a clause exists for the prover alone. In a body it is also JavaScript, which computes both sides of
 * `implies` before it calls it; so there the right side must be something that JavaScript can always compute.
 */
import type { Argument, Expression, Span } from '../ir.ts';
import { boolean, integer } from '../types.ts';
import { partsOf } from '../walk.ts';
import { ts } from './compiler.ts';
import { lowerCondition, lowerExpression, lowerInteger } from './expressions.ts';
import { isOptional } from './optional.ts';
import { refuse } from './refuse.ts';
import { declareVariable, type Scope } from './scope.ts';

function lowerQuantifier(
  scope: Scope,
  node: ts.CallExpression,
  quantifier: 'forall' | 'exists',
  span: Span,
): Expression {
  const [low, high, condition] = node.arguments;
  const usage = `Write ${quantifier}(low, high, i => condition).`;
  if (node.arguments.length !== 3 || !ts.isArrowFunction(condition) || condition.parameters.length !== 1)
    refuse(span, `${quantifier} takes two bounds and an arrow function of one index`, usage);
  const [parameter] = condition.parameters;
  if (
    !ts.isIdentifier(parameter.name) ||
    parameter.initializer !== undefined ||
    parameter.dotDotDotToken !== undefined ||
    condition.modifiers !== undefined
  )
    refuse(span, `${quantifier} takes an arrow function of one index`, usage);
  if (ts.isBlock(condition.body)) refuse(span, 'the condition is one expression', usage);
  const lowered = { low: lowerInteger(scope, low, 'number'), high: lowerInteger(scope, high, 'number') };
  const symbol = scope.world.checker.getSymbolAtLocation(parameter.name);
  const variable = declareVariable(
    scope,
    symbol,
    parameter.name.text,
    integer('number'),
    scope.world.spanOf(parameter),
  );
  return {
    kind: 'quantifier',
    quantifier,
    variable,
    ...lowered,
    body: lowerCondition(scope, condition.body),
    type: boolean,
    span,
  };
}

/** Whether a record is there whatever holds: it is in no list, no `T | undefined` and no variant of a union. */
function isThere(record: Expression): boolean {
  if (record.kind !== 'field') return record.kind === 'variable' || record.kind === 'record';
  const { operand, name } = record;
  if (operand.type.kind !== 'record' || isOptional(operand.type)) return false;
  return operand.type.fields.every((field) => field.name !== name || field.where === undefined) && isThere(operand);
}

/**
 * Whether JavaScript may throw, or not end, where it computes this, apart from its parts: at a call, a bigint, whose
 * operators may throw, a view, which throws where an array gives undefined, a field of what may be undefined, and a range
 * that may have no end.
 */
function mayThrow(expression: Expression | Argument): boolean {
  switch (expression.kind) {
    case 'call':
    case 'array':
      return true;
    case 'operation':
      return /^(big|toBigInt)/.test(expression.operator);
    case 'element':
      return expression.array.type.name === 'DataView';
    case 'field':
      return !isOptional(expression.operand.type) && !isThere(expression.operand);
    case 'quantifier':
      return divides(expression.low) || divides(expression.high);
    default:
      return false;
  }
}

/** Whether it has a quotient in it: of a division by 0 that is no end of a range. */
function divides(expression: Expression | Argument): boolean {
  const quotient = expression.kind === 'operation' && /Divide$/.test(expression.operator);
  return quotient || partsOf(expression).some(divides);
}

/** Whether JavaScript can compute the expression in every state. */
function alwaysComputable(expression: Expression | Argument): boolean {
  return !mayThrow(expression) && partsOf(expression).every(alwaysComputable);
}

const mentionsOld = (expression: Expression | Argument): boolean =>
  expression.kind === 'old' || partsOf(expression).some(mentionsOld);

/**
 * Refuses old(...) in a claim that JavaScript computes, below or above what may throw: JavaScript knows nothing of the
 * value at the entry and takes the present one, for which nothing was shown.
 */
export function refuseOldAtRun(expression: Expression | Argument, inOld = false): void {
  if (mayThrow(expression) && (inOld || mentionsOld(expression)))
    refuse(
      expression.span,
      'JavaScript computes this with the present value and not with the old one, and it might throw',
      'Keep the old value in a variable: const before = ..., or say it in @ensures.',
    );
  for (const part of partsOf(expression)) refuseOldAtRun(part, inOld || expression.kind === 'old');
}

/** A call of one of the functions of the `casemate` module that give a value. */
export function lowerLibraryCall(scope: Scope, node: ts.CallExpression, name: string): Expression {
  const span = scope.world.spanOf(node);
  if (name === 'invariant' || name === 'decreases' || name === 'assert' || name === 'assertBits') {
    return refuse(
      span,
      `${name}(...) is a statement of its own`,
      name.startsWith('assert') ? undefined : 'It stands first in the body of a loop.',
    );
  }
  if (name === 'ghost') {
    return refuse(
      span,
      'ghost(...) is part of an expression',
      'A ghost value goes to a ghost variable: const n = ghost(e).',
    );
  }
  if (scope.place === 'body') {
    return refuse(
      span,
      `${name}(...) is for contracts`,
      'Use it in @requires, @ensures, invariant(...) or assert(...).',
    );
  }
  switch (name) {
    case 'implies': {
      if (node.arguments.length !== 2) refuse(span, 'implies takes two conditions');
      const left = lowerCondition(scope, node.arguments[0]);
      const right = lowerCondition(scope, node.arguments[1]);
      if (scope.place !== 'contract' && !alwaysComputable(right)) {
        refuse(
          right.span,
          'JavaScript computes this side of implies(...) always, and it might throw',
          'Write !left || right, which does not.',
        );
      }
      return { kind: 'logical', operator: 'implies', left, right, type: boolean, span };
    }
    case 'forall':
    case 'exists':
      return lowerQuantifier(scope, node, name, span);
    case 'old': {
      if (!scope.oldAllowed)
        refuse(
          span,
          scope.place === 'ghost'
            ? 'old(...) in a ghost value, which is computed'
            : 'old(...) in a clause about the entry',
          scope.place === 'ghost'
            ? 'Keep the value where it is still the present one.'
            : 'There every value is the old one: leave old out.',
        );
      if (node.arguments.length !== 1) refuse(span, 'old takes one expression');
      const operand = lowerExpression(scope, node.arguments[0]);
      return { kind: 'old', operand, type: operand.type, span };
    }
    default:
      return refuse(span, `${name} is not supported here`);
  }
}
