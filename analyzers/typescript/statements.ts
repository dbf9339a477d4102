/**
 * Statements of the subset: from syntax to IR.
 *
 * A refused statement does not hide the next one's: each is lowered by itself. `for` becomes a loop with an update, so
 * that `continue` still runs it; loops get the invariants that their header implies and, where none is written, the
 * measure that their condition suggests (loops.ts).
 */
import type { ArrayVariable, Clause, Expression, ObjectVariable, Span, Statement, Variable } from '../ir.ts';
import { integer, sameType, showType, type Type, typedArrays, valueType } from '../types.ts';
import { calleeOf, lowerArguments, refuseDiverging } from './calls.ts';
import { refuseOldAtRun } from './clauses.ts';
import { CONTRACTS_FILE, isAssignment, ts } from './compiler.ts';
import { arrayConstant } from './constants.ts';
import { lowerNew } from './construct.ts';
import { lowerViewWrite, viewOf } from './data-view.ts';
import { arithmetic, coerce, lowerArray, lowerCondition, lowerExpression, lowerInteger } from './expressions.ts';
import {
  ghostCall,
  isGhostLocal,
  lowerGhostAssignment,
  lowerGhostBlock,
  lowerGhostDeclaration,
  noteGhostCall,
  refuseInGhost,
  refuseJump,
} from './ghost.ts';
import { lowerFor, lowerForOf, lowerWhile } from './loops.ts';
import { lowerFresh, lowerPlaceType, lowerSet, objectOf } from './objects.ts';
import { collecting, refuse } from './refuse.ts';
import { bare, declareVariable, type Header, libraryName, read, type Scope, symbolOf } from './scope.ts';
import { lowerSwitch } from './switch.ts';
import { lowerThrow } from './throw.ts';
import { lowerType } from './types.ts';

export const spanOf = (scope: Scope, node: ts.Node): Span => scope.world.spanOf(node);

/** The text of a clause on one line. */
export function clauseText(node: ts.Node): string {
  return node.getText().replace(/\s+/g, ' ').trim();
}

/** A condition as a clause of the body. */
export function bodyClause(scope: Scope, node: ts.Expression, lower = lowerCondition): Clause {
  const inner: Scope = { ...scope, place: 'body clause', oldAllowed: true };
  const expression = lower(inner, node);
  // A ghost block is not run.
  if (scope.place !== 'ghost') refuseOldAtRun(expression);
  return { text: clauseText(node), expression, span: spanOf(scope, node) };
}

/** The function that a statement calls for its effect, with the call. */
function effectfulCall(
  scope: Scope,
  node: ts.Expression,
): { readonly call: ts.CallExpression; readonly header: Header; readonly receiver?: ObjectVariable } | undefined {
  const call = bare(node);
  const callee = ts.isCallExpression(call) ? calleeOf(scope, call) : undefined;
  if (!ts.isCallExpression(call) || callee === undefined) return undefined;
  const { header } = callee;
  refuseDiverging(header, spanOf(scope, node));
  if (header.modifies.length === 0) return undefined;
  refuseInGhost(scope, spanOf(scope, node), `a call of ${header.name}, which writes to its arguments,`);
  return { call, ...callee };
}

function callStatement(
  scope: Scope,
  node: ts.Expression,
  target: Variable | undefined,
  declares: boolean,
): Statement | undefined {
  const found = effectfulCall(scope, node);
  if (found === undefined) return undefined;
  const { call, header, receiver } = found;
  const span = spanOf(scope, call);
  if (target !== undefined) assertSameKind(header.result, target.type, span);
  return {
    kind: 'call',
    function: header.key,
    arguments: lowerArguments(scope, call, header, receiver),
    declares,
    span,
    ...(target && { target }),
  };
}

