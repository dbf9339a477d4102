/**
 * `DataView`: bytes that are read and written as integers of either byte order.
 *
 * A view is an array of bytes with other operations, so it becomes one: a read is the sum of its bytes, a write one
 * store for each. JavaScript throws where a read leaves the view and cuts a value that does not fit; here both are
 * obligations, the bounds of each byte and the range of the value.
 */
import { type ArrayVariable, type Expression, isArrayVariable, type Span, type Statement } from '../ir.ts';
import { type IntegerName, integer } from '../types.ts';
import { ts } from './compiler.ts';
import { coerce, lowerArray, lowerExpression, lowerInteger, operation } from './expressions.ts';
import { refuse } from './refuse.ts';
import { bare, declareVariable, read, type Scope, symbolOf } from './scope.ts';

const kinds: Readonly<Record<string, IntegerName>> = {
  Uint8: 'u8',
  Uint16: 'u16',
  Uint32: 'u32',
  Int8: 'i8',
  Int16: 'i16',
  Int32: 'i32',
};

const supported = `Supported are ${['get', 'set'].flatMap((verb) => Object.keys(kinds).map((kind) => verb + kind)).join(', ')} and byteLength.`;

interface Access {
  readonly view: ArrayVariable;
  readonly verb: 'get' | 'set';
  readonly type: IntegerName;
  readonly little: boolean;
}

/** The view that a method is called on. */
export function viewOf(scope: Scope, node: ts.Expression): ArrayVariable | undefined {
  const inner = bare(node);
  const symbol = ts.isIdentifier(inner) ? symbolOf(scope.world, inner) : undefined;
  const variable = symbol && scope.variables.get(symbol);
  return variable !== undefined && isArrayVariable(variable) && variable.type.name === 'DataView'
    ? variable
    : undefined;
}

function accessOf(scope: Scope, node: ts.CallExpression): Access {
  const span = scope.world.spanOf(node);
  if (!ts.isPropertyAccessExpression(node.expression))
    return refuse(span, 'this is no method of a DataView', supported);
  const name = node.expression.name.text;
  const match = /^(get|set)(U?[iI]nt\d+)$/.exec(name);
  if (match === null || !Object.hasOwn(kinds, match[2])) return refuse(span, `.${name} is not supported`, supported);
  const verb = match[1] as Access['verb'];
  const order = node.arguments[verb === 'get' ? 1 : 2];
  if (order !== undefined && order.kind !== ts.SyntaxKind.TrueKeyword && order.kind !== ts.SyntaxKind.FalseKeyword) {
    refuse(scope.world.spanOf(order), 'the byte order is no constant', 'Write true for little endian, or false.');
  }
  const view = lowerArray(scope, node.expression.expression);
  return { view, verb, type: kinds[match[2]], little: order?.kind === ts.SyntaxKind.TrueKeyword };
}

const bitsOf = (type: IntegerName): number => Number(type.slice(1));

/** Places of a value's bytes, the least significant first. */
function placesOf({ type, little }: Access): number[] {
  const bytes = bitsOf(type) / 8;
  return Array.from({ length: bytes }, (_, i) => (little ? i : bytes - 1 - i));
}

const constant = (value: bigint, span: Span): Expression => ({ kind: 'integer', value, type: integer('number'), span });

/** view.getUint16(at, true) and the like. */
export function lowerViewRead(scope: Scope, node: ts.CallExpression): Expression {
  const span = scope.world.spanOf(node);
  const access = accessOf(scope, node);
  if (access.verb === 'set') refuse(span, 'a write inside an expression', 'Write it as a statement of its own.');
  const at = lowerInteger(scope, node.arguments[0], 'number');
  const { view, type } = access;
  const sum = placesOf(access).map((place, i): Expression => {
    const index = place === 0 ? at : operation('add', [at, constant(BigInt(place), span)], span);
    const byte: Expression = { kind: 'element', array: view, index, type: view.type.element, span };
    return i === 0 ? byte : operation('multiply', [byte, constant(256n ** BigInt(i), span)], span);
  });
  const value = sum.reduce((a, b) => operation('add', [a, b], span));
  if (type.startsWith('u')) return { ...value, type: integer(type) } as Expression;
  const size = 2n ** BigInt(bitsOf(type));
  const negative = operation('atMost', [constant(size / 2n, span), value], span);
  const wrapped = operation('subtract', [value, constant(size, span)], span);
  const signed = integer(type);
  return { kind: 'conditional', condition: negative, whenTrue: wrapped, whenFalse: value, type: signed, span };
}

/** view.setUint16(at, value, true) and the like, as stores. */
export function lowerViewWrite(scope: Scope, node: ts.CallExpression): Statement[] {
  const span = scope.world.spanOf(node);
  const access = accessOf(scope, node);
  if (access.verb === 'get') return refuse(span, 'this statement has no effect', 'Use the value.');
  const { view, type } = access;
  if (view.type.readonly) refuse(span, `${view.name} may not be written`, 'Declare it as DataView.');
  const at = declareVariable(scope, undefined, 'offset', integer('number'), span);
  const value = declareVariable(scope, undefined, 'value', integer(type), span);
  const declared: Statement[] = [
    { kind: 'declare', variable: at, value: lowerInteger(scope, node.arguments[0], 'number'), span },
    { kind: 'declare', variable: value, value: coerce(lowerExpression(scope, node.arguments[1]), integer(type)), span },
  ];
  const stores = placesOf(access).map((place, i): Statement => {
    const index =
      place === 0 ? read(at, span) : operation('add', [read(at, span), constant(BigInt(place), span)], span);
    const shifted =
      i === 0 ? read(value, span) : operation('shiftRight', [read(value, span), constant(BigInt(8 * i), span)], span);
    const byte = operation('bitAnd', [shifted, constant(255n, span)], span);
    return { kind: 'store', array: view, index, value: coerce(byte, view.type.element), span };
  });
  return [...declared, ...stores];
}
