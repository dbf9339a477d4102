/**
 * Loops: their contracts, and what their headers say by themselves.
 *
 * `for (let i = a; i < b; i++)` whose body leaves i and b alone has invariants that nobody should have to write: a <= i,
 * and i <= b unless the loop never runs. They are given to the prover like those that a user writes, so they are
 * proved too. A loop without decreases(...) gets the measure that its condition suggests, b - i for i < b.
 */
import {
  type Clause,
  type Expression,
  isObjectVariable,
  type Loop,
  type ObjectVariable,
  type Span,
  type Statement,
  type Variable,
} from '../ir.ts';
import { boolean, integer } from '../types.ts';
import { allStatements, assignedVariables } from '../walk.ts';
import { invariantsOf } from './classes.ts';
import { CONTRACTS_FILE, ts } from './compiler.ts';
import { coerce, lowerArray, lowerCondition, lowerInteger, operation } from './expressions.ts';
import { refuse } from './refuse.ts';
import { declareVariable, libraryName, read, type Scope } from './scope.ts';
import { bodyClause, lowerDeclarations, lowerEffect, lowerStatements, spanOf } from './statements.ts';

interface LoopClauses {
  readonly invariants: readonly Clause[];
  readonly decreases: readonly Clause[];
  /** Statements after the clauses. */
  readonly rest: readonly ts.Statement[];
}

/** The clauses at the beginning of a loop's body. */
function lowerClauses(scope: Scope, body: ts.Statement): LoopClauses {
  const nodes = ts.isBlock(body) ? body.statements : [body];
  const invariants: Clause[] = [];
  const decreases: Clause[] = [];
  let done = 0;
  for (const node of nodes) {
    const call = ts.isExpressionStatement(node) && ts.isCallExpression(node.expression) ? node.expression : undefined;
    const name = call && libraryName(scope.world, call.expression, CONTRACTS_FILE);
    if (call === undefined || (name !== 'invariant' && name !== 'decreases')) break;
    const span = spanOf(scope, call);
    if (name === 'invariant') {
      if (call.arguments.length !== 1) refuse(span, 'invariant takes one condition');
      invariants.push(bodyClause(scope, call.arguments[0]));
    } else {
      if (decreases.length > 0)
        refuse(span, 'a second decreases(...)', 'Give several measures to one: decreases(a, b).');
      if (call.arguments.length === 0) refuse(span, 'decreases takes a measure');
      decreases.push(
        ...call.arguments.map((argument) => bodyClause(scope, argument, (s, node) => lowerInteger(s, node))),
      );
    }
    done++;
  }
  return { invariants, decreases, rest: nodes.slice(done) };
}

/** Whether the expression's value stays the same while only these variables change: it reads no array's elements. */
function isSteady(expression: Expression, changing: ReadonlySet<string>): boolean {
  switch (expression.kind) {
    case 'integer':
    case 'length':
      return true;
    case 'variable':
      return !changing.has(expression.variable.id);
    case 'operation':
      return expression.operands.every((operand) => isSteady(operand, changing));
    case 'convert':
      return isSteady(expression.operand, changing);
    default:
      return false;
  }
}

/** The two sides of the comparison that a loop's condition begins with, the smaller first: it runs while low < high. */
function comparisonOf(
  condition: Expression,
): { readonly low: Expression; readonly high: Expression; readonly strict: boolean } | undefined {
  if (condition.kind === 'logical' && condition.operator === 'and')
    return comparisonOf(condition.left) ?? comparisonOf(condition.right);
  if (condition.kind !== 'operation') return undefined;
  const strict = condition.operator === 'less' || condition.operator === 'bigLess';
  if (!strict && condition.operator !== 'atMost' && condition.operator !== 'bigAtMost') return undefined;
  return { low: condition.operands[0], high: condition.operands[1], strict };
}

