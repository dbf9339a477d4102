/**
 * C's types for the types of a program, each defined once and named as in the source: records and unions as structs,
 * closed lists of values as integers with a name for each member, slices of what lists hold; and the functions that make
 * a value of one of them from one of another.
 *
 * A union is a struct of its tag and of the fields of all of its records. It could share their memory, but then reading a
 * field of another record, which the language does where it means nothing, would be reading what is not there.
 */
import { type Conversion, conversionOf } from '../../analyzers/conversions.ts';
import type { Constant, Span } from '../../analyzers/ir.ts';
import {
  type ArrayType,
  type EnumerationType,
  type IntegerType,
  type RecordType,
  showMember,
  type Type,
  typedArrays,
} from '../../analyzers/types.ts';
import { refuse } from '../../analyzers/typescript/refuse.ts';
import { identifier } from './names.ts';
import { elementOf, type Scalar, scalarTypes, sliceType } from './prelude.ts';
import { literal } from './text.ts';

interface At {
  readonly span: Span;
}

export interface CTypes {
  /** C's spelling of a type; what has none is refused at `at`. */
  readonly spell: (type: Type, at: At) => string;
  readonly record: (type: RecordType) => string;
  readonly slice: (type: ArrayType) => string;
  /** The name of a member, by its place. */
  readonly member: (type: EnumerationType, place: bigint) => string;
  /** A function from one record to another whose fields hold as much, or more. */
  readonly widening: (from: RecordType, to: RecordType) => string;
  /** A function from a member of an enumeration, or a number, to what it is as the other type; undefined: a cast is. */
  readonly conversion: (from: Type, to: IntegerType | EnumerationType) => string | undefined;
  /** For the header, each after those that it uses. */
  readonly definitions: () => readonly string[];
  /** For the source. */
  readonly functions: () => readonly string[];
}

