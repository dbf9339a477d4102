/**
 * Expressions as terms, with what must hold for them to mean what JavaScript computes.
 *
 * In code every condition of an operation is demanded where it is computed, under what short-circuiting and the
 * branches of ?: guarantee there. Clauses are read with exact arithmetic, and must be defined: an index in its array, a
 * divisor not 0, and JavaScript's rounding beyond the safe integers of no consequence (demandExact), so that a clause
 * says the same to the prover and to who runs it.
 */
import type { Argument, ArrayVariable, Clause, Expression, FunctionIr, ObjectVariable, Span } from '../analyzers/ir.ts';
import { operatorOf } from '../analyzers/operators.ts';
import { LONGEST_ARRAY, rangeOf, within } from '../analyzers/types.ts';
import { columnsOf, contentsOf, elementValue } from './arrays.ts';
import type { Context } from './context.ts';
import { convertTerm, thereTerm } from './convert.ts';
import { inRangeTerm } from './facts.ts';
import type { ObligationKind } from './obligation.ts';
import { demandExact, SAFE } from './rounding.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import { isRecord, type RecordValue, type State, scalar, type Value } from './state.ts';

/** Where an expression is computed. */
export interface Place {
  readonly variables: ReadonlyMap<string, Value>;
  /** Contents by array id; and those that `old` means. */
  readonly arrays: ReadonlyMap<string, Term>;
  readonly oldArrays: ReadonlyMap<string, Term>;
  /** What `old` means by object parameters. */
  readonly oldVariables: ReadonlyMap<string, Value>;
  readonly lengths: ReadonlyMap<string, Term>;
  /** Exact arithmetic, calls of pure functions only. */
  readonly clause: boolean;
  /** JavaScript computes it too: code, and a clause that is the argument of a call. */
  readonly runs?: boolean;
  readonly demand: (kind: ObligationKind, text: string, span: Span, goal: Term) => void;
  /** Adds what is known from here on, under the guards of the moment. */
  readonly assume: (term: Term) => void;
  /** Demands that some state comes here, once `known` is known; only in code. */
  readonly possible?: (text: string, span: Span, known: Term) => void;
  /** Runs `work` where `condition` is known. */
  readonly under: <T>(condition: Term, work: () => T) => T;
}

/** A place in code: demands become obligations, and once demanded a condition is known. */
export function codePlace(context: Context, state: State): Place {
  const guards: Term[] = [];
  const { arithmetic: m } = context;
  const guarded = (term: Term): Term => m.implies(m.all(guards), term);
  return {
    variables: state.variables,
    arrays: state.arrays,
    oldArrays: context.entryArrays,
    oldVariables: context.entryObjects,
    lengths: context.lengths,
    clause: false,
    runs: true,
    demand: (kind, text, span, goal) => {
      if ((goal.kind === 'truth' && goal.value) || guards.includes(goal) || state.assumptions.includes(goal)) return;
      context.demand({ kind, text, span, question: 'holds', assumptions: [...state.assumptions, ...guards], goal });
      state.assumptions.push(guarded(goal));
    },
    possible: (text, span, known) => {
      const assumptions = [...state.assumptions, ...guards, known];
      context.demand({ kind: 'reachable', text, span, question: 'exists', assumptions, goal: t.truth(false) });
    },
    assume: (term) => {
      const known = guarded(term);
      if (!(known.kind === 'truth' && known.value)) state.assumptions.push(known);
    },
    under: (condition, work) => {
      guards.push(condition);
      try {
        return work();
      } finally {
        guards.pop();
      }
    },
  };
}

/**
 * A place in a clause. `conditions`, where given, takes what must hold for the clause to be defined, each under its
 * guards.
 */
