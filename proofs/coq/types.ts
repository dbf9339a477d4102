/**
 * Types of TypeScript as types of Coq: integers and members of enumerations are Z, truths bool, arrays and lists lists,
 * records and objects records.
 *
 * A type's range is no type in Coq but a proposition about a value, which contracts assume of parameters and promise of
 * results. Records that are made alike are one record in Coq, as they are one type in TypeScript.
 */
import { LONGEST_ARRAY, type RecordType, type Type, valueType } from '../../analyzers/types.ts';
import { rangeOfType } from '../convert.ts';
import { atom, createNamer, zText } from './names.ts';

/** A record of Coq. */
export interface CoqRecord {
  readonly name: string;
  readonly type: RecordType;
  /** Names of the projections, in the order of the fields. */
  readonly fields: readonly string[];
}

export interface Types {
  readonly of: (type: Type) => string;
  readonly record: (type: RecordType) => CoqRecord;
  /** Those that were asked for, each behind those that it is made of. */
  readonly records: () => readonly CoqRecord[];
}

/** What two types have in common that are one. */
function shapeOf(type: Type): string {
  const value = valueType(type);
  if (value.kind === 'array') return `[${shapeOf(value.element)}]`;
  if (value.kind === 'integer') return value.name;
  if (value.kind === 'enumeration') return `#${value.members.length}`;
  if (value.kind !== 'record') return value.kind;
  return `{${value.optional ? '?' : ''}${value.fields.map((field) => `${JSON.stringify(field.name)}:${shapeOf(field.type)}`).join()}}`;
}

export function createTypes(): Types {
  const namer = createNamer('t_');
  const made = new Map<string, CoqRecord>();
  const record = (type: RecordType): CoqRecord => {
    const shape = shapeOf(type);
    const known = made.get(shape);
    if (known !== undefined) return known;
    for (const field of type.fields) of(field.type);
    const name = namer.fresh(type.optional ? 'optional' : type.name);
    const fields = createNamer(`${name}_`);
    const result = { name, type, fields: type.fields.map((field) => fields.fresh(field.name)) };
    made.set(shape, result);
    return result;
  };
  const of = (type: Type): string => {
    switch (type.kind) {
      case 'integer':
      case 'enumeration':
        return 'Z';
      case 'boolean':
        return 'bool';
      case 'array':
        return `list ${atom(of(type.element))}`;
      case 'record':
        return record(type).name;
      case 'object':
        return record(type.record).name;
      case 'void':
        return 'unit';
    }
  };
  return { of, record, records: () => [...made.values()] };
}

/** The declaration of a record, and how a variable of it is taken apart. */
export function recordText(types: Types, { name, type, fields }: CoqRecord): string {
  const inside = fields.map((field, i) => `${field} : ${types.of(type.fields[i].type)}`).join('; ');
  return `Record ${name} : Set := make_${name} { ${inside} }.`;
}

/** Some value of a type: what an array gives outside of its bounds. */
export function someValue(types: Types, type: Type): string {
  const value = valueType(type);
  switch (value.kind) {
    case 'integer':
    case 'enumeration':
      return '0';
    case 'boolean':
      return 'false';
    case 'array':
      return 'nil';
    case 'void':
      return 'tt';
    case 'record':
    case 'object': {
      if (value.kind === 'object') return someValue(types, value.record);
      const { name } = types.record(value);
      return `(make_${name} ${value.fields.map((field) => someValue(types, field.type)).join(' ')})`;
    }
  }
}

/** What the type says of a value, in parts that hold together; a new name for each quantifier. */
export function typed(types: Types, type: Type, term: string, fresh: (base: string) => string): string[] {
  const value = valueType(type);
  switch (value.kind) {
    case 'integer':
    case 'enumeration': {
      const { low, high } = rangeOfType(value);
      return low === undefined || high === undefined ? [] : [`${zText(low)} <= ${term} <= ${zText(high)}`];
    }
    case 'array': {
      const { element } = value;
      const { low, high } = rangeOfType(element);
      if (element.kind === 'integer' && low !== undefined && high !== undefined)
        return [`cm_array ${zText(low)} ${zText(high)} ${atom(term)}`];
      const index = fresh('i');
      const each = typed(types, element, `(cm_get ${someValue(types, element)} ${atom(term)} ${index})`, fresh);
      const all = `forall ${index}, 0 <= ${index} < cm_count ${atom(term)} -> ${each.join(' /\\ ')}`;
      return [`cm_count ${atom(term)} <= ${LONGEST_ARRAY}`, ...(each.length === 0 ? [] : [`(${all})`])];
    }
    case 'record': {
      const { fields } = types.record(value);
      return value.fields.flatMap((field, i) => typed(types, field.type, `(${fields[i]} ${atom(term)})`, fresh));
    }
    case 'object':
      return typed(types, value.record, term, fresh);
    default:
      return [];
  }
}
