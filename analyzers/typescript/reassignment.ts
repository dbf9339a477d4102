/**
 * JavaScript lets a module give a function's name another value; then its contract says nothing of what is called.
 *
 * The compiler reports some of this, but not below a type assertion, and what it reports outside of contracts is not
 * looked at. So every place where a value is put into a name is found here, wherever in the module it lies. A direct call
 * of eval may do so too, or write a table, with a text that nobody can read here; in a module with contracts there is
 * none. (What `new Function` makes sees no name of the module, and a module has no `with`.)
 */
import type { Diagnostic } from '../diagnostics.ts';
import { isAssignment, ts } from './compiler.ts';
import { symbolOf, type World } from './scope.ts';

/** Whether a node is parentheses or an assertion, of which nothing is left at run time. */
export const isErased = (
  node: ts.Node,
): node is
  | ts.ParenthesizedExpression
  | ts.AsExpression
  | ts.TypeAssertion
  | ts.NonNullExpression
  | ts.SatisfiesExpression =>
  ts.isParenthesizedExpression(node) ||
  ts.isAsExpression(node) ||
  ts.isTypeAssertionExpression(node) ||
  ts.isNonNullExpression(node) ||
  ts.isSatisfiesExpression(node);

/** Whether the node stands where a value is put into it: left of =, in a pattern there, under ++, as a loop's variable, deleted. */
export function isTarget(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isBinaryExpression(parent)) return isAssignment(parent.operatorToken.kind) && parent.left === node;
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent))
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  if (ts.isForOfStatement(parent) || ts.isForInStatement(parent)) return parent.initializer === node;
  if (ts.isDeleteExpression(parent)) return true;
  const passes =
    isErased(parent) ||
    ts.isArrayLiteralExpression(parent) ||
    ts.isObjectLiteralExpression(parent) ||
    ts.isSpreadElement(parent) ||
    ts.isSpreadAssignment(parent) ||
    ts.isShorthandPropertyAssignment(parent) ||
    (ts.isPropertyAssignment(parent) && parent.initializer === node);
  return passes && isTarget(parent);
}

/** A node without parentheses and assertions around it, which leave nothing behind at run time. */
function erased(node: ts.Expression): ts.Expression {
  let inner = node;
  while (isErased(inner)) inner = inner.expression;
  return inner;
}

/** Whether a name means something that a source declares. */
const isDeclared = (world: World, node: ts.Identifier): boolean =>
  (symbolOf(world, node)?.declarations?.length ?? 0) > 0;

function isEval(node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node)) return false;
  const callee = erased(node.expression);
  return ts.isIdentifier(callee) && callee.text === 'eval';
}

/** Whether the name is that of a member, behind a dot. */
const isMemberOf = (node: ts.Identifier): boolean =>
  ts.isPropertyAccessExpression(node.parent) && node.parent.name === node;

/** Reports functions with contracts that are assigned, and eval beside contracts. The walk has no recursion, so it holds any nesting. */
export function refuseReassignment(
  world: World,
  file: ts.SourceFile,
  hasContracts: boolean,
  diagnostics: Diagnostic[],
): void {
  const open: ts.Node[] = [file];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (ts.isIdentifier(node) && isTarget(isMemberOf(node) ? node.parent : node)) {
      const symbol = ts.isShorthandPropertyAssignment(node.parent)
        ? world.checker.getShorthandAssignmentValueSymbol(node.parent)
        : symbolOf(world, node);
      if (symbol !== undefined && (world.headers.has(symbol) || world.generics.has(symbol))) {
        diagnostics.push({
          span: world.spanOf(node),
          message: `the function ${symbol.name} is assigned`,
          advice: 'Its contract would say nothing of the new one.',
        });
      }
    }
    if (hasContracts && ts.isIdentifier(node) && node.text === 'undefined' && isDeclared(world, node)) {
      diagnostics.push({
        span: world.spanOf(node),
        message: 'something of this module is called undefined',
        advice: 'Give it another name: in contracts undefined is no value.',
      });
    }
    if (hasContracts && isEval(node)) {
      diagnostics.push({
        span: world.spanOf(node),
        message: 'eval can change every name of a module, and this one has contracts',
        advice: 'Move it to another module.',
      });
    }
    ts.forEachChild(node, (child) => {
      open.push(child);
    });
  }
}
