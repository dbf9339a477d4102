/**
 * Values of the interpreter as Node.js has them, and the words that a value is made of: the same ones whether the
 * interpreter, Node.js or C has it. What a union or a `T | undefined` holds besides means nothing, and has no word.
 */
import { transformSync } from 'esbuild';
import { isArrayValue, type Value } from '../../analyzers/interpreter/values.ts';
import { type ArrayType, domainOf, type Field, type RecordType, type Type } from '../../analyzers/types.ts';

/** Whether a field is there, where the first of its record has this value. */
export const isThere = ({ optional }: RecordType, { where }: Field, at: number, first: Value): boolean =>
  optional ? at === 0 || first === true : (where?.some((place) => place === first) ?? true);

const isTuple = ({ fields, optional }: RecordType): boolean =>
  optional !== true && fields.length > 0 && fields.every(({ name }, i) => name === String(i));

type TypedArray = { readonly length: number; [index: number]: number | bigint };

function nativeArray(elements: readonly Value[], type: ArrayType): unknown {
  const natives = elements.map((one) => nativeValue(one, type.element));
  if (type.list) return natives;
  if (type.name === 'DataView') return new DataView(Uint8Array.from(natives as number[]).buffer);
  const made = globalThis[type.name as 'Uint8Array'] as unknown as { from: (of: unknown[]) => TypedArray };
  return made.from(natives);
}

/** A value as Node.js has it. */
export function nativeValue(value: Value, type: Type): unknown {
  switch (type.kind) {
    case 'integer':
      return domainOf(type) === 'bigint' ? value : Number(value);
    case 'boolean':
      return value;
    case 'enumeration': {
      const member = type.members[Number(value)];
      return typeof member === 'bigint' ? Number(member) : member;
    }
    case 'array':
      return isArrayValue(value) ? nativeArray(value.elements, type) : undefined;
    case 'object':
      return nativeValue(value, type.record);
    case 'record': {
      if (typeof value !== 'object' || isArrayValue(value)) throw new TypeError('no record');
      const { fields } = value;
      if (type.optional) return fields[0] === true ? nativeValue(fields[1], type.fields[1].type) : undefined;
      const there = type.fields.flatMap((field, i) =>
        isThere(type, field, i, fields[0]) ? [[field.written ?? field.name, nativeValue(fields[i], field.type)]] : [],
      );
      return isTuple(type) ? there.map(([, own]) => own) : Object.fromEntries(there);
    }
    case 'void':
      return undefined;
  }
}

/** The words of a value of the interpreter. */
export function wordsOf(value: Value, type: Type): string[] {
  if (isArrayValue(value)) {
    const { element } = type as ArrayType;
    return value.elements.flatMap((one) => wordsOf(one, element));
  }
  if (typeof value !== 'object') return [String(BigInt(value))];
  const record = type.kind === 'object' ? type.record : (type as RecordType);
  return record.fields.flatMap((field, i) =>
    isThere(record, field, i, value.fields[0]) ? wordsOf(value.fields[i], field.type) : [],
  );
}

/** The words of a value of Node.js. */
export function wordsOfNative(value: unknown, type: Type): string[] {
  switch (type.kind) {
    case 'void':
      return [];
    case 'integer':
    case 'boolean':
      return [String(BigInt(value as number))];
    case 'enumeration':
      return [String(type.members.indexOf(typeof value === 'number' ? BigInt(value) : (value as string)))];
    case 'array': {
      const elements = value instanceof DataView ? new Uint8Array(value.buffer) : (value as unknown[]);
      return Array.from(elements as Iterable<unknown>).flatMap((one) => wordsOfNative(one, type.element));
    }
    case 'object':
      return wordsOfNative(value, type.record);
    case 'record': {
      if (type.optional) return value === undefined ? ['0'] : ['1', ...wordsOfNative(value, type.fields[1].type)];
      const fields = value as Readonly<Record<string, unknown>>;
      const [first] = type.fields;
      const tag = type.union ? BigInt(wordsOfNative(fields[first.name], first.type)[0]) : false;
      return type.fields.flatMap((field, i) =>
        isThere(type, field, i, tag) ? wordsOfNative(fields[field.written ?? field.name], field.type) : [],
      );
    }
  }
}

/** What of `casemate` code calls, doing nothing. */
const contracts = `const invariant = (..._: unknown[]) => {};
const [assert, decreases, table] = [invariant, invariant, (all: unknown) => all];
`;

/** The exports of a module as Node.js runs it. */
export function compiled(text: string): Readonly<Record<string, (...args: unknown[]) => unknown>> {
  const { code } = transformSync(contracts + text, { loader: 'ts', format: 'cjs' });
  const module = { exports: {} };
  new Function('module', 'exports', code)(module, module.exports);
  return module.exports;
}