export function clausePlace(
  context: Context,
  parts: Pick<Place, 'variables' | 'arrays' | 'oldArrays' | 'oldVariables' | 'lengths' | 'runs'>,
  conditions: Term[] = [],
): Place {
  const guards: Term[] = [];
  const { arithmetic: m } = context;
  return {
    ...parts,
    clause: true,
    demand: (_kind, _text, _span, goal) => {
      if (guards.includes(goal)) return;
      const condition = m.implies(m.all(guards), goal);
      if (!(condition.kind === 'truth' && condition.value)) conditions.push(condition);
    },
    assume: () => {},
    under: (condition, work) => {
      guards.push(condition);
      try {
        return work();
      } finally {
        guards.pop();
      }
    },
  };
}

/** The place of a clause about the present state of a function's body. */
export function bodyClausePlace(context: Context, state: State, conditions: Term[] = [], runs = false): Place {
  const { variables, arrays } = state;
  const { entryArrays: oldArrays, entryObjects: oldVariables, lengths } = context;
  const parts = { variables, arrays, oldArrays, oldVariables, lengths, runs };
  return clausePlace(context, parts, conditions);
}

function textOf(context: Context, span: Span): string {
  return context.textOf(span);
}

const lengthOf = (place: Place, array: ArrayVariable): Term => {
  const length = place.lengths.get(array.id);
  if (length === undefined) throw new TypeError(`no length of ${array.id}`);
  return length;
};

/** Whether the index is one of the array's. */
export function boundsTerm(context: Context, length: Term, index: Term): Term {
  const { arithmetic: m } = context;
  return m.all([m.atMost(m.integer(0n), index), m.less(index, length)]);
}

function evaluateOperation(context: Context, place: Place, expression: Expression & { kind: 'operation' }): Term {
  const { arithmetic: m, intervals } = context;
  const operator = operatorOf(expression.operator);
  const operands = expression.operands.map((operand) => scalar(evaluate(context, place, operand)));
  const text = textOf(context, expression.span);
  for (const { kind, holds } of operator.conditions?.(m, operands) ?? [])
    place.demand(kind, text, expression.span, holds);
  if (place.clause) demandExact(context, place, expression, operands, text);
  const result = operator.meaning(m, operands);
  if (operator.gives === 'integer' && !place.clause) {
    const range = rangeOf(operator.result);
    if (!within(intervals.of(result), range))
      place.demand('overflow', text, expression.span, inRangeTerm(result, range));
  }
  return result;
}

function evaluateLogical(context: Context, place: Place, expression: Expression & { kind: 'logical' }): Term {
  const { arithmetic: m } = context;
  const left = scalar(evaluate(context, place, expression.left));
  const guard = expression.operator === 'or' ? m.not(left) : left;
  const right = place.under(guard, () => scalar(evaluate(context, place, expression.right)));
  if (expression.operator === 'and') return m.all([left, right]);
  return expression.operator === 'or' ? m.any([left, right]) : m.implies(left, right);
}

function chooseValue(context: Context, condition: Term, whenTrue: Value, whenFalse: Value): Value {
  if (!isRecord(whenTrue) || !isRecord(whenFalse))
    return context.arithmetic.choose(condition, scalar(whenTrue), scalar(whenFalse));
  return {
    kind: 'fields',
    fields: whenTrue.fields.map((field, i) => chooseValue(context, condition, field, whenFalse.fields[i])),
  };
}

/** Elements of arrays, indexed by the variable itself, that a quantifier's body reads: where one is met, it is used. */
function triggersOf(body: Term, variable: t.Bound): Term[][] {
  const found = new Set<Term>();
  const seen = new Set<Term>();
  /** Variables of quantifiers inside, which mean nothing where the trigger stands. */
  const inner = new Set<Term>();
  const visit = (term: Term): void => {
    if (seen.has(term)) return;
    seen.add(term);
    if (
      term.kind === 'apply' &&
      term.operator === 'select' &&
      term.operands[0].kind === 'variable' &&
      term.operands[1] === variable
    )
      found.add(term);
    if (
      term.kind === 'call' &&
      term.operands.includes(variable) &&
      term.operands.every(({ kind }) => kind === 'variable' || kind === 'integer' || kind === 'bound')
    )
      found.add(term);
    if (term.kind === 'apply' || term.kind === 'call') term.operands.forEach(visit);
    if (term.kind === 'quantified') {
      for (const one of term.variables) inner.add(one);
      visit(term.body);
    }
  };
  visit(body);
  return [...found]
    .filter((term) => term.kind !== 'call' || !term.operands.some((operand) => inner.has(operand)))
    .map((term) => [term]);
}

