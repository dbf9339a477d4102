/**
 * Who may mention a table. A table is as constant as its users let it be: JavaScript cannot freeze a typed array, and a
 * list is an object like any other. So every mention of it in its module must only read it, and it is not exported: then
 * nobody can write it. A list that is frozen, with all that is in it, needs none of this.
 *
 * A record of a list is an object of its own, which whoever gets hold of it may change. So of a list that is not frozen
 * only integers, truths and strings may come out: its records are read field by field, where they are found.
 */
import type { Span } from '../ir.ts';
import { isAssignment, isNumber, ts } from './compiler.ts';
import { PREFIX } from './holders.ts';
import { isTarget } from './reassignment.ts';
import { refuse } from './refuse.ts';
import { symbolOf, type World } from './scope.ts';

/** Whether the value of this expression is used, and nothing is written through it. */
function isRead(node: ts.Expression): boolean {
  const use = node.parent;
  if (ts.isParenthesizedExpression(use)) return isRead(use);
  if (ts.isBinaryExpression(use)) return !(isAssignment(use.operatorToken.kind) && use.left === node);
  if (ts.isPrefixUnaryExpression(use)) {
    return use.operator !== ts.SyntaxKind.PlusPlusToken && use.operator !== ts.SyntaxKind.MinusMinusToken;
  }
  if (ts.isCallExpression(use)) return use.expression !== node;
  if (ts.isElementAccessExpression(use)) return use.argumentExpression === node;
  return (
    ts.isConditionalExpression(use) ||
    ts.isVariableDeclaration(use) ||
    ts.isReturnStatement(use) ||
    ts.isIfStatement(use) ||
    ts.isWhileStatement(use) ||
    (ts.isArrowFunction(use) && use.body === node)
  );
}

/** Whether what an expression gives is used up as a number or a truth, so that it goes nowhere. */
function isConsumed(node: ts.Expression): boolean {
  const use = node.parent;
  if (ts.isParenthesizedExpression(use)) return isConsumed(use);
  if (ts.isPrefixUnaryExpression(use) || ts.isIfStatement(use) || ts.isWhileStatement(use)) return true;
  if (!ts.isBinaryExpression(use)) return ts.isElementAccessExpression(use) && use.argumentExpression === node;
  const token = use.operatorToken.kind;
  const passes =
    token === ts.SyntaxKind.CommaToken ||
    token === ts.SyntaxKind.AmpersandAmpersandToken ||
    token === ts.SyntaxKind.BarBarToken ||
    token === ts.SyntaxKind.QuestionQuestionToken;
  return !passes && !isAssignment(token);
}

/** Whether the node lies in a function whose body is verified, where nothing has the type any. */
export function isVerified(world: World, node: ts.Node): boolean {
  let outer = node;
  while (!ts.isSourceFile(outer.parent)) outer = outer.parent;
  const symbol = ts.isFunctionDeclaration(outer) && outer.name !== undefined ? symbolOf(world, outer.name) : undefined;
  if (symbol === undefined) return false;
  return (world.headers.get(symbol) ?? world.generics.get(symbol))?.trusted === false;
}

/** Whether a mention of a typed array only reads it. */
export function onlyReads(world: World, node: ts.Identifier): boolean {
  const { parent } = node;
  // There it has a name that may only be read, and no other.
  if (isVerified(world, node) || inClause(node)) return true;
  if (ts.isVariableDeclaration(parent) && parent.name === node) return true;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node && parent.name.text === 'length';
  if (!ts.isElementAccessExpression(parent) || parent.expression !== node) return false;
  // A name in brackets would be a method or the buffer, and where any is allowed a name can pass for a number.
  const index = parent.argumentExpression;
  if (!isNumber(world.checker.getTypeAtLocation(index)) || !isRead(parent)) return false;
  return ts.isNumericLiteral(index) || isConsumed(parent);
}

/** Whether the identifier means the symbol, also where it stands for a field and its value at once. */
export function means(world: World, node: ts.Identifier, symbol: ts.Symbol): boolean {
  if (node.text !== symbol.name && !ts.isExportSpecifier(node.parent)) return false;
  if (ts.isShorthandPropertyAssignment(node.parent)) {
    return world.checker.getShorthandAssignmentValueSymbol(node.parent) === symbol;
  }
  return symbolOf(world, node) === symbol;
}