/** A result goes to the variable as it is: only an integer's range may differ. */
function assertSameKind(result: Type, target: Type, span: Span): void {
  if (target.kind === 'object' && result.kind !== 'object')
    refuse(span, 'the result is no new object', `Let the function return ${target.name}.`);
  const [from, to] = [valueType(result), valueType(target)];
  const probe: Expression = { kind: 'variable', variable: { id: '', name: '', type: from, span }, type: from, span };
  coerce(probe, to);
  // Fields of another order or range would be taken for one another: nothing here makes the one of the other.
  if ((from.kind !== 'integer' || to.kind !== 'integer') && !sameType(from, to)) {
    refuse(
      span,
      `the result, a ${showType(from)}, goes to a variable of another type`,
      'Declare the variable without a type.',
    );
  }
}

function lowerDeclaration(scope: Scope, node: ts.VariableDeclaration, isConst: boolean): Statement[] {
  const span = spanOf(scope, node);
  if (!ts.isIdentifier(node.name))
    refuse(span, 'a pattern in a declaration is not supported', 'Declare each variable by itself.');
  if (node.initializer === undefined) refuse(span, `${node.name.text} is declared without a value`, 'Give it one.');
  const name = node.name.text;
  const symbol = scope.world.checker.getSymbolAtLocation(node.name);
  const nameSpan = spanOf(scope, node.name);
  const ghost = ghostCall(scope, node.initializer);
  if (ghost !== undefined) return [lowerGhostDeclaration(scope, node.name, ghost, span)];
  const array = arrayConstant(scope.world, node.initializer);
  if (array !== undefined) {
    refuseInGhost(scope, span, 'an array');
    if (!isConst) refuse(span, `the array ${name} is declared with let`, 'Declare it with const.');
    const declared = lowerType(scope.world, scope.world.checker.getTypeAtLocation(node.name), nameSpan);
    if (declared.kind !== 'array' || declared.name !== array.name)
      refuse(span, `${name} is declared as ${showType(declared)} and made as ${array.name}`);
    const type = {
      kind: 'array',
      name: array.name,
      element: integer(typedArrays[array.name]),
      readonly: declared.readonly,
    } as const;
    const variable = declareVariable(scope, symbol, name, type, nameSpan) as ArrayVariable;
    const length: Expression = { kind: 'integer', value: array.length, type: integer('number'), span };
    return [{ kind: 'allocate', variable, length, span, ...(array.values && { values: array.values }) }];
  }
  const type = lowerPlaceType(scope.world, scope.world.checker.getTypeAtLocation(node.name), nameSpan, 'local');
  if (type.kind === 'object') {
    if (!isConst) refuse(span, `the object ${name} is declared with let`, 'Declare it with const.');
    refuseInGhost(scope, span, 'an object');
    if (type.class !== undefined) return lowerNew(scope, node.name, node.initializer, type, span);
  }
  if (type.kind === 'array')
    refuse(span, `${name} would be a second name for an array`, 'Use the array by its own name.');
  if (type.kind === 'void') refuse(span, `${name} has no value`);
  if (effectfulCall(scope, node.initializer) !== undefined) {
    const variable = declareVariable(scope, symbol, name, type, nameSpan);
    return [callStatement(scope, node.initializer, variable, true)!];
  }
  const value =
    type.kind === 'object'
      ? lowerFresh(scope, node.initializer, type)
      : coerce(lowerExpression(scope, node.initializer), type);
  return [{ kind: 'declare', variable: declareVariable(scope, symbol, name, type, nameSpan), value, span }];
}

export function lowerDeclarations(scope: Scope, list: ts.VariableDeclarationList): Statement[] {
  const kind = list.flags & ts.NodeFlags.BlockScoped;
  if (kind !== ts.NodeFlags.Const && kind !== ts.NodeFlags.Let)
    refuse(spanOf(scope, list), 'var is not supported', 'Declare with const or let.');
  return list.declarations.flatMap((declaration) => lowerDeclaration(scope, declaration, kind === ts.NodeFlags.Const));
}