function evaluateQuantifier(context: Context, place: Place, expression: Expression & { kind: 'quantifier' }): Term {
  const { arithmetic: m, facts, intervals } = context;
  const low = scalar(evaluate(context, place, expression.low));
  const high = scalar(evaluate(context, place, expression.high));
  for (const bound of [low, high]) {
    if (!within(intervals.of(bound), SAFE))
      place.demand('defined', expression.quantifier, expression.span, inRangeTerm(bound, SAFE));
  }
  const variable = facts.bound();
  const [least, end] = [intervals.of(low).low, intervals.of(high).high];
  // It counts only where it lies between the two.
  facts.noteRange(variable, { low: least ?? SAFE.low, high: (end ?? SAFE.high) - 1n });
  const inside = m.all([t.atMost(low, variable), t.less(variable, high)]);
  const conditions: Term[] = [];
  const inner = clausePlace(
    context,
    { ...place, variables: new Map([...place.variables, [expression.variable.id, variable]]) },
    conditions,
  );
  const body = scalar(evaluate(context, inner, expression.body));
  for (const condition of conditions) {
    const everywhere = t.quantified(
      'forall',
      [variable],
      t.implies(inside, condition),
      triggersOf(condition, variable),
    );
    place.demand('defined', expression.quantifier, expression.span, everywhere);
  }
  const whole = expression.quantifier === 'forall' ? m.implies(inside, body) : m.all([inside, body]);
  return whole.kind === 'truth'
    ? whole
    : t.quantified(expression.quantifier, [variable], whole, triggersOf(body, variable));
}

/** All scalars of a value. */
export function scalarsOf(value: Value): Term[] {
  return isRecord(value) ? value.fields.flatMap(scalarsOf) : [value];
}

/** What a callee's clauses see: its parameters with the arguments' values. */
export interface Binding {
  readonly variables: Map<string, Value>;
  readonly arrays: Map<string, Term>;
  readonly lengths: Map<string, Term>;
}

export function isArrayArgument(argument: Argument): argument is Argument & { readonly kind: 'array' } {
  return argument.kind === 'array';
}

/** What an object's fields hold. */
export function objectValue(place: Pick<Place, 'variables'>, { id }: ObjectVariable): RecordValue {
  const value = place.variables.get(id);
  if (value === undefined || !isRecord(value)) throw new TypeError(`no object ${id}`);
  return value;
}

export function bindArguments(context: Context, place: Place, callee: FunctionIr, args: readonly Argument[]): Binding {
  const variables = new Map<string, Value>();
  const arrays = new Map(context.tables);
  const lengths = new Map(context.tableLengths);
  callee.parameters.forEach(({ id, type }, i) => {
    const argument = args[i];
    if (isArrayArgument(argument) && type.kind === 'array') {
      const contents = contentsOf(place.arrays, argument.array);
      columnsOf(id, type).forEach((column, k) => {
        arrays.set(column.id, contents[k]);
      });
      lengths.set(id, lengthOf(place, argument.array));
    } else if (argument.kind === 'object') variables.set(id, objectValue(place, argument.object));
    else if (!isArrayArgument(argument)) variables.set(id, evaluate(context, place, argument));
  });
  return { variables, arrays, lengths };
}

/** What arrays and objects were when a call began. */
export type Old = Pick<Binding, 'arrays' | 'variables'>;

