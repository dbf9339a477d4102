/**
 * Constants of modules: integers and booleans that are computed here, and typed arrays of constants, called tables.
 *
 * A table is as constant as its users let it be, since JavaScript cannot freeze a typed array. So every mention of it
 * in its module must be a read of an element or its length, and a table is not exported: then nobody can write it.
 */
import type { ArrayVariable, Expression, Span, Table } from '../ir.ts';
import { boolean, inRange, integer, rangeOf, typedArrays } from '../types.ts';
import { GLOBALS_FILE, isAmbient, isAssignment, isNumber, ts } from './compiler.ts';
import { text } from './enumerations.ts';
import { lowerEnumMember } from './enums.ts';
import { operation } from './expressions.ts';
import { refuse } from './refuse.ts';
import { bare, libraryName, symbolOf, type World } from './scope.ts';

const LONGEST_TABLE = 4096;

/** The const declaration at a module's top level that a symbol means. */
function declarationOf(symbol: ts.Symbol): ts.VariableDeclaration | undefined {
  const declaration = symbol.valueDeclaration;
  if (declaration === undefined || !ts.isVariableDeclaration(declaration)) return undefined;
  // One that is only declared has its value somewhere else.
  if (isAmbient(declaration)) return undefined;
  const list = declaration.parent;
  const top =
    ts.isVariableDeclarationList(list) && ts.isVariableStatement(list.parent) && ts.isSourceFile(list.parent.parent);
  return top && (list.flags & ts.NodeFlags.BlockScoped) === ts.NodeFlags.Const ? declaration : undefined;
}

const binary: Partial<
  Record<ts.SyntaxKind, readonly [number: Parameters<typeof operation>[0], bigint: Parameters<typeof operation>[0]]>
> = {
  [ts.SyntaxKind.PlusToken]: ['add', 'bigAdd'],
  [ts.SyntaxKind.MinusToken]: ['subtract', 'bigSubtract'],
  [ts.SyntaxKind.AsteriskToken]: ['multiply', 'bigMultiply'],
  [ts.SyntaxKind.LessThanLessThanToken]: ['shiftLeft', 'bigShiftLeft'],
  [ts.SyntaxKind.BarToken]: ['bitOr', 'bigOr'],
};

/** A constant's value, by folding; undefined when it is none that we know. */
function fold(world: World, node: ts.Expression): Expression | undefined {
  const inner = bare(node);
  const span = world.spanOf(node);
  if (ts.isNumericLiteral(inner)) {
    const value = Number(inner.text);
    return Number.isSafeInteger(value)
      ? { kind: 'integer', value: BigInt(value), type: integer('number'), span }
      : undefined;
  }
  if (ts.isBigIntLiteral(inner))
    return { kind: 'integer', value: BigInt(inner.text.replace(/n$/, '')), type: integer('bigint'), span };
  if (inner.kind === ts.SyntaxKind.TrueKeyword || inner.kind === ts.SyntaxKind.FalseKeyword) {
    return { kind: 'boolean', value: inner.kind === ts.SyntaxKind.TrueKeyword, type: boolean, span };
  }
  if (ts.isStringLiteralLike(inner)) return text(inner.text, span);
  if (ts.isPropertyAccessExpression(inner)) return lowerEnumMember(world, inner);
  if (ts.isPrefixUnaryExpression(inner) && inner.operator === ts.SyntaxKind.MinusToken) {
    const operand = fold(world, inner.operand);
    if (operand?.kind !== 'integer') return undefined;
    return known(operation(operand.type.name === 'bigint' ? 'bigNegate' : 'negate', [operand], span));
  }
  if (ts.isBinaryExpression(inner)) {
    const [left, right] = [fold(world, inner.left), fold(world, inner.right)];
    const pair = binary[inner.operatorToken.kind];
    if (left?.kind !== 'integer' || right?.kind !== 'integer' || pair === undefined) return undefined;
    const big = [left, right].map(({ type }) => ['bigint', 'u64', 'i64'].includes(type.name));
    if (big[0] !== big[1]) return undefined;
    return known(operation(pair[big[0] ? 1 : 0], [left, right], span));
  }
  if (ts.isIdentifier(inner)) {
    const symbol = symbolOf(world, inner);
    const constant = symbol && lowerConstant(world, symbol, span);
    return constant !== undefined && !('values' in constant) ? constant : undefined;
  }
  return undefined;
}

const known = (expression: Expression): Expression | undefined =>
  expression.kind === 'integer' ? expression : undefined;