/** The local variable that may be assigned. */
function assignable(scope: Scope, node: ts.Expression): Variable {
  const inner = bare(node);
  const span = spanOf(scope, node);
  const symbol = ts.isIdentifier(inner) ? symbolOf(scope.world, inner) : undefined;
  const variable = symbol && scope.variables.get(symbol);
  if (variable === undefined)
    refuse(span, 'this cannot be assigned', 'Assign a local variable, or an element of an array.');
  if (scope.header.parameters.some(({ id }) => id === variable.id))
    refuse(
      span,
      `the parameter ${variable.name} is assigned`,
      'Contracts speak of its first value: copy it to a local variable.',
    );
  if (scope.place === 'ghost' && !isGhostLocal(scope, symbol))
    refuse(
      span,
      `ghost code assigns ${variable.name}, which is declared outside of its block`,
      `Write ${variable.name} = ghost(...) for a ghost variable.`,
    );
  if (variable.type.kind === 'array') refuse(span, `the array ${variable.name} is assigned`, 'Copy its elements.');
  if (variable.type.kind === 'object') refuse(span, `the object ${variable.name} is assigned`, 'Assign its fields.');
  const declaration = symbol?.valueDeclaration;
  if (declaration !== undefined && (ts.getCombinedNodeFlags(declaration) & ts.NodeFlags.Const) !== 0)
    refuse(span, `the constant ${variable.name} is assigned`, 'Declare it with let.');
  return variable;
}

const compound: Partial<Record<ts.SyntaxKind, ts.SyntaxKind>> = {
  [ts.SyntaxKind.PlusEqualsToken]: ts.SyntaxKind.PlusToken,
  [ts.SyntaxKind.MinusEqualsToken]: ts.SyntaxKind.MinusToken,
  [ts.SyntaxKind.AsteriskEqualsToken]: ts.SyntaxKind.AsteriskToken,
  [ts.SyntaxKind.SlashEqualsToken]: ts.SyntaxKind.SlashToken,
  [ts.SyntaxKind.PercentEqualsToken]: ts.SyntaxKind.PercentToken,
  [ts.SyntaxKind.AmpersandEqualsToken]: ts.SyntaxKind.AmpersandToken,
  [ts.SyntaxKind.BarEqualsToken]: ts.SyntaxKind.BarToken,
  [ts.SyntaxKind.CaretEqualsToken]: ts.SyntaxKind.CaretToken,
  [ts.SyntaxKind.LessThanLessThanEqualsToken]: ts.SyntaxKind.LessThanLessThanToken,
  [ts.SyntaxKind.GreaterThanGreaterThanEqualsToken]: ts.SyntaxKind.GreaterThanGreaterThanToken,
  [ts.SyntaxKind.GreaterThanGreaterThanGreaterThanEqualsToken]: ts.SyntaxKind.GreaterThanGreaterThanGreaterThanToken,
};

/** Assigns to a variable or an element what `value` makes of its present value. */
function update(
  scope: Scope,
  target: ts.Expression,
  span: Span,
  value: (present: () => Expression) => Expression,
): Statement {
  const inner = bare(target);
  if (ts.isElementAccessExpression(inner)) {
    refuseInGhost(scope, span, 'a store');
    const array = lowerArray(scope, inner.expression);
    if (array.type.readonly)
      refuse(spanOf(scope, target), `${array.name} may not be written`, `Declare it as ${array.type.name}.`);
    const index = lowerInteger(scope, inner.argumentExpression, 'number');
    const element = (): Expression => ({
      kind: 'element',
      array,
      index,
      type: array.type.element,
      span: spanOf(scope, target),
    });
    return { kind: 'store', array, index, value: coerce(value(element), array.type.element), span };
  }
  const object = ts.isPropertyAccessExpression(inner) ? objectOf(scope, inner.expression) : undefined;
  if (object !== undefined && ts.isPropertyAccessExpression(inner)) {
    refuseInGhost(scope, span, 'a store');
    return lowerSet(scope, object, inner, span, value);
  }
  if (ts.isPropertyAccessExpression(inner)) refuse(span, 'a field is assigned', 'Records are values: make a new one.');
  const variable = assignable(scope, target);
  if (variable.ghost && scope.place === 'body')
    refuse(span, `the ghost variable ${variable.name} is assigned in code`, `Write ${variable.name} = ghost(...).`);
  return {
    kind: 'assign',
    variable,
    value: coerce(
      value(() => read(variable, spanOf(scope, target))),
      variable.type,
    ),
    span,
  };
}

