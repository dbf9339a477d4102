/**
 * The symbolic state at a point of a function: what is assumed on the way here, what the variables are, what the
 * arrays hold. A state is copied where paths part and merged where they meet, so its size grows with the program and
 * not with the number of its paths.
 */
import type { Arithmetic } from './arithmetic.ts';
import type { Facts } from './facts.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';

/** A scalar is a term; a record is its fields in the order of their type. */
export type Value = Term | RecordValue;

export interface RecordValue {
  readonly kind: 'fields';
  readonly fields: readonly Value[];
}

export interface State {
  readonly assumptions: Term[];
  readonly variables: Map<string, Value>;
  /** Contents of each array, always a variable. */
  readonly arrays: Map<string, Term>;
}

export const isRecord = (value: Value): value is RecordValue => value.kind === 'fields';

/** A value that is no record. */
export function scalar(value: Value): Term {
  if (isRecord(value)) throw new TypeError('a record is no scalar');
  return value;
}

export function copyState({ assumptions, variables, arrays }: State): State {
  return { assumptions: [...assumptions], variables: new Map(variables), arrays: new Map(arrays) };
}

/** Applies `combine` to the scalars of two values of one type. */
export function zipValues(a: Value, b: Value, combine: (a: Term, b: Term) => Term): Value {
  if (isRecord(a) !== isRecord(b)) throw new TypeError('values of two types meet');
  return isRecord(a)
    ? { kind: 'fields', fields: a.fields.map((field, i) => zipValues(field, (b as RecordValue).fields[i], combine)) }
    : combine(a, b as Term);
}

/** How many assumptions two states share at their beginning. */
function commonLength(a: readonly Term[], b: readonly Term[]): number {
  let length = 0;
  while (length < a.length && length < b.length && a[length] === b[length]) length++;
  return length;
}

function mergeTwo(facts: Facts, m: Arithmetic, a: State, b: State): State {
  const shared = commonLength(a.assumptions, b.assumptions);
  const first = facts.fresh('path', 'Bool');
  const assumptions = [
    ...a.assumptions.slice(0, shared),
    m.implies(first, m.all(a.assumptions.slice(shared))),
    m.implies(m.not(first), m.all(b.assumptions.slice(shared))),
  ];
  const variables = new Map<string, Value>();
  for (const [id, value] of a.variables) {
    // One that only one side has is out of scope.
    const other = b.variables.get(id);
    if (other !== undefined)
      variables.set(
        id,
        zipValues(value, other, (x, y) => m.choose(first, x, y)),
      );
  }
  const arrays = new Map<string, Term>();
  for (const [id, contents] of a.arrays) {
    const other = b.arrays.get(id);
    if (other === undefined) continue;
    if (contents === other) {
      arrays.set(id, contents);
      continue;
    }
    const merged = facts.fresh('merged', 'Array');
    assumptions.push(m.implies(first, t.equal(merged, contents)), m.implies(m.not(first), t.equal(merged, other)));
    arrays.set(id, merged);
  }
  return { assumptions, variables, arrays };
}

/** The state in which any of these may be; undefined for none. */
export function mergeStates(facts: Facts, m: Arithmetic, states: readonly State[]): State | undefined {
  return states.length === 0 ? undefined : states.reduce((a, b) => mergeTwo(facts, m, a, b));
}