/** A clause of another function, for these arguments. */
export function clauseTerm(context: Context, clause: Clause, binding: Binding, old: Old = binding): Term {
  const place = clausePlace(context, { ...binding, oldArrays: old.arrays, oldVariables: old.variables });
  return scalar(evaluate(context, place, clause.expression));
}

/** A trusted contract that nothing keeps would prove all that follows its call; of a proved one that cannot be. */
export function demandPossible(place: Place, callee: FunctionIr, result: Value, span: Span): void {
  if (callee.body !== undefined) return;
  // Mentions the result, so that what is known of it belongs to the question.
  const known = t.all(scalarsOf(result).map((term) => t.equal(term, term)));
  place.possible?.(`after ${callee.name}`, span, known);
}

function evaluateCall(context: Context, place: Place, expression: Expression & { kind: 'call' }): Value {
  const callee = context.functionOf(expression.function);
  const binding = bindArguments(context, place, callee, expression.arguments);
  context.demandCall(place, callee, binding, expression.span);
  const result = callee.pure
    ? context.pureResult(callee, binding)
    : context.callResult(place, callee, binding, binding);
  demandPossible(place, callee, result, expression.span);
  return result;
}

export function evaluate(context: Context, place: Place, expression: Expression): Value {
  const { arithmetic: m } = context;
  switch (expression.kind) {
    case 'integer':
      return m.integer(expression.value);
    case 'boolean':
      return m.truth(expression.value);
    case 'member':
      return m.integer(expression.value);
    case 'variable': {
      const value = place.variables.get(expression.variable.id);
      if (value === undefined) throw new TypeError(`no value of ${expression.variable.id}`);
      return value;
    }
    case 'operation':
      return evaluateOperation(context, place, expression);
    case 'convert':
      return convertTerm(context, place, scalar(evaluate(context, place, expression.operand)), expression);
    case 'not':
      return m.not(scalar(evaluate(context, place, expression.operand)));
    case 'logical':
      return evaluateLogical(context, place, expression);
    case 'same':
      return m.equal(
        scalar(evaluate(context, place, expression.left)),
        scalar(evaluate(context, place, expression.right)),
      );
    case 'conditional': {
      const condition = scalar(evaluate(context, place, expression.condition));
      const whenTrue = place.under(condition, () => evaluate(context, place, expression.whenTrue));
      const whenFalse = place.under(m.not(condition), () => evaluate(context, place, expression.whenFalse));
      return chooseValue(context, condition, whenTrue, whenFalse);
    }
    case 'element': {
      const index = scalar(evaluate(context, place, expression.index));
      place.demand(
        'bounds',
        textOf(context, expression.span),
        expression.span,
        boundsTerm(context, lengthOf(place, expression.array), index),
      );
      return elementValue(context, place.arrays, expression.array, index);
    }
    case 'length':
      return lengthOf(place, expression.array);
    case 'record':
      return { kind: 'fields', fields: expression.fields.map((field) => evaluate(context, place, field)) };
    case 'field': {
      const operand = evaluate(context, place, expression.operand);
      const { type } = expression.operand;
      if (!isRecord(operand) || type.kind !== 'record') throw new TypeError('a field of no record');
      const at = type.fields.findIndex(({ name }) => name === expression.name);
      const there = thereTerm(context, type, at, operand);
      if (there !== undefined) place.demand('variant', textOf(context, expression.span), expression.span, there);
      return operand.fields[at];
    }
    case 'call':
      return evaluateCall(context, place, expression);
    case 'quantifier':
      return evaluateQuantifier(context, place, expression);
    case 'old':
      return evaluate(
        context,
        {
          ...place,
          arrays: new Map([...place.arrays, ...place.oldArrays]),
          variables: new Map([...place.variables, ...place.oldVariables]),
        },
        expression.operand,
      );
  }
}

/** What is known of every array's length. */
export const lengthRange = { low: 0n, high: LONGEST_ARRAY };