const one = (like: Expression, span: Span): Expression => ({
  kind: 'integer',
  value: 1n,
  type: integer(
    like.type.kind === 'integer' && ['u64', 'i64', 'bigint'].includes(like.type.name) ? 'bigint' : 'number',
  ),
  span,
});

/** An expression in the place of a statement. */
export function lowerEffect(scope: Scope, node: ts.Expression): Statement {
  const span = spanOf(scope, node);
  const inner = bare(node);
  if (ts.isBinaryExpression(inner) && isAssignment(inner.operatorToken.kind)) {
    const token = inner.operatorToken.kind;
    if (token === ts.SyntaxKind.EqualsToken) {
      const ghost = ghostCall(scope, inner.right);
      if (ghost !== undefined) {
        if (!ts.isIdentifier(bare(inner.left)))
          refuse(span, 'a ghost value goes to something else than a ghost variable', 'Ghost code changes nothing.');
        return lowerGhostAssignment(scope, assignable(scope, inner.left), ghost, span);
      }
      if (effectfulCall(scope, inner.right) !== undefined) {
        if (!ts.isIdentifier(bare(inner.left)))
          refuse(span, 'the result of a call with effects goes to an element', 'Assign it to a variable first.');
        return callStatement(scope, inner.right, assignable(scope, inner.left), false)!;
      }
      return update(scope, inner.left, span, () => lowerExpression(scope, inner.right));
    }
    const operator = compound[token];
    if (operator === undefined)
      return refuse(span, `the operator ${ts.tokenToString(token)} is not supported`, 'Write an if.');
    return update(scope, inner.left, span, (present) =>
      arithmetic(operator, present(), lowerExpression(scope, inner.right), span),
    );
  }
  if (ts.isPostfixUnaryExpression(inner) || ts.isPrefixUnaryExpression(inner)) {
    const plus = inner.operator === ts.SyntaxKind.PlusPlusToken;
    if (plus || inner.operator === ts.SyntaxKind.MinusMinusToken) {
      const token = plus ? ts.SyntaxKind.PlusToken : ts.SyntaxKind.MinusToken;
      return update(scope, inner.operand, span, (present) => arithmetic(token, present(), one(present(), span), span));
    }
  }
  if (ts.isCallExpression(inner)) return lowerCallStatement(scope, inner, span);
  return refuse(span, 'this statement has no effect', 'Remove it, or use its value.');
}

function lowerCallStatement(scope: Scope, node: ts.CallExpression, span: Span): Statement {
  const own = libraryName(scope.world, node.expression, CONTRACTS_FILE);
  if (own === 'assert' || own === 'assertBits') {
    if (node.arguments.length !== 1) refuse(span, `${own} takes one condition`);
    const clause = bodyClause(scope, node.arguments[0]);
    return { kind: 'assert', clause, span, ...(own === 'assertBits' && { bits: true }) };
  }
  if (own === 'ghost') return lowerGhostBlock(scope, node);
  if (own === 'invariant' || own === 'decreases')
    refuse(span, `${own}(...) does not stand first in a loop`, 'Put it at the beginning of the body of while or for.');
  const effectful = callStatement(scope, node, undefined, false);
  if (effectful !== undefined) return effectful;
  const callee = calleeOf(scope, node);
  if (callee === undefined) {
    // An expression, so that it is refused with the reason.
    lowerExpression(scope, node);
    return refuse(span, 'this call has no effect', 'Remove it, or use its value.');
  }
  const { header, receiver } = callee;
  noteGhostCall(scope, header, span);
  return {
    kind: 'call',
    function: header.key,
    arguments: lowerArguments(scope, node, header, receiver),
    declares: false,
    span,
  };
}