/** C's name of a field. A tuple's are their positions, and what a union has twice is told apart by the tag's places. */
export const fieldName = (name: string): string =>
  /^\d+$/.test(name) ? `item${name}` : identifier(name.replace(/^#/, '').replace(/\./g, '_'));

/** What tells types apart that C must tell apart. */
function shape(type: Type): string {
  switch (type.kind) {
    case 'record':
      return `${type.optional ? '?' : ''}{${type.fields.map(({ name, type: of }) => `${name}:${shape(of)}`).join(',')}}`;
    case 'integer':
      return type.name;
    case 'enumeration':
      return `<${type.members.map(showMember).join(',')}>`;
    case 'array':
      return `${shape(type.element)}[]`;
    default:
      return type.kind;
  }
}

/** The words of a name, if it is one that C can have something like: Point, Option<u8>, Shape["kind"]. */
const plainName = (name: string, otherwise: string): string =>
  /^[A-Za-z_$][\w$]*(<[\w$, ]+>|\["\w+"\])?$/.test(name) ? name.replace(/["[\]]+/g, '.') : otherwise;

const LONGEST_MEMBER = 40;

/** A constant as C has it, in an initializer. */
export function constantText(types: CTypes, value: Constant, type: Type): string {
  if (typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return type.kind === 'enumeration' ? types.member(type, value) : literal(value).text;
  if (type.kind !== 'record') throw new TypeError('no record');
  const fields = type.fields.map(
    (field, i) => `.${fieldName(field.name)} = ${constantText(types, value.fields[i], field.type)}`,
  );
  return `{ ${fields.join(', ')} }`;
}

/** A member as the end of a name. */
const memberWord = (member: EnumerationType['members'][number]): string =>
  String(member).replace(/^-/, 'minus_').slice(0, LONGEST_MEMBER);

/** All tags that are truths are of one type. */
const enumerationName = ({ name, members }: EnumerationType): string =>
  members.every((member) => typeof member === 'boolean') ? 'truth' : plainName(name, 'choice');

/** The narrowest integer that holds the place of each member. */
const placeType = ({ members }: EnumerationType): string =>
  members.length <= 0x100 ? 'uint8_t' : members.length <= 0x10000 ? 'uint16_t' : 'uint32_t';

/** Bytes of the C types of scalars. */
const scalarBytes: Readonly<Record<string, number>> = {
  ...{ uint8_t: 1, int8_t: 1, uint16_t: 2, int16_t: 2, uint32_t: 4, int32_t: 4, uint64_t: 8, int64_t: 8 },
};

/**
 * Bytes that a function returns in the first register of integers, on every machine of 64 bits; 0: it returns nothing.
 * Undefined: its result is in others as well, or in memory.
 */
export function returnedBytes(type: Type): number | undefined {
  switch (type.kind) {
    case 'void':
      return 0;
    case 'boolean':
      return 1;
    case 'object':
      return 8;
    case 'enumeration':
      return scalarBytes[placeType(type)];
    case 'integer':
      return type.name === 'bigint' ? undefined : scalarBytes[scalarTypes[type.name]];
    default:
      return undefined;
  }
}

interface Layout {
  readonly size: number;
  readonly align: number;
}

const upTo = (size: number, align: number): number => Math.ceil(size / align) * align;

/** Bytes that a type of C takes in memory, on every machine of 64 bits. */
function layoutOf(type: Type): Layout {
  const word = (size: number): Layout => ({ size, align: size });
  switch (type.kind) {
    case 'boolean':
    case 'void':
      return word(1);
    case 'object':
      return word(8);
    case 'array':
      return { size: 16, align: 8 };
    case 'enumeration':
      return word(scalarBytes[placeType(type)]);
    case 'integer':
      if (type.name === 'bigint') throw new TypeError('a bigint without a bound');
      return word(scalarBytes[scalarTypes[type.name]]);
    case 'record': {
      let size = 0;
      let align = 1;
      for (const { type: of } of type.fields) {
        const field = layoutOf(of);
        size = upTo(size, field.align) + field.size;
        align = Math.max(align, field.align);
      }
      return { size: upTo(Math.max(size, 1), align), align };
    }
  }
}

/**
 * Bytes of a result that a function writes to where its caller says, by a pointer before all arguments; undefined: it
 * returns it in registers. x86-64 and riscv64 alike take two of those for 16 bytes, and none for more.
 * Sources: System V ABI for x86-64, 3.2.3; RISC-V psABI 1.0, "Integer Calling Convention".
 */
export function resultRoom(type: Type): number | undefined {
  if (type.kind !== 'record') return undefined;
  const { size } = layoutOf(type);
  return size > 16 ? size : undefined;
}

const typedElements: ReadonlySet<string> = new Set(Object.values(typedArrays));

/** Turns away what has no form in C. */
function checkType(type: Type, at: At): void {
  if (type.kind === 'integer' && type.name === 'bigint')
    refuse(at.span, 'a bigint without a bound', 'Give it a type of 64 bits: u64 or i64.');
  if (type.kind === 'array') checkType(type.element, at);
  if (type.kind === 'object') checkType(type.record, at);
  if (type.kind !== 'record') return;
  const names = new Map<string, string>();
  for (const { name, type: of } of type.fields) {
    checkType(of, at);
    const other = names.get(fieldName(name));
    if (other !== undefined) refuse(at.span, `the fields ${other} and ${name} would have one name in C`, 'Rename one.');
    names.set(fieldName(name), name);
  }
}

/** The types of a unit; `namer` gives out names of all of it. */
export function createTypes(namer: (wanted: string) => string): CTypes {
  const names = new Map<string, string>();
  const members = new Map<string, readonly string[]>();
  const definitions: string[] = [];
  const made = new Map<string, { readonly name: string; readonly text: string }>();

  /** The name of a type, which is defined when it is first asked for. */
  const named = (type: Type, wanted: string, define: (name: () => string) => string): string => {
    const key = shape(type);
    const known = names.get(key);
    if (known !== undefined) return known;
    let name = '';
    const text = define(() => {
      name ||= namer(wanted);
      return name;
    });
    names.set(key, name);
    definitions.push(text);
    return name;
  };

  const record = (type: RecordType): string =>
    named(type, plainName(type.name, type.optional ? 'optional' : 'record'), (name) => {
      const lines = type.fields.map((field) => `    ${plain(field.type)} ${fieldName(field.name)};`);
      return `typedef struct {\n${lines.length === 0 ? '    char empty;' : lines.join('\n')}\n} ${name()};`;
    });

  const enumeration = (type: EnumerationType): string =>
    named(type, enumerationName(type), (name) => {
      const own = type.members.map((member) => namer(`${name()}_${memberWord(member)}`));
      members.set(shape(type), own);
      return `typedef ${placeType(type)} ${name()};\nenum { ${own.join(', ')} };`;
    });

  const slice = (type: ArrayType): string => {
    const { element, list } = type;
    if (!list) return sliceType(elementOf(type), type.readonly);
    if (element.kind === 'integer' && typedElements.has(element.name)) return sliceType(element.name as Scalar, true);
    const word = element.kind === 'integer' || element.kind === 'boolean' ? shape(element) : plain(element);
    return named(
      type,
      `${word}_list`,
      (name) => `typedef struct { const ${plain(element)} *data; size_t length; } ${name()};`,
    );
  };

  const plain = (type: Type): string => {
    switch (type.kind) {
      case 'boolean':
        return 'bool';
      case 'void':
        return 'void';
      case 'array':
        return slice(type);
      case 'record':
        return record(type);
      case 'object':
        return `${type.readonly ? 'const ' : ''}${record({ ...type.record, name: type.name })} *`;
      case 'enumeration':
        return enumeration(type);
      case 'integer':
        if (type.name === 'bigint') throw new TypeError('a bigint without a bound');
        return scalarTypes[type.name];
    }
  };

  const member = (type: EnumerationType, place: bigint): string => {
    enumeration(type);
    return members.get(shape(type))![Number(place)];
  };

  /** A function from one type to another, made when it is first asked for. */
  const between = (from: Type, to: Type, write: (name: string, from: string, to: string) => string): string => {
    const [source, wanted] = [plain(from), plain(to)];
    const key = `${source} ${wanted}`;
    const known = made.get(key);
    if (known !== undefined) return known.name;
    const word = (type: Type): string => (type.kind === 'integer' ? 'number' : plain(type));
    const name = namer(`${word(to)}_of_${word(from)}`);
    made.set(key, { name, text: write(name, source, wanted) });
    return name;
  };

  const widening = (from: RecordType, to: RecordType): string => {
    const fields = to.fields.map(({ name, type }) => {
      const own = from.fields.find((field) => field.name === name)!.type;
      const read = `from.${fieldName(name)}`;
      const isOther = type.kind === 'record' && own.kind === 'record' && shape(type) !== shape(own);
      return `.${fieldName(name)} = ${isOther ? `${widening(own, type)}(${read})` : read}`;
    });
    return between(
      from,
      to,
      (name, source, wanted) =>
        `static inline ${wanted} ${name}(${source} from) {\n    return (${wanted}){ ${fields.join(', ')} };\n}`,
    );
  };

  const conversion = (from: Type, to: IntegerType | EnumerationType): string | undefined => {
    const { pairs, same } = conversionOf(from, to) as Conversion;
    if (same) return undefined;
    // Numbers are computed in 64 bits.
    const [given, wanted]: readonly Type[] = [from, to].map((type) =>
      type.kind === 'integer' ? { kind: 'integer', name: 'number' } : type,
    );
    const show = (type: Type, value: bigint): string =>
      type.kind === 'enumeration' ? member(type, value) : `INT64_C(${value})`;
    const cases = pairs.map(([a, b]) => `    case ${show(from, a)}: return ${show(to, b)};`);
    return between(
      given,
      wanted,
      (name, source, result) =>
        `static inline ${result} ${name}(${source} from) {\n    switch (from) {\n${cases.join('\n')}\n    default: __builtin_unreachable();\n    }\n}`,
    );
  };

  const spell = (type: Type, at: At): string => {
    checkType(type, at);
    return plain(type);
  };
  return {
    spell,
    record,
    slice,
    member,
    widening,
    conversion,
    definitions: () => definitions,
    functions: () => [...made.values()].map(({ text }) => text),
  };
}
