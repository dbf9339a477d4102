/**
 * Lists of constants at module level: `const T: readonly Entry[] = [{ ... }, ...]`, as it stands, below Object.freeze, or
 * below `table`, which freezes all that is in it.
 */
import type { ArrayVariable, Constant, Expression, Table } from '../ir.ts';
import { type ArrayType, listOf, showType } from '../types.ts';
import { CONTRACTS_FILE, GLOBALS_FILE, ts } from './compiler.ts';
import { LONGEST_TABLE } from './constants.ts';
import { coerce, lowerExpression } from './expressions.ts';
import { refuse } from './refuse.ts';
import { bare, libraryName, noHeader, type Scope, type World } from './scope.ts';
import { checkUses, isVerified, onlyReadsParts } from './table-uses.ts';
import { lowerType } from './types.ts';

/** What a call freezes. */
function frozenBy(world: World, node: ts.Expression): 'all' | 'itself' | undefined {
  if (!ts.isCallExpression(node) || node.arguments.length !== 1) return undefined;
  const { expression: callee } = node;
  if (libraryName(world, callee, CONTRACTS_FILE) === 'table') return 'all';
  const isFreeze = ts.isPropertyAccessExpression(callee) && callee.name.text === 'freeze';
  return isFreeze && libraryName(world, callee.expression, GLOBALS_FILE) === 'Object' ? 'itself' : undefined;
}

const isLiteral = (node: ts.Expression): boolean =>
  ts.isObjectLiteralExpression(node) || ts.isArrayLiteralExpression(node);

/** Whether nothing that is made here can be written: each literal of an object stands below Object.freeze. */
function isFrozen(world: World, node: ts.Node): boolean {
  if (ts.isExpression(node) && isLiteral(node)) {
    let outer: ts.Node = node.parent;
    while (ts.isParenthesizedExpression(outer)) outer = outer.parent;
    if (!ts.isExpression(outer) || frozenBy(world, outer) === undefined) return false;
  }
  return ts.forEachChild(node, (child) => (isFrozen(world, child) ? undefined : true)) !== true;
}

/** The value of an expression that is made of constants alone. */
function constantIn(expression: Expression): Constant {
  switch (expression.kind) {
    case 'integer':
    case 'boolean':
    case 'member':
      return expression.value;
    case 'record':
      return { kind: 'fields', fields: expression.fields.map(constantIn) };
    case 'convert':
      return refuse(expression.span, `this is no ${showType(expression.type)}`);
    default:
      return refuse(expression.span, 'this is no constant', 'Write integers, truths, strings and records of them.');
  }
}

/** The list that a module's constant is; undefined when it is something else. */
export function listTable(world: World, symbol: ts.Symbol, declaration: ts.VariableDeclaration): Table | undefined {
  const { checker } = world;
  const initializer = bare(declaration.initializer!);
  const frozen = frozenBy(world, initializer);
  const literal = frozen === undefined ? initializer : bare((initializer as ts.CallExpression).arguments[0]);
  const declared = checker.getTypeAtLocation(declaration.name);
  if (!ts.isArrayLiteralExpression(literal) || !checker.isArrayType(declared)) return undefined;
  const span = world.spanOf(declaration);
  const type = lowerType(world, declared, world.spanOf(declaration.name)) as ArrayType;
  if (literal.elements.length > LONGEST_TABLE)
    refuse(span, `${literal.elements.length} constants`, `An array of constants has at most ${LONGEST_TABLE}.`);
  const scope: Scope = {
    world,
    variables: new Map(),
    ids: new Map(),
    diagnostics: [],
    place: 'body',
    oldAllowed: false,
    header: noHeader,
  };
  const values = literal.elements.map((element) => {
    if (ts.isSpreadElement(element) || ts.isOmittedExpression(element))
      return refuse(world.spanOf(element), 'a table with a spread or a hole', 'Write each element.');
    return constantIn(coerce(lowerExpression(scope, element), type.element));
  });
  const whole = frozen === 'all' || (frozen === 'itself' && isFrozen(world, initializer));
  if (!whole) {
    const plain = type.element.kind !== 'record';
    checkUses(
      world,
      symbol,
      declaration,
      span,
      (_, node) => onlyReadsParts(world, node) || (plain && isVerified(world, node)),
    );
  }
  const variable: ArrayVariable = {
    id: `${declaration.getSourceFile().fileName}#${symbol.name}`,
    name: symbol.name,
    type: listOf(type.element),
    span: world.spanOf(declaration.name),
  };
  return { variable, values };
}
