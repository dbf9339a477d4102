/**
 * Objects whose fields are written: `interface Cursor { at: u32; readonly end: u32 }`.
 *
 * Two names for one object could not be told apart, so an object has one name, like an array: a parameter, or a constant
 * that is given a new object. It is no value: its fields are read and written, it is passed to a function (where one of
 * two is written the other must be another one), and a local one may be returned, since its name ends there. It goes
 * into no other object and no second variable. Its fields hold values: integers, booleans, and records of those, but
 * nothing that may be undefined in a field that is written, because the compiler would still take it for tested after a
 * call has written it.
 */
import {
  type Argument,
  type ArrayVariable,
  type Expression,
  isObjectVariable,
  type ObjectVariable,
  ownedArrays,
  type Span,
  type Statement,
} from '../ir.ts';
import { type ObjectType, sameType, showType, type Type } from '../types.ts';
import { calleeOf, lowerCall } from './calls.ts';
import { ts } from './compiler.ts';
import { coerce, lowerCondition, lowerExpression } from './expressions.ts';
import { lowerObject } from './records.ts';
import { refuse } from './refuse.ts';
import { bare, read, type Scope, symbolOf, type World } from './scope.ts';
import { lowerType, withoutReadonly } from './types.ts';

const isWritable = (property: ts.Symbol): boolean => {
  const declaration = property.valueDeclaration;
  return (
    (property.flags & ts.SymbolFlags.Property) !== 0 &&
    (declaration === undefined || (ts.getCombinedModifierFlags(declaration) & ts.ModifierFlags.Readonly) === 0)
  );
};

/** Properties of a plain object type that may be written; none for other types. */
function writableOf({ checker }: World, type: ts.Type): readonly ts.Symbol[] {
  const plain =
    (type.flags & ts.TypeFlags.Object) !== 0 &&
    !type.isClass() &&
    !checker.isArrayType(type) &&
    !checker.isTupleType(type) &&
    checker.getIndexInfosOfType(type).length === 0 &&
    checker.getSignaturesOfType(type, ts.SignatureKind.Call).length === 0;
  return plain ? checker.getPropertiesOfType(type).filter(isWritable) : [];
}

/** Whether the compiler narrows nothing in a value of the type. */
export function isSteady(type: Type): boolean {
  if (type.kind === 'record') return !type.optional && type.fields.every((field) => isSteady(field.type));
  return type.kind === 'integer' || type.kind === 'boolean';
}

/** The type of a parameter, of a local variable or of a result, which may be an object's. */
export function lowerPlaceType(world: World, type: ts.Type, span: Span, place: 'parameter' | 'local' | 'result'): Type {
  const info = type.symbol && world.classes.get(type.symbol);
  if (info !== undefined) {
    if (place === 'result')
      refuse(span, `a ${info.name} is returned`, 'Let the caller make it, and pass it as a parameter.');
    return info.type;
  }
  if ((type.flags & ts.TypeFlags.TypeParameter) !== 0) return lowerType(world, type, span);
  const frozen = withoutReadonly(type);
  const shape = frozen ?? type;
  const writable = isLibraryType(shape) ? [] : writableOf(world, shape);
  // What is new and only read is a value; a parameter may be an object that its owner writes.
  if (writable.length === 0 || (frozen !== undefined && place !== 'parameter')) return lowerType(world, type, span);
  const record = lowerType(world, shape, span, 0, true);
  if (record.kind !== 'record') return refuse(span, `the type ${showType(record)} is not supported here`);
  const names = writable.map(({ name }) => name);
  for (const field of record.fields) {
    if (names.includes(field.name) && !isSteady(field.type))
      refuse(
        span,
        `the field ${field.name} can be written, and is of a type that the compiler narrows`,
        'Declare it readonly, or write integers, booleans and records of those.',
      );
  }
  return { kind: 'object', name: record.name, record, writable: names, readonly: frozen !== undefined };
}

/** Typed arrays and the like, whose fields are not for us. */
const isLibraryType = (type: ts.Type): boolean =>
  type.symbol?.declarations?.[0]?.getSourceFile().fileName.startsWith('/casemate:') === true;

/** The object that an expression names. */
export function objectOf(scope: Scope, node: ts.Expression): ObjectVariable | undefined {
  const inner = bare(node);
  if (inner.kind === ts.SyntaxKind.ThisKeyword) return scope.self;
  const symbol = ts.isIdentifier(inner) ? symbolOf(scope.world, inner) : undefined;
  const variable = symbol && scope.variables.get(symbol);
  return variable !== undefined && isObjectVariable(variable) ? variable : undefined;
}

