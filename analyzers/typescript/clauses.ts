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

/** Whether JavaScript can compute the expression in every state: no call, and no bigint, whose operators may throw. */
function alwaysComputable(expression: Expression | Argument): boolean {
  if (expression.kind === 'call' || expression.kind === 'array') return false;
  if (expression.kind === 'operation' && /^(big|toBigInt)/.test(expression.operator)) return false;
  return partsOf(expression).every(alwaysComputable);
}

/** A call of one of the functions of the `casemate` module that give a value. */
export function lowerLibraryCall(scope: Scope, node: ts.CallExpression, name: string): Expression {
  const span = scope.world.spanOf(node);
  if (name === 'invariant' || name === 'decreases' || name === 'assert') {
    return refuse(
      span,
      `${name}(...) is a statement of its own`,
      name === 'assert' ? undefined : 'It stands first in the body of a loop.',
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
