/**
 * Constants of modules: integers, booleans and strings that are computed here, and arrays of constants, called tables:
 * typed arrays, and lists (lists.ts). That nobody writes one is table-uses.ts's affair.
 */
import type { ArrayVariable, Expression, Span, Table } from '../ir.ts';
import { boolean, inRange, integer, rangeOf, typedArrays } from '../types.ts';
import { CONTRACTS_FILE, GLOBALS_FILE, isAmbient, ts } from './compiler.ts';
import { text } from './enumerations.ts';
import { lowerEnumMember } from './enums.ts';
import { operation } from './expressions.ts';
import { listTable } from './lists.ts';
import { refuse } from './refuse.ts';
import { bare, libraryName, symbolOf, type World } from './scope.ts';
import { checkUses, onlyReads } from './table-uses.ts';

export const LONGEST_TABLE = 4096;

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

/** The literals that a text is joined of; undefined when there is something else in it. */
function literalsOf(node: ts.Expression): ts.StringLiteralLike[] | undefined {
  const inner = bare(node);
  if (ts.isStringLiteralLike(inner)) return [inner];
  if (!ts.isBinaryExpression(inner) || inner.operatorToken.kind !== ts.SyntaxKind.PlusToken) return undefined;
  const [left, right] = [literalsOf(inner.left), literalsOf(inner.right)];
  return left && right && [...left, ...right];
}

/** bytes('GET '): a byte for each character. */
function bytesOf(world: World, node: ts.CallExpression) {
  const span = world.spanOf(node);
  const usage = "Write bytes('...') with ASCII characters, others as \\xHH; literals may be joined with +.";
  const literals = node.arguments.length === 1 ? literalsOf(node.arguments[0]) : undefined;
  if (literals === undefined) return refuse(span, 'bytes of something other than a literal', usage);
  // An é is one character here and two bytes in a file: only the spelling \xe9 says which is meant.
  const plain = literals.every((literal) => /^[\x20-\x7e]*$/.test(literal.getText()));
  const codes = literals.flatMap(({ text }) => [...text].map((character) => character.codePointAt(0)!));
  if (!plain || codes.some((code) => code > 0xff)) return refuse(span, 'this has characters that are no bytes', usage);
  if (codes.length > LONGEST_TABLE)
    return refuse(span, `${codes.length} bytes`, `An array of constants has at most ${LONGEST_TABLE}.`);
  return { name: 'Uint8Array', length: BigInt(codes.length), values: codes.map(BigInt) };
}

/** Values of `new Uint8Array([...])`, `Uint8Array.of(...)` and of `new Uint8Array(N)`, with the array's name. */
export function arrayConstant(
  world: World,
  node: ts.Expression,
): { readonly name: string; readonly length: bigint; readonly values?: readonly bigint[] } | undefined {
  const inner = bare(node);
  if (ts.isCallExpression(inner) && libraryName(world, inner.expression, CONTRACTS_FILE) === 'bytes')
    return bytesOf(world, inner);
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
    const list = listTable(world, symbol, declaration);
    if (list !== undefined) {
      world.tables.set(symbol, list);
      return list;
    }
    const array = arrayConstant(world, declaration.initializer);
    if (array === undefined) {
      const value = fold(world, declaration.initializer);
      world.constants.set(symbol, value);
      return value;
    }
    checkUses(world, symbol, declaration, span, onlyReads);
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