/** The array of an object that an expression names: ring.bytes. */
export function ownedArrayOf(scope: Scope, node: ts.Expression): ArrayVariable | undefined {
  const inner = bare(node);
  if (!ts.isPropertyAccessExpression(inner) || inner.questionDotToken !== undefined) return undefined;
  const object = objectOf(scope, inner.expression);
  const at = object?.type.arrays?.findIndex(({ name }) => name === inner.name.text) ?? -1;
  return object === undefined || at < 0 ? undefined : ownedArrays(object)[at];
}

/** An object as an argument. */
export function lowerObjectArgument(scope: Scope, node: ts.Expression, type: ObjectType, parameter: string): Argument {
  const span = scope.world.spanOf(node);
  const object = objectOf(scope, node);
  // What is only read may be a value as well, which nobody writes.
  if (object === undefined && type.readonly && type.class === undefined)
    return coerce(lowerExpression(scope, node), type.record);
  if (object === undefined)
    return refuse(
      span,
      `${parameter} is an object, and this is not the name of one`,
      `Give it a name: const object: ${type.name} = { ... };`,
    );
  if (!sameType(object.type.record, type.record) || object.type.class !== type.class)
    refuse(
      span,
      `a ${showType(object.type)} where ${showType(type)} is expected`,
      'An object is passed as it is: declare both of one type.',
    );
  if (!type.readonly && object.type.readonly)
    refuse(
      span,
      `${object.name} may not be written, and the parameter ${parameter} may`,
      `Declare the parameter as Readonly<${type.name}> if it is only read.`,
    );
  const missing = type.readonly ? undefined : type.writable.find((field) => !object.type.writable.includes(field));
  if (missing !== undefined)
    refuse(span, `the field ${missing} of ${object.name} is readonly, and the parameter's may be written`);
  return { kind: 'object', object, type: object.type, span };
}

/** A new object, which has no name yet: as the record of its fields. */
export function lowerFresh(scope: Scope, node: ts.Expression, type: ObjectType, returned = false): Expression {
  const span = scope.world.spanOf(node);
  const inner = bare(node);
  if (ts.isObjectLiteralExpression(inner)) return coerce(lowerObject(scope, inner), type.record);
  if (ts.isConditionalExpression(inner)) {
    return {
      kind: 'conditional',
      condition: lowerCondition(scope, inner.condition),
      whenTrue: lowerFresh(scope, inner.whenTrue, type, returned),
      whenFalse: lowerFresh(scope, inner.whenFalse, type, returned),
      type: type.record,
      span,
    };
  }
  if (ts.isCallExpression(inner)) {
    const header = calleeOf(scope, inner)?.header;
    const value = lowerCall(scope, inner);
    if (header?.result.kind === 'object') return exactly(value, type, span);
  }
  const object = objectOf(scope, inner);
  if (returned && object !== undefined) {
    if (scope.header.parameters.some(({ id }) => id === object.id))
      refuse(
        span,
        `the parameter ${object.name} is returned`,
        'Its owner would have two names for it: return a new object.',
      );
    return exactly(read(object, span), type, span);
  }
  return refuse(
    span,
    'this is not a new object, so it would have two names',
    'Write an object literal, or a call of a function that makes one.',
  );
}

/** An object is taken as it is: nobody makes fields of other types of it. */
function exactly(value: Expression, type: ObjectType, span: Span): Expression {
  if (!sameType(value.type, type.record))
    refuse(span, `a ${showType(value.type)} where ${showType(type)} is expected`, 'Declare both of one type.');
  return value;
}

/** object.field = value */
export function lowerSet(
  scope: Scope,
  object: ObjectVariable,
  target: ts.PropertyAccessExpression,
  span: Span,
  value: (present: () => Expression) => Expression,
): Statement {
  const at = scope.world.spanOf(target);
  const name = target.name.text;
  const field = object.type.record.fields.find((one) => one.name === name);
  if (field === undefined) return refuse(at, `the object has no field ${name}`);
  if (object.type.readonly || !object.type.writable.includes(name))
    refuse(at, `${object.name}.${name} may not be written`, 'Declare the field without readonly.');
  const present = (): Expression => ({ kind: 'field', operand: read(object, at), name, type: field.type, span: at });
  return { kind: 'set', object, field: name, value: coerce(value(present), field.type), span };
}
