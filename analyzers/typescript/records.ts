/** Records and tuples: how they are made and read. An array's length and an enum's member are spelled alike, so they are here too. */
import { type Expression, isArrayVariable, type Span } from '../ir.ts';
import { integer, showType, type Type } from '../types.ts';
import { GLOBALS_FILE, ts } from './compiler.ts';
import { lowerConstant } from './constants.ts';
import { lowerEnumMember } from './enums.ts';
import { lowerArray, lowerExpression, lowerInteger } from './expressions.ts';
import { objectOf, ownedArrayOf } from './objects.ts';
import { narrowed } from './optional.ts';
import { refuse } from './refuse.ts';
import { bare, libraryName, read, readable, type Scope, symbolOf } from './scope.ts';
import { isUnion, lowerUnionField } from './unions.ts';

const spanOf = (scope: Scope, node: ts.Node): Span => scope.world.spanOf(node);

export function lowerProperty(scope: Scope, node: ts.PropertyAccessExpression): Expression {
  const span = spanOf(scope, node);
  if (node.questionDotToken !== undefined) refuse(span, '?. is not supported', 'Test for undefined with if.');
  const name = node.name.text;
  if (libraryName(scope.world, node.expression, GLOBALS_FILE) === 'Number') {
    if (name === 'MAX_SAFE_INTEGER') return { kind: 'integer', value: 2n ** 53n - 1n, type: integer('number'), span };
    if (name === 'MIN_SAFE_INTEGER') return { kind: 'integer', value: 1n - 2n ** 53n, type: integer('number'), span };
  }
  const member = lowerEnumMember(scope.world, node);
  if (member !== undefined) return member;
  const inner = bare(node.expression);
  const symbol = ts.isIdentifier(inner) ? symbolOf(scope.world, inner) : undefined;
  const named = ownedArrayOf(scope, inner) ?? (symbol && scope.variables.get(symbol));
  const isArray = named !== undefined ? isArrayVariable(named) : symbol !== undefined && isTable(scope, symbol, span);
  if (isArray) {
    if (name === (named?.type.kind === 'array' && named.type.name === 'DataView' ? 'byteLength' : 'length'))
      return { kind: 'length', array: lowerArray(scope, node.expression), type: integer('number'), span };
    refuse(
      span,
      `.${name} of an array is not supported`,
      name === 'subarray' || name === 'buffer'
        ? 'Two names for one memory cannot be told apart: pass the array with an offset.'
        : 'Read elements and length; write a loop for the rest.',
    );
  }
  const object = objectOf(scope, node.expression);
  const operand =
    object === undefined ? lowerExpression(scope, node.expression) : read(object, spanOf(scope, node.expression));
  if (operand.type.kind !== 'record')
    refuse(span, `.${name} of a value of type ${showType(operand.type)}`, 'Only records have fields.');
  if (isUnion(operand.type)) return narrowed(scope, node, lowerUnionField(scope, node, operand));
  const field = operand.type.fields.find((candidate) => candidate.name === name);
  if (field === undefined) return refuse(span, `the record has no field ${name}`);
  return narrowed(scope, node, { kind: 'field', operand, name, type: field.type, span });
}

function isTable(scope: Scope, symbol: ts.Symbol, span: Span): boolean {
  const constant = lowerConstant(scope.world, symbol, span);
  return constant !== undefined && 'values' in constant;
}

/** A place of a tuple, by a constant. */
export function lowerPlace(scope: Scope, node: ts.ElementAccessExpression, span: Span): Expression {
  const operand = lowerExpression(scope, node.expression);
  const index = lowerInteger(scope, node.argumentExpression, 'number');
  if (operand.type.kind !== 'record' || index.kind !== 'integer')
    return refuse(span, 'the place in a tuple is no constant', 'Write a number.');
  const field = operand.type.fields.find(({ name }) => name === String(index.value));
  if (field === undefined) return refuse(span, `the tuple has no place ${index.value}`);
  return { kind: 'field', operand, name: field.name, type: field.type, span };
}

export function lowerTuple(scope: Scope, node: ts.ArrayLiteralExpression): Expression {
  const span = spanOf(scope, node);
  if (
    node.elements.length === 0 ||
    node.elements.some((element) => ts.isSpreadElement(element) || ts.isOmittedExpression(element))
  ) {
    refuse(span, 'an array literal that is no tuple', 'Write each value, or a typed array: new Uint8Array([1, 2]).');
  }
  const fields = node.elements.map((element) => lowerExpression(scope, element));
  const type: Type = {
    kind: 'record',
    name: 'a tuple',
    fields: fields.map((field, i) => ({ name: String(i), type: field.type })),
  };
  return { kind: 'record', type, fields, span };
}

export function lowerObject(scope: Scope, node: ts.ObjectLiteralExpression): Expression {
  const span = spanOf(scope, node);
  const fields = node.properties.map((property): { name: string; value: Expression } => {
    if (ts.isPropertyAssignment(property) && ts.isIdentifier(property.name)) {
      return { name: property.name.text, value: lowerExpression(scope, property.initializer) };
    }
    if (ts.isShorthandPropertyAssignment(property) && property.objectAssignmentInitializer === undefined) {
      const symbol = scope.world.checker.getShorthandAssignmentValueSymbol(property);
      const variable = symbol && scope.variables.get(symbol);
      if (variable !== undefined && variable.type.kind !== 'array')
        return {
          name: property.name.text,
          value: narrowed(scope, property.name, readable(scope, variable, spanOf(scope, property))),
        };
    }
    return refuse(spanOf(scope, property), 'this kind of member is not supported', 'Write name: value.');
  });
  const names = new Set(fields.map(({ name }) => name));
  if (names.size !== fields.length || names.has('__proto__')) refuse(span, 'a field is given twice, or is __proto__');
  const type: Type = {
    kind: 'record',
    name: 'a record',
    fields: fields.map(({ name, value }) => ({ name, type: value.type })),
  };
  return { kind: 'record', type, fields: fields.map(({ value }) => value), span };
}
