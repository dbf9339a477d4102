/**
 * Arrays and objects while a function is executed: what writes to them, what is forgotten of them where something else
 * may have written, and what must hold for a write: that it is inside, in the frame, and that no other name is meant.
 */
import {
  type Argument,
  type ArrayVariable,
  type FunctionIr,
  type Loop,
  type ObjectVariable,
  ownedArrays,
  type Span,
  type Statement,
} from '../analyzers/ir.ts';
import type { Range, Type } from '../analyzers/types.ts';
import { allStatements, assignedVariables } from '../analyzers/walk.ts';
import { contentsFacts } from './arrays.ts';
import type { Context } from './context.ts';
import { rangeOfType, valueOfType } from './convert.ts';
import { boundsTerm, codePlace, evaluate, isArrayArgument, lengthRange, objectValue } from './evaluate.ts';
import type { ObligationKind } from './obligation.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import { type RecordValue, type State, scalar, type Value } from './state.ts';

export function demandIn(
  context: Context,
  state: State,
  kind: ObligationKind,
  text: string,
  span: Span,
  goal: Term,
): void {
  codePlace(context, state).demand(kind, text, span, goal);
}

export function narrowed(context: Context, term: Term, range: Range): Term {
  const { low, high } = range;
  const { arithmetic: m } = context;
  return m.all([
    ...(low === undefined ? [] : [m.atMost(m.integer(low), term)]),
    ...(high === undefined ? [] : [m.atMost(term, m.integer(high))]),
  ]);
}

interface WrittenObject {
  readonly object: ObjectVariable;
  readonly fields: Set<string>;
}

/** Arrays that statements may write, by id. */
export function written(context: Context, statements: readonly Statement[]): Map<string, ArrayVariable> {
  const found = new Map<string, ArrayVariable>();
  for (const statement of allStatements(statements)) {
    if (statement.kind === 'store') found.set(statement.array.id, statement.array);
    if (statement.kind === 'allocate') found.set(statement.variable.id, statement.variable);
    if (statement.kind === 'create') for (const array of ownedArrays(statement.object)) found.set(array.id, array);
    if (statement.kind !== 'call') continue;
    const callee = context.functionOf(statement.function);
    callee.parameters.forEach(({ id }, i) => {
      const argument = statement.arguments[i];
      if (callee.modifies.includes(id) && isArrayArgument(argument)) found.set(argument.array.id, argument.array);
    });
  }
  return found;
}

/** Objects of which statements may write fields, with the fields, by id. */
function writtenFields(context: Context, statements: readonly Statement[]): Map<string, WrittenObject> {
  const found = new Map<string, WrittenObject>();
  const add = (object: ObjectVariable, fields: readonly string[]): void => {
    const before = found.get(object.id) ?? { object, fields: new Set() };
    for (const field of fields) before.fields.add(field);
    found.set(object.id, before);
  };
  for (const statement of allStatements(statements)) {
    if (statement.kind === 'set') add(statement.object, [statement.field]);
    if (statement.kind !== 'call') continue;
    const callee = context.functionOf(statement.function);
    callee.parameters.forEach(({ id }, i) => {
      const argument = statement.arguments[i];
      if (argument.kind === 'object') add(argument.object, callee.fields.get(id) ?? []);
    });
  }
  return found;
}

/** The object after something of which nothing is known has been written to these fields. */
export function forgetFields(
  context: Context,
  value: RecordValue,
  { name, type }: ObjectVariable,
  fields: Iterable<string>,
): RecordValue {
  const forgotten = new Set(fields);
  return {
    kind: 'fields',
    fields: type.record.fields.map((field, i) =>
      forgotten.has(field.name) ? freshValue(context, field.type, `${name}.${field.name}`) : value.fields[i],
    ),
  };
}

export const freshValue = (context: Context, type: Type, base: string): Value =>
  valueOfType(type, (sort, of, path) => context.facts.fresh(`${base}${path}`, sort, rangeOfType(of)));

/** That the subject may write the field. */
function demandField(context: Context, state: State, { id, name }: ObjectVariable, field: string, span: Span): void {
  const { subject } = context;
  if (!subject.parameters.some((parameter) => parameter.id === id)) return;
  if (subject.fields.get(id)?.includes(field) === true) return;
  demandIn(context, state, 'modifies', `${name}.${field}`, span, t.truth(false));
}

