/**
 * @modifies: what a function may write of what it is given: arrays, objects, or single fields of objects
 * (`@modifies bytes, cursor.at`). All else a caller finds as it was.
 */
import type { Span, Variable } from '../ir.ts';
import { refuse } from './refuse.ts';
import type { Contracted } from './shadow.ts';

export interface Frame {
  /** Ids of parameters. */
  readonly modifies: readonly string[];
  /** Of each object among them, the fields. */
  readonly fields: ReadonlyMap<string, readonly string[]>;
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
    modifies.add(id);
    if (type.kind === 'array') {
      if (dot >= 0)
        refuse(span, `@modifies ${value.text}: an array has no fields to write`, `Write @modifies ${name}.`);
      continue;
    }
    const field = value.text.slice(dot + 1);
    if (dot >= 0 && !type.writable.includes(field))
      refuse(span, `@modifies ${value.text}: no field of that name can be written`);
    fields.set(id, dot < 0 ? type.writable : [...(fields.get(id) ?? []), field]);
  }
  return { modifies: [...modifies], fields };
}
