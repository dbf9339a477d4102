/**
 * Arrays as terms: a typed array is one array of the solver's, a list one for each scalar that its elements are made of
 * (a truth is 0 or 1 there), so that no theory but that of arrays of integers is needed.
 */
import type { ArrayVariable, Constant, Table } from '../analyzers/ir.ts';
import { type ArrayType, leavesOf, type Range, type Type } from '../analyzers/types.ts';
import { mentionsBound } from './arithmetic.ts';
import type { Context } from './context.ts';
import { rangeOfType, valueOfType } from './convert.ts';
import { type Facts, inRangeTerm } from './facts.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import type { Value } from './state.ts';

export interface Column {
  /** Of its contents in a state; no name holds a zero, so no variable has it as well. */
  readonly id: string;
  readonly path: string;
  readonly type: Type;
}

/** The arrays of integers that an array is, its own id first where it is one. */
export function columnsOf(id: string, { element }: ArrayType): Column[] {
  return leavesOf(element).map(({ path, type }) => ({ id: path === '' ? id : `${id}\0${path}`, path, type }));
}

/** What an element of a column may be. */
const columnRange = (type: Type): Range => (type.kind === 'boolean' ? { low: 0n, high: 1n } : rangeOfType(type));

/** An element of a column, with the range that its type gives it. */
function elementTerm(context: Context, range: Range, contents: Term, index: Term): Term {
  const { facts, boundIn } = context;
  const known = context.elements.get(contents)?.get(index);
  if (known !== undefined) return known;
  const element = t.element(contents, index);
  facts.noteRange(element, range);
  if (!mentionsBound(element, boundIn)) facts.add(element, inRangeTerm(element, range));
  else {
    const any = facts.bound();
    const each = t.element(contents, any);
    facts.add(element, t.quantified('forall', [any], inRangeTerm(each, range), [[each]]));
  }
  const cache = context.elements.get(contents) ?? new Map<Term, Term>();
  context.elements.set(contents, cache.set(index, element));
  return element;
}

/** The contents of each column. */
export function contentsOf(arrays: ReadonlyMap<string, Term>, array: Pick<ArrayVariable, 'id' | 'type'>): Term[] {
  return columnsOf(array.id, array.type).map(({ id }) => {
    const contents = arrays.get(id);
    if (contents === undefined) throw new TypeError(`no contents of ${id}`);
    return contents;
  });
}

/** The element at an index that is one. */
export function elementValue(
  context: Context,
  arrays: ReadonlyMap<string, Term>,
  array: ArrayVariable,
  index: Term,
): Value {
  const columns = contentsOf(arrays, array);
  let next = 0;
  return valueOfType(array.type.element, (sort, type) => {
    const term = elementTerm(context, columnRange(type), columns[next++], index);
    return sort === 'Bool' ? context.arithmetic.equal(term, t.integer(1)) : term;
  });
}

const scalarsIn = (value: Constant): bigint[] =>
  typeof value === 'object' ? value.fields.flatMap(scalarsIn) : [BigInt(value)];

/** What is known of an array of these values; of zeros alone, in one sentence, however many they are. */
export function contentsFacts(facts: Facts, contents: Term, values: readonly bigint[] | undefined): Term[] {
  if (values?.some((value) => value !== 0n) === true || values?.length === 0)
    return values.map((value, i) => t.equal(t.element(contents, t.integer(i)), t.integer(value)));
  const index = facts.bound();
  const element = t.element(contents, index);
  return [t.quantified('forall', [index], t.equal(element, t.integer(0)), [[element]])];
}

/** A table's columns, of which every element is known. */
export function addTable(facts: Facts, tables: Map<string, Term>, { variable, values }: Table): void {
  const rows = values.map(scalarsIn);
  columnsOf(variable.id, variable.type).forEach(({ id, path }, column) => {
    const contents = facts.fresh(`${variable.name}${path}`, 'Array');
    for (const fact of contentsFacts(
      facts,
      contents,
      rows.map((row) => row[column]),
    ))
      facts.add(contents, fact);
    tables.set(id, contents);
  });
}
