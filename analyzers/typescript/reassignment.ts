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

/** Whether the node stands where a value is put into it: left of =, in a pattern there, under ++, as a loop's variable. */
export function isTarget(node: ts.Node): boolean {
  const { parent } = node;
  if (ts.isBinaryExpression(parent)) return isAssignment(parent.operatorToken.kind) && parent.left === node;
  if (ts.isPrefixUnaryExpression(parent) || ts.isPostfixUnaryExpression(parent))
    return parent.operator === ts.SyntaxKind.PlusPlusToken || parent.operator === ts.SyntaxKind.MinusMinusToken;
  if (ts.isForOfStatement(parent) || ts.isForInStatement(parent)) return parent.initializer === node;
  const passes =
    ts.isParenthesizedExpression(parent) ||
    ts.isAsExpression(parent) ||
    ts.isTypeAssertionExpression(parent) ||
    ts.isNonNullExpression(parent) ||
    ts.isSatisfiesExpression(parent) ||
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
  while (
    ts.isParenthesizedExpression(inner) ||
    ts.isAsExpression(inner) ||
    ts.isTypeAssertionExpression(inner) ||
    ts.isNonNullExpression(inner) ||
    ts.isSatisfiesExpression(inner)
  )
    inner = inner.expression;
  return inner;
}

function isEval(node: ts.Node): node is ts.CallExpression {
  if (!ts.isCallExpression(node)) return false;
  const callee = erased(node.expression);
  return ts.isIdentifier(callee) && callee.text === 'eval';
}

/** Reports functions with contracts that are assigned, and eval beside contracts. The walk has no recursion, so it holds any nesting. */
export function refuseReassignment(
  world: World,
  file: ts.SourceFile,
  hasContracts: boolean,
  diagnostics: Diagnostic[],
): void {
  const open: ts.Node[] = [file];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (ts.isIdentifier(node) && isTarget(node)) {
      const symbol = ts.isShorthandPropertyAssignment(node.parent)
        ? world.checker.getShorthandAssignmentValueSymbol(node.parent)
        : symbolOf(world, node);
      if (symbol !== undefined && world.headers.has(symbol)) {
        diagnostics.push({
          span: world.spanOf(node),
          message: `the function ${symbol.name} is assigned`,
          advice: 'Its contract would say nothing of the new one.',
        });
      }
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
