/**
 * The types of the verified subset of TypeScript.
 *
 * Integers carry the range that their brand promises. `number` means a safe integer, the numbers on which a double
 * counts without gaps; `bigint` has no bound. Types are plain data and are compared by what they say. -0 is the integer
 * 0: nothing in the subset can tell them apart.
 */

/** Names as the `casemate` module exports them, and TypeScript's own two. */
export type IntegerName = 'u8' | 'u16' | 'u32' | 'i8' | 'i16' | 'i32' | 'number' | 'u64' | 'i64' | 'bigint';

/** What a value of an integer type is at run time. */
export type Domain = 'number' | 'bigint';

export interface IntegerType {
  readonly kind: 'integer';
  readonly name: IntegerName;
}

/** What a literal may be that names a member of an enumeration. */
export type Member = string | bigint | boolean;

/**
 * One of a closed list: an enum, a union of strings, the tag of a union of records. A value is its place in `members`,
 * which are sorted, so that two types with the same members are one type.
 */
export interface EnumerationType {
  readonly kind: 'enumeration';
  readonly name: string;
  readonly members: readonly Member[];
}

/**
 * A typed array: its name, what it holds, and whether it may be written through this name; or a list, an array of values
 * that nobody writes.
 */
export interface ArrayType {
  readonly kind: 'array';
  readonly name: string;
  /** An integer, but in a list. */
  readonly element: Type;
  readonly readonly: boolean;
  readonly list?: true;
}

export interface Field {
  /** Unique in its type. */
  readonly name: string;
  readonly type: Type;
  /** In a union: the places of the tag at which the field is there. What it holds elsewhere means nothing. */
  readonly where?: readonly bigint[];
  /** In a union: its name in the source, if another variant has one of that name and another type. */
  readonly written?: string;
}

/** An object that nobody changes: fields in the order of their declaration. */
export interface RecordType {
  readonly kind: 'record';
  readonly name: string;
  /** A `T | undefined`: the fields are `present` and, except for `undefined` itself, `value`. */
  readonly optional?: true;
  /** One of several records: the first field is the tag, an enumeration, and says which of the others are there. */
  readonly union?: true;
  readonly fields: readonly Field[];
}

/**
 * An object with fields that are written. Like an array it is not a value but known by a variable, and has one name;
 * what its fields hold is a record.
 */
export interface ObjectType {
  readonly kind: 'object';
  readonly name: string;
  readonly record: RecordType;
  /** Names of the fields that may be written. */
  readonly writable: readonly string[];
  /** Nothing is written through this name. */
  readonly readonly: boolean;
  /** FILE#NAME of its class, if it has one. */
  readonly class?: string;
  /** Arrays that the object made and that nobody else holds. */
  readonly arrays?: readonly { readonly name: string; readonly type: ArrayType }[];
}

export type Type =
  | IntegerType
  | { readonly kind: 'boolean' }
  | EnumerationType
  | ArrayType
  | RecordType
  | ObjectType
  | { readonly kind: 'void' };

export interface Range {
  /** Undefined: no bound. Both ends are part of it. */
  readonly low?: bigint;
  readonly high?: bigint;
}

const unsigned = (bits: bigint): Range => ({ low: 0n, high: 2n ** bits - 1n });
const signed = (bits: bigint): Range => ({ low: -(2n ** (bits - 1n)), high: 2n ** (bits - 1n) - 1n });

const integers: Readonly<Record<IntegerName, { readonly domain: Domain; readonly range: Range }>> = {
  u8: { domain: 'number', range: unsigned(8n) },
  u16: { domain: 'number', range: unsigned(16n) },
  u32: { domain: 'number', range: unsigned(32n) },
  i8: { domain: 'number', range: signed(8n) },
  i16: { domain: 'number', range: signed(16n) },
  i32: { domain: 'number', range: signed(32n) },
  number: { domain: 'number', range: { low: -(2n ** 53n - 1n), high: 2n ** 53n - 1n } },
  u64: { domain: 'bigint', range: unsigned(64n) },
  i64: { domain: 'bigint', range: signed(64n) },
  bigint: { domain: 'bigint', range: {} },
};

/** All integer types' names. */
export const integerNames = Object.keys(integers) as readonly IntegerName[];

export const boolean: Type = { kind: 'boolean' };
export const nothing: Type = { kind: 'void' };
export const integer = (name: IntegerName): IntegerType => ({ kind: 'integer', name });
export const listOf = (element: Type): ArrayType => ({
  kind: 'array',
  name: `readonly ${showType(element)}[]`,
  element,
  readonly: true,
  list: true,
});