/** What the condition suggests that falls with every round. */
function suggestedMeasure(condition: Expression): Clause | undefined {
  const compared = comparisonOf(condition);
  if (compared === undefined) return undefined;
  const { low, high, strict } = compared;
  const big = low.type.kind === 'integer' && ['u64', 'i64', 'bigint'].includes(low.type.name);
  const { span } = condition;
  const difference = operation(big ? 'bigSubtract' : 'subtract', [high, low], span);
  const one: Expression = { kind: 'integer', value: 1n, type: integer(big ? 'bigint' : 'number'), span };
  const measure = strict ? difference : operation(big ? 'bigAdd' : 'add', [difference, one], span);
  return { text: 'measure of the condition', expression: measure, span };
}

/** Invariants of a variable that only the update changes, by +1 or -1. */
function headerInvariants(
  variable: Variable,
  first: Expression,
  condition: Expression,
  update: readonly Statement[],
  body: readonly Statement[],
  span: Span,
): Clause[] {
  const [step] = update;
  if (update.length !== 1 || step.kind !== 'assign' || step.variable.id !== variable.id) return [];
  const changing = new Set(assignedVariables(body).keys());
  if (changing.has(variable.id)) return [];
  changing.add(variable.id);
  const value = step.value.kind === 'convert' ? step.value.operand : step.value;
  if (
    value.kind !== 'operation' ||
    value.operands[0].kind !== 'variable' ||
    value.operands[0].variable.id !== variable.id
  )
    return [];
  const [, by] = value.operands;
  const up = value.operator === 'add' || value.operator === 'bigAdd';
  if (
    by.kind !== 'integer' ||
    by.value !== 1n ||
    (!up && value.operator !== 'subtract' && value.operator !== 'bigSubtract')
  )
    return [];
  if (!isSteady(first, changing)) return [];
  const big = value.operator.startsWith('big');
  const atMost = (a: Expression, b: Expression): Expression => operation(big ? 'bigAtMost' : 'atMost', [a, b], span);
  const now = read(variable, span);
  const clauses: Clause[] = [
    {
      text: `${variable.name} stays on its side of its first value`,
      expression: up ? atMost(first, now) : atMost(now, first),
      span,
    },
  ];
  const compared = comparisonOf(condition);
  if (compared === undefined) return clauses;
  const limit = up ? compared.high : compared.low;
  const own = up ? compared.low : compared.high;
  if (own.kind !== 'variable' || own.variable.id !== variable.id || !isSteady(limit, changing)) return clauses;
  const one: Expression = { kind: 'integer', value: 1n, type: integer(big ? 'bigint' : 'number'), span };
  const end = compared.strict
    ? limit
    : operation(big ? (up ? 'bigAdd' : 'bigSubtract') : up ? 'add' : 'subtract', [limit, one], span);
  const reached = up ? atMost(now, end) : atMost(end, now);
  const idle = operation(big ? 'bigEqual' : 'equal', [now, first], span);
  const expression: Expression = { kind: 'logical', operator: 'or', left: reached, right: idle, type: boolean, span };
  return [...clauses, { text: `${variable.name} does not pass its limit`, expression, span }];
}

function finish(
  scope: Scope,
  clauses: LoopClauses,
  condition: Expression,
  own: readonly Clause[],
  body: readonly Statement[],
  update: readonly Statement[],
  span: Span,
): Loop {
  const suggested = clauses.decreases.length === 0 ? suggestedMeasure(condition) : undefined;
  // Nobody waits for ghost code: what is behind it is come to.
  const endless = scope.header.diverges && scope.place !== 'ghost' && clauses.decreases.length === 0;
  if (!endless && clauses.decreases.length === 0 && suggested === undefined) {
    scope.diagnostics.push({
      span,
      message: 'nothing says that this loop ends',
      advice:
        'Write decreases(e) first in its body: e falls with every round and is never below 0. An event loop that never ends is for a function with @diverges.',
    });
  }
  return {
    kind: 'loop',
    condition,
    invariants: [...own, ...clauses.invariants],
    decreases: suggested === undefined || endless ? clauses.decreases : [suggested],
    body,
    update,
    span,
  };
}

/** Objects of classes that are there before a loop: what it does with them keeps their invariants. */
const objectsOf = (scope: Scope): ObjectVariable[] =>
  [...scope.variables.values()].filter(
    (variable) => isObjectVariable(variable) && variable.type.class !== undefined && variable !== scope.self,
  ) as ObjectVariable[];

