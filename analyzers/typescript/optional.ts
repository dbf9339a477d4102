/**
 * `T | undefined`: a record of whether there is a value and of the value, which means nothing when there is none.
 *
 * The compiler narrows: where it knows that a variable is not undefined, the name means the value; the prover is asked
 * whether there is one. Only local variables, parameters and readonly fields are narrowed here, which nothing changes
 * behind the compiler's back.
 */
import type { Expression, Span } from '../ir.ts';
import { boolean, type RecordType, type Type } from '../types.ts';
import { ts } from './compiler.ts';
import { refuse } from './refuse.ts';
import type { Scope } from './scope.ts';

/** The type of `undefined` by itself, before it is known of what. */
const none: RecordType = {
  kind: 'record',
  name: 'undefined',
  optional: true,
  fields: [{ name: 'present', type: boolean }],
};

export const isOptional = (type: Type): type is RecordType & { readonly optional: true } =>
  type.kind === 'record' && type.optional === true;

export function optionalOf(type: Type, name: string, span: Span): RecordType {
  if (type.kind === 'array' || type.kind === 'void' || isOptional(type)) {
    return refuse(span, `the type ${name} is not supported`, 'Only integers, booleans and records may be undefined.');
  }
  return {
    kind: 'record',
    name,
    optional: true,
    fields: [
      { name: 'present', type: boolean },
      { name: 'value', type },
    ],
  };
}

const truth = (value: boolean, span: Span): Expression => ({ kind: 'boolean', value, type: boolean, span });

/** `undefined`, written. */
export const absent = (span: Span): Expression => ({ kind: 'record', type: none, fields: [truth(false, span)], span });

export const isUndefined = (node: ts.Expression): boolean => ts.isIdentifier(node) && node.text === 'undefined';

const field = (operand: Expression, name: string, type: Type): Expression => ({
  kind: 'field',
  operand,
  name,
  type,
  span: operand.span,
});

export const presentIn = (optional: Expression): Expression => field(optional, 'present', boolean);
export const valueIn = (optional: Expression & { readonly type: Type }): Expression => {
  const { type } = optional;
  if (!isOptional(type) || type.fields.length < 2) return refuse(optional.span, 'this is always undefined');
  return field(optional, 'value', type.fields[1].type);
};

/** Some value of a type, for the place of one that is not there. */
export function anyValue(type: Type, span: Span): Expression {
  switch (type.kind) {
    case 'integer':
      return { kind: 'integer', value: 0n, type, span };
    case 'boolean':
      return truth(false, span);
    case 'enumeration':
      return { kind: 'member', value: 0n, type, span };
    case 'record':
      return { kind: 'record', type, fields: type.fields.map((one) => anyValue(one.type, span)), span };
    default:
      return refuse(span, 'no value of this type can be missing');
  }
}

/** The expression as a `T | undefined`; `coerce` makes a T. */
export function coerceOptional(
  expression: Expression,
  type: RecordType,
  coerce: (expression: Expression, type: Type) => Expression,
): Expression {
  const inner = type.fields[1].type;
  const { span } = expression;
  if (!isOptional(expression.type)) {
    return { kind: 'record', type, fields: [truth(true, span), coerce(expression, inner)], span };
  }
  if (expression.type.fields.length < 2) {
    return { kind: 'record', type, fields: [truth(false, span), anyValue(inner, span)], span };
  }
  const value = coerce(valueIn(expression), inner);
  // A value that is not there has the type's range all the same.
  if (value.kind === 'field') return { ...expression, type } as Expression;
  const guarded: Expression = {
    kind: 'conditional',
    condition: presentIn(expression),
    whenTrue: value,
    whenFalse: anyValue(inner, span),
    type: inner,
    span,
  };
  return { kind: 'record', type, fields: [presentIn(expression), guarded], span };
}

/** The value, where the compiler knows that there is one. */
export function narrowed(scope: Scope, node: ts.Expression, expression: Expression): Expression {
  if (!isOptional(expression.type)) return expression;
  const known = scope.world.checker.getTypeAtLocation(node);
  const parts = known.isUnion() ? known.types : [known];
  return parts.some((part) => (part.flags & ts.TypeFlags.Undefined) !== 0) ? expression : valueIn(expression);
}
