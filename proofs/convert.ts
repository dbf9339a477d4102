/**
 * Values that change their type, and fields that are not always there: what must hold for that, and what comes out.
 *
 * The compiler has an opinion of both, which a type assertion or a wrong declaration can lead astray; so nothing here
 * rests on it, and each is demanded where it is computed.
 */
import { conversionOf } from '../analyzers/conversions.ts';
import type { Expression } from '../analyzers/ir.ts';
import { inRange, type Range, type RecordType, rangeOf, showType, type Type, within } from '../analyzers/types.ts';
import type { Context } from './context.ts';
import type { Place } from './evaluate.ts';
import { inRangeTerm } from './facts.ts';
import type { Term } from './smt/terms.ts';
import { type RecordValue, scalar, type Value } from './state.ts';

/** The range of a scalar of this type. */
export function rangeOfType(type: Type): Range {
  if (type.kind === 'enumeration') return { low: 0n, high: BigInt(type.members.length) - 1n };
  return type.kind === 'integer' ? rangeOf(type.name) : {};
}

/** The operand of a conversion as the other type, which is demanded to have it. */
export function convertTerm(
  context: Context,
  place: Place,
  operand: Term,
  { operand: { type: from }, type, span }: Expression & { kind: 'convert' },
): Term {
  const { arithmetic: m, intervals } = context;
  const demand = (goal: Term): void =>
    place.demand('range', `${context.textOf(span)} is ${showType(type)}`, span, goal);
  const found = conversionOf(from, type);
  if (found === undefined) {
    const range = rangeOfType(type);
    if (operand.kind === 'integer' ? !inRange(operand.value, range) : !within(intervals.of(operand), range))
      demand(inRangeTerm(operand, range));
    return operand;
  }
  const { pairs, total, same } = found;
  if (!total) demand(m.any(pairs.map(([one]) => m.equal(operand, m.integer(one)))));
  if (same) return operand;
  const [last, ...others] = [...pairs].reverse();
  return others.reduce(
    (rest, [one, becomes]) => m.choose(m.equal(operand, m.integer(one)), m.integer(becomes), rest),
    m.integer(last[1]),
  );
}

/** That a field of a union, or the value of a `T | undefined`, is there; undefined where it always is. */
export function thereTerm(
  { arithmetic: m }: Context,
  type: RecordType,
  at: number,
  { fields }: RecordValue,
): Term | undefined {
  if (type.optional) return at === 0 ? undefined : scalar(fields[0]);
  const { where } = type.fields[at];
  if (where === undefined) return undefined;
  const tag = scalar(fields[0]);
  return m.any(where.map((place) => m.equal(tag, m.integer(place))));
}

/** Values of a type of which nothing else is known; scalars are made by `make`. */
export function valueOfType(
  type: Type,
  make: (sort: 'Int' | 'Bool', type: Type, path: string) => Term,
  path = '',
): Value {
  switch (type.kind) {
    case 'integer':
    case 'enumeration':
      return make('Int', type, path);
    case 'boolean':
      return make('Bool', type, path);
    case 'object':
      return valueOfType(type.record, make, path);
    case 'record':
      return {
        kind: 'fields',
        fields: type.fields.map((field) => valueOfType(field.type, make, `${path}.${field.name}`)),
      };
    default:
      throw new TypeError(`no value of ${type.kind}`);
  }
}