export function executeSet(context: Context, state: State, statement: Statement & { kind: 'set' }): void {
  const { object, field, span } = statement;
  const value = evaluate(context, codePlace(context, state), statement.value);
  demandField(context, state, object, field, span);
  const before = objectValue(state, object);
  const fields = object.type.record.fields.map(({ name }, i) => (name === field ? value : before.fields[i]));
  state.variables.set(object.id, { kind: 'fields', fields });
}

/** That the subject may write the array. */
function demandFrame(context: Context, state: State, array: ArrayVariable, span: Span): void {
  const { subject } = context;
  const foreign = subject.parameters.some(({ id }) => id === array.id) || context.tables.has(array.id);
  if (!foreign || subject.modifies.includes(array.id)) return;
  demandIn(context, state, 'modifies', array.name, span, t.truth(false));
}

export function executeStore(context: Context, state: State, statement: Statement & { kind: 'store' }): void {
  const { facts } = context;
  const place = codePlace(context, state);
  const { array, span } = statement;
  const index = scalar(evaluate(context, place, statement.index));
  const value = scalar(evaluate(context, place, statement.value));
  demandFrame(context, state, array, span);
  place.demand('bounds', `${context.textOf(span)}`, span, boundsTerm(context, context.lengths.get(array.id)!, index));
  const before = state.arrays.get(array.id)!;
  const after = facts.fresh(array.name, 'Array');
  facts.add(after, t.equal(after, t.store(before, index, value)));
  state.arrays.set(array.id, after);
}

/** What an object is before its constructor has run: anything. */
export function executeCreate(context: Context, state: State, object: ObjectVariable): void {
  const { facts } = context;
  state.variables.set(object.id, freshValue(context, object.type.record, object.name));
  for (const { id, name } of ownedArrays(object)) {
    state.arrays.set(id, facts.fresh(name, 'Array'));
    context.lengths.set(id, facts.fresh(`${name}_length`, 'Int', lengthRange));
  }
}

export function executeAllocate(context: Context, state: State, statement: Statement & { kind: 'allocate' }): void {
  const { facts } = context;
  const { variable, values, span } = statement;
  const place = codePlace(context, state);
  const length = scalar(evaluate(context, place, statement.length));
  if (length.kind !== 'integer')
    place.demand('range', `length of ${variable.name}`, span, narrowed(context, length, lengthRange));
  const contents = facts.fresh(variable.name, 'Array');
  for (const fact of contentsFacts(facts, contents, values)) facts.add(contents, fact);
  context.lengths.set(variable.id, length);
  state.arrays.set(variable.id, contents);
}

/** The variable of an argument that is passed by it. */
function referenceOf(argument: Argument): ArrayVariable | ObjectVariable | undefined {
  return argument.kind === 'array' ? argument.array : argument.kind === 'object' ? argument.object : undefined;
}

/** That arguments of which one is written are different arrays or objects. */
export function demandSeparated(
  context: Context,
  state: State,
  callee: FunctionIr,
  statement: Statement & { kind: 'call' },
): void {
  callee.parameters.forEach((parameter, i) => {
    const argument = statement.arguments[i];
    const first = referenceOf(argument);
    if (!callee.modifies.includes(parameter.id) || first === undefined) return;
    if (argument.kind === 'array') demandFrame(context, state, argument.array, statement.span);
    if (argument.kind === 'object')
      for (const field of callee.fields.get(parameter.id) ?? [])
        demandField(context, state, argument.object, field, statement.span);
    callee.parameters.forEach((other, j) => {
      const second = referenceOf(statement.arguments[j]);
      // Of two that are written the later one has been seen with the earlier one.
      if (i === j || second?.type.kind !== first.type.kind || (callee.modifies.includes(other.id) && j < i)) return;
      const same = second.id === first.id;
      demandIn(
        context,
        state,
        'separated',
        `${callee.name}: ${parameter.name}, ${other.name}`,
        statement.span,
        t.truth(!same),
      );
    });
  });
}

/** Forgets what the loop may change. */
export function havoc(context: Context, state: State, loop: Loop): void {
  const { facts } = context;
  const inside = [...loop.body, ...loop.update];
  for (const [id, { type, name }] of assignedVariables(inside)) {
    if (!state.variables.has(id)) continue;
    state.variables.set(id, freshValue(context, type, name));
  }
  for (const [id, { object, fields }] of writtenFields(context, inside)) {
    if (state.variables.has(id))
      state.variables.set(id, forgetFields(context, objectValue(state, object), object, fields));
  }
  for (const [id, array] of written(context, inside)) {
    if (state.arrays.has(id)) state.arrays.set(id, facts.fresh(array.name, 'Array'));
  }
}
