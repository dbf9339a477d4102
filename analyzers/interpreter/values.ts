/**
 * Values of the interpreter: integers as bigints whatever they are at run time, so that no sum is ever rounded; members
 * of enumerations by their places.
 */
import type { Constant } from '../ir.ts';
import { type ArrayType, inRange, rangeOf, showMember, showType, type Type } from '../types.ts';

/** An array with identity; its elements change. */
export interface ArrayValue {
  readonly kind: 'array';
  readonly type: ArrayType;
  readonly elements: Value[];
}

/** Fields in the order of the type. Those of a record stay as they are; an object, which has identity, changes them. */
export interface FieldsValue {
  readonly kind: 'fields';
  readonly fields: Value[];
}

/** What a value holds now: the arrays and objects in it are others. */
export function copyValue(value: Value): Value {
  if (isArrayValue(value)) return { ...value, elements: [...value.elements] };
  return typeof value === 'object' ? { kind: 'fields', fields: value.fields.map(copyValue) } : value;
}

/** A constant as a value. */
export const constantValue = (constant: Constant): Value =>
  typeof constant === 'object' ? { kind: 'fields', fields: constant.fields.map(constantValue) } : constant;

export type Value = bigint | boolean | ArrayValue | FieldsValue;

export const isArrayValue = (value: Value): value is ArrayValue => typeof value === 'object' && value.kind === 'array';

/** Whether a value is one of the type. */
export function isOfType(value: Value, type: Type): boolean {
  switch (type.kind) {
    case 'integer':
      return typeof value === 'bigint' && inRange(value, rangeOf(type.name));
    case 'boolean':
      return typeof value === 'boolean';
    case 'enumeration':
      return typeof value === 'bigint' && value >= 0n && value < BigInt(type.members.length);
    case 'array':
      return isArrayValue(value) && value.elements.every((element) => isOfType(element, type.element));
    case 'record':
      return (
        typeof value === 'object' &&
        value.kind === 'fields' &&
        value.fields.length === type.fields.length &&
        value.fields.every((field, i) => isOfType(field, type.fields[i].type))
      );
    case 'object':
      return isOfType(value, type.record);
    case 'void':
      return false;
  }
}

/** A value as TypeScript would write it; long arrays are cut. */
export function showValue(value: Value, type: Type): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') {
    if (type.kind === 'enumeration') return showMember(type.members[Number(value)] ?? value);
    const big = type.kind === 'integer' && ['u64', 'i64', 'bigint'].includes(type.name);
    return `${value}${big ? 'n' : ''}`;
  }
  if (isArrayValue(value)) {
    const shown = value.elements.slice(0, 16).map((element) => showValue(element, value.type.element));
    const rest = value.elements.length > 16 ? `, ... ${value.elements.length} in all` : '';
    return `${value.type.name} [${shown.join(', ')}${rest}]`;
  }
  if (type.kind === 'object') return showValue(value, type.record);
  if (type.kind !== 'record') return showType(type);
  if (type.optional) return value.fields[0] === true ? showValue(value.fields[1], type.fields[1].type) : 'undefined';
  const shown = type.fields.flatMap(({ name, written, type: of, where }, i) =>
    where?.some((place) => place === value.fields[0]) === false
      ? []
      : [`${written ?? name}: ${showValue(value.fields[i], of)}`],
  );
  return `{ ${shown.join(', ')} }`;
}
