/**
 * From a solver's model to arguments that a function can be run on.
 *
 * A model gives the integers that a counterexample shows: parameters, fields, lengths. What it says of an array's
 * contents is not read back; arrays are made of the model's length, up to a bound, and filled with zeros, which is
 * enough to replay what depends on lengths and numbers. A run decides what is true, so a guess can do no harm.
 */
import type { Value } from '../analyzers/interpreter/values.ts';
import type { FunctionIr } from '../analyzers/ir.ts';
import type { Type } from '../analyzers/types.ts';
import type { Context } from './context.ts';

const LONGEST = 4096n;

export function modelArguments(
  subject: FunctionIr,
  context: Context,
  model: ReadonlyMap<string, bigint>,
): Value[] | undefined {
  const shownValue = (path: string): bigint => model.get(context.facts.shown.get(path) ?? '') ?? 0n;
  const make = (type: Type, path: string): Value | undefined => {
    switch (type.kind) {
      case 'integer':
      case 'enumeration':
        return shownValue(path);
      case 'boolean':
        return shownValue(path) !== 0n;
      case 'array': {
        const length = shownValue(`${path}_length`);
        return length > LONGEST
          ? undefined
          : { kind: 'array', type, elements: Array.from({ length: Number(length) }, () => 0n) };
      }
      case 'record': {
        const fields = type.fields.map((field) => make(field.type, `${path}.${field.name}`));
        return fields.some((field) => field === undefined) ? undefined : { kind: 'fields', fields: fields as Value[] };
      }
      case 'object':
        return make(type.record, path);
      case 'void':
        return undefined;
    }
  };
  const args = subject.parameters.map(({ name, type }) => make(type, name));
  return args.some((argument) => argument === undefined) ? undefined : (args as Value[]);
}

/** Types of what a counterexample shows of the parameters, by the name that it is shown as. */
export function scalarTypes({ parameters }: FunctionIr): Map<string, Type> {
  const found = new Map<string, Type>();
  const visit = (type: Type, path: string): void => {
    if (type.kind === 'record') for (const field of type.fields) visit(field.type, `${path}.${field.name}`);
    else if (type.kind === 'integer' || type.kind === 'enumeration') found.set(path, type);
  };
  for (const { name, type } of parameters) visit(type, name);
  return found;
}