function lowerReturn(scope: Scope, node: ts.ReturnStatement): Statement[] {
  const span = spanOf(scope, node);
  refuseJump(scope, node);
  const { result } = scope.header;
  if (node.expression === undefined) {
    if (result.kind !== 'void') refuse(span, `return without a value in a function of type ${showType(result)}`);
    return [{ kind: 'return', span }];
  }
  if (result.kind === 'void') refuse(span, 'return with a value in a function without one');
  if (effectfulCall(scope, node.expression) !== undefined) {
    const variable = declareVariable(scope, undefined, 'returned', result, span);
    return [
      callStatement(scope, node.expression, variable, true)!,
      { kind: 'return', value: read(variable, span), span },
    ];
  }
  const value =
    result.kind === 'object'
      ? lowerFresh(scope, node.expression, result, true)
      : coerce(lowerExpression(scope, node.expression), result);
  return [{ kind: 'return', value, span }];
}

/** A statement as the list of those that a block of it holds. */
export function lowerBlock(scope: Scope, node: ts.Statement): Statement[] {
  return ts.isBlock(node) ? lowerStatements(scope, node.statements) : lowerStatements(scope, [node]);
}

export function lowerStatements(scope: Scope, nodes: readonly ts.Statement[]): Statement[] {
  return nodes.flatMap((node) => collecting(scope.diagnostics, () => lowerStatement(scope, node)) ?? []);
}

function lowerStatement(scope: Scope, node: ts.Statement): Statement[] {
  const span = spanOf(scope, node);
  if (ts.isVariableStatement(node)) return lowerDeclarations(scope, node.declarationList);
  if (ts.isExpressionStatement(node)) {
    const call = bare(node.expression);
    const isWrite = ts.isCallExpression(call) && ts.isPropertyAccessExpression(call.expression);
    if (isWrite && viewOf(scope, call.expression.expression) !== undefined) {
      refuseInGhost(scope, span, 'a store');
      return lowerViewWrite(scope, call);
    }
    return [lowerEffect(scope, node.expression)];
  }
  if (ts.isReturnStatement(node)) return lowerReturn(scope, node);
  if (ts.isBlock(node)) return lowerStatements(scope, node.statements);
  if (ts.isEmptyStatement(node)) return [];
  if (ts.isIfStatement(node)) {
    const condition = lowerCondition(scope, node.expression);
    const whenTrue = lowerBlock(scope, node.thenStatement);
    const whenFalse = node.elseStatement === undefined ? [] : lowerBlock(scope, node.elseStatement);
    return [{ kind: 'if', condition, whenTrue, whenFalse, span: spanOf(scope, node.expression) }];
  }
  if (ts.isWhileStatement(node)) return [lowerWhile(scope, node)];
  if (ts.isForStatement(node)) return lowerFor(scope, node);
  if (ts.isForOfStatement(node)) return lowerForOf(scope, node);
  if (ts.isBreakStatement(node) || ts.isContinueStatement(node)) {
    if (node.label !== undefined)
      refuse(span, 'a label is not supported', 'Use a variable, or a function with an early return.');
    refuseJump(scope, node);
    return [{ kind: ts.isBreakStatement(node) ? 'break' : 'continue', span }];
  }
  if (ts.isDoStatement(node))
    return refuse(span, 'do ... while is not supported', 'Write while (true) with a break, or a while loop.');
  if (ts.isForInStatement(node)) return refuse(span, 'for ... in is not supported', 'Count with for (let i = 0; ...).');
  if (ts.isSwitchStatement(node)) return lowerSwitch(scope, node);
  if (ts.isThrowStatement(node)) {
    refuseInGhost(scope, span, 'a throw');
    return [lowerThrow(scope, node)];
  }
  if (ts.isTryStatement(node))
    return refuse(span, 'try is not supported', 'Test the condition of @throws before the call, or announce it too.');
  if (ts.isFunctionDeclaration(node))
    return refuse(span, 'a function inside a function is not supported', 'Declare it at the top level of the module.');
  return refuse(span, `${ts.SyntaxKind[node.kind]} is not supported`);
}