/** Values of `new Uint8Array([...])`, `Uint8Array.of(...)` and of `new Uint8Array(N)`, with the array's name. */
export function arrayConstant(
  world: World,
  node: ts.Expression,
): { readonly name: string; readonly length: bigint; readonly values?: readonly bigint[] } | undefined {
  const inner = bare(node);
  let items: readonly ts.Expression[] | undefined;
  let maker: ts.Expression;
  if (ts.isNewExpression(inner)) {
    maker = inner.expression;
    const argument = inner.arguments?.length === 1 ? bare(inner.arguments[0]) : undefined;
    if (argument !== undefined && ts.isArrayLiteralExpression(argument)) items = argument.elements;
  } else if (
    ts.isCallExpression(inner) &&
    ts.isPropertyAccessExpression(inner.expression) &&
    inner.expression.name.text === 'of'
  ) {
    maker = inner.expression.expression;
    items = inner.arguments;
  } else return undefined;
  const name = libraryName(world, maker, GLOBALS_FILE);
  if (name === undefined || !Object.hasOwn(typedArrays, name)) return undefined;
  const span = world.spanOf(node);
  const element = typedArrays[name];
  const big = element === 'u64' || element === 'i64';
  if (items !== undefined) {
    if (items.length > LONGEST_TABLE)
      refuse(span, `${items.length} constants`, `An array of constants has at most ${LONGEST_TABLE}.`);
    const values = items.map((item) => {
      const value = fold(world, item);
      const at = world.spanOf(item);
      if (value?.kind !== 'integer' || (value.type.name === 'bigint') !== big)
        return refuse(at, 'this is no constant', 'Write integers here.');
      if (!inRange(value.value, rangeOf(element)))
        refuse(at, `${value.value} is no ${element}`, `A ${name} would hold another value.`);
      return value.value;
    });
    return { name, length: BigInt(values.length), values };
  }
  const size = ts.isNewExpression(inner) && inner.arguments?.length === 1 ? fold(world, inner.arguments[0]) : undefined;
  if (size?.kind !== 'integer' || size.type.name === 'bigint' || size.value < 0n || size.value > 65_536n) {
    return refuse(
      span,
      'the length of a local array is no constant from 0 to 65536',
      'Write a constant, or take the array as a parameter.',
    );
  }
  return { name, length: size.value };
}

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
function isVerified(world: World, node: ts.Node): boolean {
  let outer = node;
  while (!ts.isSourceFile(outer.parent)) outer = outer.parent;
  const symbol = ts.isFunctionDeclaration(outer) && outer.name !== undefined ? symbolOf(world, outer.name) : undefined;
  return symbol !== undefined && world.headers.get(symbol)?.trusted === false;
}

/** Whether a mention of a table only reads it. */
function onlyReads(world: World, node: ts.Identifier): boolean {
  const { parent } = node;
  if (ts.isVariableDeclaration(parent) && parent.name === node) return true;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node && parent.name.text === 'length';
  if (!ts.isElementAccessExpression(parent) || parent.expression !== node) return false;
  // A name in brackets would be a method or the buffer, and where any is allowed a name can pass for a number.
  const index = parent.argumentExpression;
  if (!isNumber(world.checker.getTypeAtLocation(index)) || !isRead(parent)) return false;
  return isVerified(world, node) || ts.isNumericLiteral(index) || isConsumed(parent);
}

/** Whether the identifier means the symbol, also where it stands for a field and its value at once. */
function means(world: World, node: ts.Identifier, symbol: ts.Symbol): boolean {
  if (node.text !== symbol.name && !ts.isExportSpecifier(node.parent)) return false;
  if (ts.isShorthandPropertyAssignment(node.parent)) {
    return world.checker.getShorthandAssignmentValueSymbol(node.parent) === symbol;
  }
  return symbolOf(world, node) === symbol;
}

function checkReads(world: World, symbol: ts.Symbol, declaration: ts.VariableDeclaration, span: Span): void {
  const exported = ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Export;
  if (exported)
    refuse(
      span,
      `the table ${symbol.name} is exported, so anyone may write it`,
      'Do not export it; export a function that reads it.',
    );
  const visit = (node: ts.Node): void => {
    if (ts.isIdentifier(node) && means(world, node, symbol) && !onlyReads(world, node)) {
      refuse(
        world.spanOf(node),
        `the table ${symbol.name} is more than read here`,
        'Only its elements and its length may be used; outside of contracts an element only by a constant, or in arithmetic.',
      );
    }
    ts.forEachChild(node, visit);
  };
  visit(declaration.getSourceFile());
}

/** What a module's constant is; undefined when the symbol means none. */
export function lowerConstant(world: World, symbol: ts.Symbol, span: Span): Expression | Table | undefined {
  const before = world.tables.get(symbol);
  if (before !== undefined) return before;
  if (world.constants.has(symbol)) return world.constants.get(symbol);
  const declaration = declarationOf(symbol);
  if (declaration?.initializer === undefined) return undefined;
  if (world.computing.has(symbol)) refuse(span, `the constant ${symbol.name} is made of itself`);
  world.computing.add(symbol);
  try {
    const array = arrayConstant(world, declaration.initializer);
    if (array === undefined) {
      const value = fold(world, declaration.initializer);
      world.constants.set(symbol, value);
      return value;
    }
    checkReads(world, symbol, declaration, span);
    const file = declaration.getSourceFile().fileName;
    const type = {
      kind: 'array',
      name: array.name,
      element: integer(typedArrays[array.name]),
      readonly: true,
    } as const;
    const variable: ArrayVariable = {
      id: `${file}#${symbol.name}`,
      name: symbol.name,
      type,
      span: world.spanOf(declaration.name),
    };
    const values = array.values ?? Array.from({ length: Number(array.length) }, () => 0n);
    const table: Table = { variable, values };
    world.tables.set(symbol, table);
    return table;
  } finally {
    world.computing.delete(symbol);
  }
}
