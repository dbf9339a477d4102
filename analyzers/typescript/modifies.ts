/**
 * @modifies: what a function may write of what it is given: arrays, objects, or single fields of objects
 * (`@modifies bytes, cursor.at`). All else a caller finds as it was.
 */
import { type ObjectVariable, ownedArrays, type Span, type Variable } from '../ir.ts';
import { refuse } from './refuse.ts';
import type { Contracted } from './shadow.ts';

export interface Frame {
  /** Ids of parameters. */
  readonly modifies: readonly string[];
  /** Of each object among them, the fields. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
}

/** All that a constructor gives its object. */
export function newObject(object: ObjectVariable): Frame {
  return {
    modifies: [object.id, ...ownedArrays(object).map(({ id }) => id)],
    fields: new Map([[object.id, object.type.writable]]),
  };
}

/** The frame that a contract gives. */
export function lowerModifies(file: string, contract: Contracted, parameters: readonly Variable[]): Frame {
  const modifies = new Set<string>();
  const fields = new Map<string, readonly string[]>();
  for (const { tag, value } of contract.clauses) {
    if (tag !== 'modifies') continue;
    const span: Span = { file, start: value.offsets[0], end: value.offsets[0] + Math.max(1, value.text.length) };
    const dot = value.text.indexOf('.');
    const name = dot < 0 ? value.text : value.text.slice(0, dot);
    const variable = parameters.find((parameter) => parameter.name === name);
    if (variable === undefined)
      return refuse(
        span,
        `@modifies ${value.text}: no parameter has that name`,
        'Name what the function writes: @modifies a, b.',
      );
    const { type, id } = variable;
    if (type.kind !== 'array' && type.kind !== 'object')
      return refuse(
        span,
        `@modifies ${value.text}: it is neither an array nor an object with fields to write`,
        'Only those can be written for a caller to see.',
      );
    if (type.readonly) refuse(span, `@modifies ${value.text}: it is Readonly`, `Take it as ${type.name}.`);
    if (type.kind === 'array') {
      modifies.add(id);
      if (dot >= 0)
        refuse(span, `@modifies ${value.text}: an array has no fields to write`, `Write @modifies ${name}.`);
      continue;
    }
    const object = variable as ObjectVariable;
    const field = value.text.slice(dot + 1);
    const array = dot < 0 ? undefined : ownedArrays(object).find(({ id: own }) => own === `${id}.${field}`);
    if (array !== undefined && !array.type.readonly) {
      modifies.add(array.id);
      continue;
    }
    if (dot >= 0 && !type.writable.includes(field))
      refuse(span, `@modifies ${value.text}: no field of that name can be written`);
    modifies.add(id);
    if (dot < 0) for (const own of ownedArrays(object)) if (!own.type.readonly) modifies.add(own.id);
    fields.set(id, dot < 0 ? type.writable : [...(fields.get(id) ?? []), field]);
  }
  return { modifies: [...modifies], fields };
}