/** Refuses a table that is exported, or mentioned where `allows` does not allow it. */
export function checkUses(
  world: World,
  symbol: ts.Symbol,
  declaration: ts.VariableDeclaration,
  span: Span,
  allows: (world: World, node: ts.Identifier) => boolean,
): void {
  const exported = ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Export;
  if (exported)
    refuse(
      span,
      `the table ${symbol.name} is exported, so anyone may write it`,
      'Do not export it; export a function that reads it, or freeze a list: table([...]).',
    );
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && means(world, node, symbol) && !allows(world, node)) {
      refuse(
        world.spanOf(node),
        `the table ${symbol.name} is more than read here`,
        'Only its elements and its length may be used, outside of contracts in arithmetic; records of a list only field by field, unless it is frozen: table([...]).',
      );
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration.getSourceFile());
}

/** Whether values of the type are no objects. */
function isPrimitive(type: ts.Type): boolean {
  if (type.isUnion() || type.isIntersection()) return type.types[type.isUnion() ? 'every' : 'some'](isPrimitive);
  const primitive =
    ts.TypeFlags.NumberLike |
    ts.TypeFlags.BigIntLike |
    ts.TypeFlags.BooleanLike |
    ts.TypeFlags.StringLike |
    ts.TypeFlags.Undefined;
  return (type.flags & primitive) !== 0;
}

/** Whether what an expression gives, a list or a record of one, is only read from, and no part that is an object kept. */
function readsParts(world: World, node: ts.Expression): boolean {
  const { parent } = node;
  if (ts.isParenthesizedExpression(parent)) return readsParts(world, parent);
  const isAccess = ts.isPropertyAccessExpression(parent) || ts.isElementAccessExpression(parent);
  if (isAccess && parent.expression === node) {
    if (ts.isElementAccessExpression(parent) && !isNumber(world.checker.getTypeAtLocation(parent.argumentExpression)))
      return false;
    if (!isPrimitive(world.checker.getTypeAtLocation(parent))) return readsParts(world, parent);
    if (isTarget(parent)) return false;
    // A method can pass for a number that is an index, and its name for a primitive: see onlyReads.
    return (
      ts.isPropertyAccessExpression(parent) ||
      ts.isNumericLiteral(parent.argumentExpression) ||
      isVerified(world, parent) ||
      isConsumed(parent)
    );
  }
  if (ts.isForOfStatement(parent) && parent.expression === node && ts.isVariableDeclarationList(parent.initializer))
    return readsVariable(world, parent.initializer.declarations[0], true);
  return ts.isVariableDeclaration(parent) && parent.initializer === node && readsVariable(world, parent);
}

/** Whether a constant that holds a record, or in a loop each in turn, is only read from. */
function readsVariable(world: World, declaration: ts.VariableDeclaration, inLoop = false): boolean {
  const { name, parent } = declaration;
  if (!ts.isIdentifier(name) || !ts.isVariableDeclarationList(parent)) return false;
  if ((parent.flags & ts.NodeFlags.BlockScoped) !== ts.NodeFlags.Const) return false;
  const symbol = world.checker.getSymbolAtLocation(name);
  const around = parent.parent.kind === ts.SyntaxKind.VariableStatement ? parent.parent.parent : parent.parent;
  // A constant of a module or a namespace is anybody's.
  if (symbol === undefined || (!inLoop && (ts.isSourceFile(around) || ts.isModuleBlock(around)))) return false;
  if (isPrimitive(world.checker.getTypeAtLocation(name))) return true;
  // The clauses of a switch are one scope.
  const scope = ts.isCaseOrDefaultClause(around) ? around.parent : around;
  let reads = true;
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && node !== name && means(world, node, symbol)) reads &&= readsParts(world, node);
    ts.forEachChild(node, visit);
  };
  visit(scope);
  return reads;
}

/** Whether a mention of a list only reads it, and keeps none of its records. */
export function onlyReadsParts(world: World, node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) && parent.name === node) return true;
  return inClause(node) || readsParts(world, node);
}

/** Whether the node lies in a clause of a contract, which is never run. */
function inClause(node: ts.Node): boolean {
  let outer = node;
  while (!ts.isSourceFile(outer.parent)) outer = outer.parent;
  return ts.isFunctionDeclaration(outer) && outer.name?.text.startsWith(PREFIX) === true;
}