/** The invariants of the classes of those that the loop passes to a function. */
function classInvariants(scope: Scope, objects: readonly ObjectVariable[], inside: readonly Statement[]): Clause[] {
  const passed = new Set(
    allStatements(inside).flatMap((statement) =>
      statement.kind === 'call'
        ? statement.arguments.flatMap((one) => (one.kind === 'object' ? [one.object.id] : []))
        : [],
    ),
  );
  return objects.filter(({ id }) => passed.has(id)).flatMap((object) => invariantsOf(scope, object));
}

export function lowerWhile(scope: Scope, node: ts.WhileStatement): Statement {
  const objects = objectsOf(scope);
  const condition = lowerCondition(scope, node.expression);
  const clauses = lowerClauses(scope, node.statement);
  const body = lowerStatements(scope, clauses.rest);
  return finish(
    scope,
    clauses,
    condition,
    classInvariants(scope, objects, body),
    body,
    [],
    spanOf(scope, node.expression),
  );
}

export function lowerFor(scope: Scope, node: ts.ForStatement): Statement[] {
  const span = spanOf(scope, node.condition ?? node);
  if (node.condition === undefined)
    refuse(span, 'a for loop without a condition', 'Write while (true), or the condition.');
  const first =
    node.initializer === undefined
      ? []
      : ts.isVariableDeclarationList(node.initializer)
        ? lowerDeclarations(scope, node.initializer)
        : [lowerEffect(scope, node.initializer)];
  const objects = objectsOf(scope);
  const condition = lowerCondition(scope, node.condition);
  const update = node.incrementor === undefined ? [] : [lowerEffect(scope, node.incrementor)];
  const clauses = lowerClauses(scope, node.statement);
  const body = lowerStatements(scope, clauses.rest);
  const own = first.flatMap((statement) =>
    statement.kind === 'declare'
      ? headerInvariants(statement.variable, statement.value, condition, update, body, span)
      : [],
  );
  const kept = classInvariants(scope, objects, [...body, ...update]);
  return [...first, finish(scope, clauses, condition, [...kept, ...own], body, update, span)];
}

/** for (const x of a): a hidden index runs over the array. */
export function lowerForOf(scope: Scope, node: ts.ForOfStatement): Statement[] {
  const span = spanOf(scope, node.expression);
  if (node.awaitModifier !== undefined) refuse(span, 'for await is not supported');
  const array = lowerArray(scope, node.expression);
  const objects = objectsOf(scope);
  if (
    !ts.isVariableDeclarationList(node.initializer) ||
    (node.initializer.flags & ts.NodeFlags.BlockScoped) !== ts.NodeFlags.Const
  ) {
    return refuse(span, 'for ... of with another variable than a new constant', 'Write for (const x of a).');
  }
  const [{ name }] = node.initializer.declarations;
  if (!ts.isIdentifier(name)) return refuse(span, 'a pattern is not supported', 'Write for (const x of a).');
  const index = declareVariable(scope, undefined, `${name.text}_index`, integer('number'), span);
  const zero: Expression = { kind: 'integer', value: 0n, type: integer('number'), span };
  const one: Expression = { ...zero, value: 1n };
  const length: Expression = { kind: 'length', array, type: integer('number'), span };
  const condition = operation('less', [read(index, span), length], span);
  const update: Statement[] = [
    { kind: 'assign', variable: index, value: operation('add', [read(index, span), one], span), span },
  ];
  // Clauses hold before the test of the condition, where there is no element yet.
  const clauses = lowerClauses(scope, node.statement);
  const element = declareVariable(
    scope,
    scope.world.checker.getSymbolAtLocation(name),
    name.text,
    array.type.element,
    spanOf(scope, name),
  );
  const value = coerce(
    { kind: 'element', array, index: read(index, span), type: array.type.element, span },
    element.type,
  );
  const body: Statement[] = [
    { kind: 'declare', variable: element, value, span },
    ...lowerStatements(scope, clauses.rest),
  ];
  const own = headerInvariants(index, zero, condition, update, body, span);
  return [
    { kind: 'declare', variable: index, value: zero, span },
    finish(scope, clauses, condition, [...classInvariants(scope, objects, body), ...own], body, update, span),
  ];
}