/** One of the scalars that a value of a type is made of. */
export interface Leaf {
  /** From the value to it: '' or `.field.field`. */
  readonly path: string;
  readonly type: Type;
}

/** In the order of the fields. */
export function leavesOf(type: Type, path = ''): Leaf[] {
  return type.kind === 'record'
    ? type.fields.flatMap((field) => leavesOf(field.type, `${path}.${field.name}`))
    : [{ path, type }];
}

/** An enumeration of these members, whatever their order. */
export function enumeration(name: string, members: readonly Member[]): EnumerationType {
  const rank = (member: Member): number => ['boolean', 'bigint', 'string'].indexOf(typeof member);
  const sorted = [...new Set(members)].sort((a, b) => rank(a) - rank(b) || (a < b ? -1 : a > b ? 1 : 0));
  return { kind: 'enumeration', name, members: sorted };
}

/** Where a member stands; undefined when it is none. */
export function placeOf({ members }: EnumerationType, member: Member): bigint | undefined {
  const at = members.indexOf(member);
  return at < 0 ? undefined : BigInt(at);
}

export const showMember = (member: Member): string =>
  typeof member === 'string' ? JSON.stringify(member) : String(member);

export const domainOf = (type: IntegerType): Domain => integers[type.name].domain;
export const rangeOf = (name: IntegerName): Range => integers[name].range;

/** Element types of the typed arrays that are modelled, by name. The clamped and the floating ones are not. */
export const typedArrays: Readonly<Record<string, IntegerName>> = {
  Uint8Array: 'u8',
  Uint16Array: 'u16',
  Uint32Array: 'u32',
  Int8Array: 'i8',
  Int16Array: 'i16',
  Int32Array: 'i32',
  BigUint64Array: 'u64',
  BigInt64Array: 'i64',
};

/** No typed array is longer than this; Node's own limit is smaller. */
export const LONGEST_ARRAY = 2n ** 32n;

/** Whether a value lies in a range. */
export function inRange(value: bigint, { low, high }: Range): boolean {
  return (low === undefined || low <= value) && (high === undefined || value <= high);
}

/** Whether all of one range lies in another. */
export function within(inner: Range, outer: Range): boolean {
  const lowHolds = outer.low === undefined || (inner.low !== undefined && outer.low <= inner.low);
  const highHolds = outer.high === undefined || (inner.high !== undefined && inner.high <= outer.high);
  return lowHolds && highHolds;
}

/** The type of what a variable of the type holds: of an object, the record of its fields. */
export const valueType = (type: Type): Type => (type.kind === 'object' ? type.record : type);

/** Whether values of two types are made alike: the same fields in the same order, of the same ranges and members. */
export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'integer') return b.kind === 'integer' && a.name === b.name;
  if (a.kind === 'enumeration') return b.kind === 'enumeration' && sameMembers(a, b);
  if (a.kind === 'array') return b.kind === 'array' && sameArray(a, b) && a.readonly === b.readonly;
  if (a.kind === 'object')
    return (
      b.kind === 'object' &&
      a.readonly === b.readonly &&
      a.class === b.class &&
      sameType(a.record, b.record) &&
      a.writable.join() === b.writable.join()
    );
  if (a.kind !== 'record') return a.kind === b.kind;
  return (
    b.kind === 'record' &&
    a.optional === b.optional &&
    a.union === b.union &&
    a.fields.length === b.fields.length &&
    a.fields.every((field, i) => sameField(field, b.fields[i]))
  );
}

/** Whether two arrays hold the same; one of them may be writable and the other not. */
export const sameArray = (a: ArrayType, b: ArrayType): boolean =>
  a.list === b.list && (a.list ? sameType(a.element, b.element) : a.name === b.name);

const sameField = (a: Field, b: Field): boolean =>
  a.name === b.name &&
  a.written === b.written &&
  String(a.where ?? []) === String(b.where ?? []) &&
  sameType(a.type, b.type);

export const sameMembers = (a: EnumerationType, b: EnumerationType): boolean =>
  a.members.length === b.members.length && a.members.every((member, i) => member === b.members[i]);

/** A type as TypeScript spells it. */
export function showType(type: Type): string {
  switch (type.kind) {
    case 'integer':
      return type.name;
    case 'boolean':
      return 'boolean';
    case 'array':
      return type.readonly && !type.list ? `Readonly<${type.name}>` : type.name;
    case 'record':
    case 'enumeration':
      return type.name;
    case 'object':
      return type.readonly ? `Readonly<${type.name}>` : type.name;
    case 'void':
      return 'void';
  }
}
