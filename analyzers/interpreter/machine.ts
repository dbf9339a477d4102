/**
 * The interpreter's machine: what a run holds, how it ends, and what is watched of arrays and objects.
 */
import type { Clause, ErrorName, FunctionIr, ObjectVariable, Program, Span, ThrowsClause, Variable } from '../ir.ts';
import type { Type } from '../types.ts';
import { type ArrayValue, type FieldsValue, isArrayValue, type Value } from './values.ts';

/** A claim of a contract, or a condition of an operation, that did not hold; named as obligations name it. */
export interface Violation {
  readonly function: string;
  readonly kind: string;
  readonly text: string;
  readonly span: Span;
}

export type Outcome =
  | { readonly kind: 'returned'; readonly value: Value | undefined }
  /** As its contract says. */
  | { readonly kind: 'threw'; readonly error: ErrorName }
  | { readonly kind: 'violation'; readonly violation: Violation }
  /** The arguments do not meet the precondition. */
  | { readonly kind: 'rejected' }
  /** Out of steps. */
  | { readonly kind: 'gave up' };

export class Stop extends Error {
  readonly outcome: Outcome;
  constructor(outcome: Outcome) {
    super(outcome.kind);
    this.outcome = outcome;
  }
}

export interface Machine {
  readonly program: Program;
  readonly functions: ReadonlyMap<string, FunctionIr>;
  readonly tables: ReadonlyMap<string, ArrayValue>;
  steps: number;
  depth: number;
  readonly visited: Set<string>;
}

export interface Frame {
  readonly function: FunctionIr;
  readonly variables: Map<string, Value>;
  /** Copies, as they were at the entry, of those array and object parameters that the function may modify. */
  readonly entry: ReadonlyMap<string, Value>;
  /** In a clause: exact arithmetic; inside `old`: the entry's arrays. */
  readonly clause: boolean;
  readonly old: boolean;
  /** Marks are those of the outermost function's frame alone. */
  readonly top: boolean;
  readonly measure: readonly bigint[];
  /** Those of its @throws that held at the entry. */
  readonly throwing: readonly ThrowsClause[];
  /** The first precondition that the arguments of a call did not meet. */
  readonly unmet?: Clause;
}

export function step(machine: Machine): void {
  if (--machine.steps < 0) throw new Stop({ kind: 'gave up' });
}

export function violate(frame: Frame, kind: string, text: string, span: Span): never {
  throw new Stop({ kind: 'violation', violation: { function: frame.function.key, kind, text, span } });
}

export function textOf(machine: Machine, { file, start, end }: Span): string {
  return (machine.program.sources.get(file) ?? '').slice(start, end);
}

export function check(frame: Frame, holds: boolean, kind: string, text: string, span: Span): void {
  if (holds) return;
  violate(frame, frame.clause ? 'defined' : kind, text, span);
}

export function arrayOf(machine: Machine, frame: Frame, id: string): ArrayValue {
  const value = (frame.old ? frame.entry.get(id) : undefined) ?? frame.variables.get(id) ?? machine.tables.get(id);
  if (value === undefined || !isArrayValue(value)) throw new TypeError(`no array ${id}`);
  return value;
}

/** The object itself, which whoever holds it may change. */
export function objectOf(frame: Frame, id: string): FieldsValue {
  const value = (frame.old ? frame.entry.get(id) : undefined) ?? frame.variables.get(id);
  if (typeof value !== 'object' || value.kind !== 'fields') throw new TypeError(`no object ${id}`);
  return value;
}

export function checkBounds(
  machine: Machine,
  frame: Frame,
  { length }: ArrayValue['elements'],
  index: bigint,
  span: Span,
): void {
  const holds = index >= 0n && index < BigInt(length);
  if (!holds) check(frame, holds, 'bounds', textOf(machine, span), span);
}

export const isParameter = ({ function: own }: Frame, { id }: Variable): boolean =>
  own.parameters.some((parameter) => parameter.id === id);

/** Some value of a type. */
export function someValue(type: Type): Value {
  if (type.kind === 'integer' || type.kind === 'enumeration') return 0n;
  if (type.kind === 'boolean') return false;
  if (type.kind === 'object') return someValue(type.record);
  if (type.kind !== 'record') throw new TypeError(`no value of ${type.kind}`);
  return { kind: 'fields', fields: type.fields.map((field) => someValue(field.type)) };
}

export function checkFrame(frame: Frame, id: string, name: string, span: Span): void {
  const own = frame.function;
  if (own.parameters.some((parameter) => parameter.id === id) && !own.modifies.includes(id))
    violate(frame, 'modifies', name, span);
}

export function checkField(frame: Frame, { id, name }: ObjectVariable, field: string, span: Span): void {
  const own = frame.function;
  if (own.parameters.some((parameter) => parameter.id === id) && own.fields.get(id)?.includes(field) !== true)
    violate(frame, 'modifies', `${name}.${field}`, span);
}
