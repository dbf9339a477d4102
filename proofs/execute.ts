/**
 * One function's obligations, by forward symbolic execution: each statement takes a state to the next one, and on the
 * way what must hold is demanded. Paths merge where they meet, so there is one pass over the text.
 *
 * A loop is cut at its head. Its invariants hold when it is reached (demanded), then everything that it may change is
 * forgotten, the invariants are assumed, and one round is executed: they must hold again at its end, with a smaller
 * measure. What follows the loop knows the invariants and that the condition is false, or what held at a `break`.
 */
import { mark } from '../analyzers/interpreter/run.ts';
import {
  type Clause,
  type FunctionIr,
  isObjectVariable,
  type Loop,
  type Span,
  type Statement,
} from '../analyzers/ir.ts';
import { rangeOf } from '../analyzers/types.ts';
import { columnsOf } from './arrays.ts';
import { executeAssertBits } from './bits.ts';
import { announced, type Context, createContext, decreasesTerm, type Surroundings } from './context.ts';
import { rangeOfType, valueOfType } from './convert.ts';
import {
  type Binding,
  bindArguments,
  bodyClausePlace,
  clausePlace,
  clauseTerm,
  codePlace,
  demandPossible,
  evaluate,
  isArrayArgument,
  lengthRange,
  objectValue,
  type Place,
} from './evaluate.ts';
import {
  demandIn,
  demandSeparated,
  executeAllocate,
  executeCreate,
  executeSet,
  executeStore,
  forgetFields,
  havoc,
  narrowed,
} from './memory.ts';
import type { Demand, ObligationKind } from './obligation.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import { copyState, mergeStates, type State, scalar, type Value } from './state.ts';

/** Where `break` and `continue` go. */
interface Exits {
  readonly breaks: State[];
  readonly continues: State[];
}

export interface Execution {
  readonly context: Context;
  readonly demands: readonly Demand[];
}

/** Demands that some state comes here. */
function demandReachable(
  context: Context,
  state: State,
  kind: 'reachable' | 'satisfiable',
  text: string,
  span: Span,
  at: string,
): void {
  const goal = t.truth(false);
  context.demand({ kind, text, span, question: 'exists', mark: at, assumptions: [...state.assumptions], goal });
}

/** Demands a clause of the body, that it is defined first. */
function demandClause(context: Context, state: State, kind: ObligationKind, clause: Clause, text = clause.text): void {
  const conditions: Term[] = [];
  const goal = scalar(evaluate(context, bodyClausePlace(context, state, conditions, true), clause.expression));
  const defined = context.arithmetic.all(conditions);
  demandIn(context, state, 'defined', clause.text, clause.span, defined);
  demandIn(context, state, kind, text, clause.span, goal);
}

function assumeClause(context: Context, state: State, clause: Clause): void {
  const place = bodyClausePlace(context, state);
  codePlace(context, state).assume(scalar(evaluate(context, place, clause.expression)));
}

/** Forgets, in the state and in what the callee's parameters are bound to, all that the callee may write. */
function forgetWritten(
  context: Context,
  state: State,
  callee: FunctionIr,
  statement: Statement & { kind: 'call' },
  binding: Binding,
): void {
  callee.parameters.forEach(({ id, name }, i) => {
    const argument = statement.arguments[i];
    if (argument.kind === 'object') {
      const after = forgetFields(
        context,
        objectValue(state, argument.object),
        argument.object,
        callee.fields.get(id) ?? [],
      );
      binding.variables.set(id, after);
      state.variables.set(argument.object.id, after);
    }
    if (!callee.modifies.includes(id) || !isArrayArgument(argument)) return;
    const after = context.facts.fresh(name, 'Array');
    binding.arrays.set(id, after);
    state.arrays.set(argument.array.id, after);
  });
}

/**
 * Where the subject is left when the callee throws: what the callee may write it may have written by then, and of that only
 * the invariants are known that the callee itself keeps.
 */
function thrownPlace(
  context: Context,
  state: State,
  callee: FunctionIr,
  statement: Statement & { kind: 'call' },
  { arrays, variables, lengths }: Binding,
): Place | undefined {
  if (callee.throws.length === 0 || context.subject.kept.length === 0) return undefined;
  const thrown = copyState(state);
  const binding = { arrays: new Map(arrays), variables: new Map(variables), lengths };
  forgetWritten(context, thrown, callee, statement, binding);
  for (const clause of callee.kept)
    thrown.assumptions.push(clauseTerm(context, clause, binding, { arrays, variables }));
  return codePlace(context, thrown);
}

function executeCall(context: Context, state: State, statement: Statement & { kind: 'call' }): void {
  const callee = context.functionOf(statement.function);
  const place = codePlace(context, state);
  const binding = bindArguments(context, place, callee, statement.arguments);
  demandSeparated(context, state, callee, statement);
  const before = { arrays: new Map(binding.arrays), variables: new Map(binding.variables) };
  context.demandCall(place, callee, binding, statement.span, thrownPlace(context, state, callee, statement, binding));
  forgetWritten(context, state, callee, statement, binding);
  const result = callee.pure ? context.pureResult(callee, binding) : context.callResult(place, callee, binding, before);
  demandPossible(place, callee, result, statement.span);
  const { target } = statement;
  if (target === undefined) return;
  const { type } = target;
  if (type.kind === 'integer') {
    const term = scalar(result);
    place.demand(
      'range',
      `${context.textOf(statement.span)} is ${type.name}`,
      statement.span,
      narrowed(context, term, rangeOf(type.name)),
    );
  }
  state.variables.set(target.id, result);
}

function measure(context: Context, state: State, loop: Loop, demandDefined: boolean): Term[] {
  const conditions: Term[] = [];
  const terms = loop.decreases.map(({ expression }) =>
    scalar(evaluate(context, bodyClausePlace(context, state, conditions, true), expression)),
  );
  if (demandDefined) {
    const [first] = loop.decreases;
    if (first !== undefined)
      demandIn(context, state, 'defined', first.text, first.span, context.arithmetic.all(conditions));
  }
  return terms;
}

/** Demands that the measure has fallen since `before`. */
function demandDecreases(context: Context, state: State, loop: Loop, before: readonly Term[], text: string): void {
  const [first] = loop.decreases;
  if (first === undefined) {
    if (!context.subject.diverges) demandIn(context, state, 'decreases', text, loop.span, t.truth(false));
    return;
  }
  const after = measure(context, state, loop, false);
  const name = `${loop.decreases.map((clause) => clause.text).join(', ')} of ${text}`;
  demandIn(context, state, 'decreases', name, first.span, decreasesTerm(context.arithmetic, before, after));
}

function executeLoop(context: Context, entry: State, loop: Loop): State | undefined {
  const { arithmetic: m, facts } = context;
  for (const clause of loop.invariants) demandClause(context, entry, 'invariant entry', clause);
  const head = copyState(entry);
  havoc(context, head, loop);
  for (const clause of loop.invariants) assumeClause(context, head, clause);
  const condition = scalar(evaluate(context, codePlace(context, head), loop.condition));
  const text = context.textOf(loop.condition.span);
  const round = copyState(head);
  round.assumptions.push(condition);
  if (condition.kind !== 'truth')
    demandReachable(context, round, 'reachable', `${text} in a loop`, loop.span, mark('loop', loop.span));
  const before = measure(context, round, loop, true);
  const exits: Exits = { breaks: [], continues: [] };
  const end = executeAll(context, round, loop.body, exits);
  const last = mergeStates(facts, m, [...(end === undefined ? [] : [end]), ...exits.continues]);
  if (last !== undefined) {
    const updated = executeAll(context, last, loop.update, undefined);
    if (updated !== undefined) {
      for (const clause of loop.invariants) demandClause(context, updated, 'invariant kept', clause);
      demandDecreases(context, updated, loop, before, text);
    }
  }
  const done = copyState(head);
  done.assumptions.push(m.not(condition));
  const never = condition.kind === 'truth' && condition.value;
  return mergeStates(facts, m, [...(never ? [] : [done]), ...exits.breaks]);
}

function executeIf(
  context: Context,
  state: State,
  statement: Statement & { kind: 'if' },
  exits: Exits | undefined,
): State | undefined {
  const { arithmetic: m, facts } = context;
  const condition = scalar(evaluate(context, codePlace(context, state), statement.condition));
  const text = context.textOf(statement.condition.span);
  const whenTrue = copyState(state);
  whenTrue.assumptions.push(condition);
  demandReachable(context, whenTrue, 'reachable', text, statement.span, mark('then', statement.span));
  const whenFalse = copyState(state);
  whenFalse.assumptions.push(m.not(condition));
  if (statement.whenFalse.length > 0)
    demandReachable(context, whenFalse, 'reachable', `else of ${text}`, statement.span, mark('else', statement.span));
  const ends = [
    executeAll(context, whenTrue, statement.whenTrue, exits),
    executeAll(context, whenFalse, statement.whenFalse, exits),
  ];
  return mergeStates(
    facts,
    m,
    ends.filter((end) => end !== undefined),
  );
}

/** Demands the postconditions where the function returns, and that it was not to throw. */
function executeReturn(context: Context, state: State, value: Value | undefined, span: Span): void {
  const { subject } = context;
  if (value !== undefined) state.variables.set(subject.resultVariable.id, value);
  const place = codePlace(context, state);
  subject.throws.forEach(({ text }, i) => {
    place.demand('throws', text, span, context.arithmetic.not(context.entryThrows[i].holds));
  });
  for (const clause of subject.ensures) {
    const goal = scalar(evaluate(context, bodyClausePlace(context, state), clause.expression));
    codePlace(context, state).demand('ensures', clause.text, span, goal);
  }
}

/** The state after the statement; undefined when nothing comes after it. */
function execute(context: Context, state: State, statement: Statement, exits: Exits | undefined): State | undefined {
  switch (statement.kind) {
    case 'declare':
    case 'assign':
      state.variables.set(statement.variable.id, evaluate(context, codePlace(context, state), statement.value));
      return state;
    case 'create':
      executeCreate(context, state, statement.object);
      return state;
    case 'allocate':
      executeAllocate(context, state, statement);
      return state;
    case 'store':
      executeStore(context, state, statement);
      return state;
    case 'set':
      executeSet(context, state, statement);
      return state;
    case 'call':
      executeCall(context, state, statement);
      return state;
    case 'assert':
      if (statement.bits) executeAssertBits(context, state, statement.clause);
      else demandClause(context, state, 'assert', statement.clause);
      return state;
    case 'ghost': {
      const before = copyState(state);
      const end = executeAll(context, state, statement.body, undefined);
      // It is not run, so what is behind it is come to.
      if (end === undefined) demandIn(context, before, 'decreases', 'ghost code', statement.span, t.truth(false));
      return end;
    }
    case 'if':
      return executeIf(context, state, statement, exits);
    case 'loop':
      return executeLoop(context, state, statement);
    case 'break':
      exits!.breaks.push(state);
      return undefined;
    case 'continue':
      exits!.continues.push(state);
      return undefined;
    case 'throw': {
      const goal = announced(context, statement.error);
      demandIn(context, state, 'throws', `throw ${statement.error}`, statement.span, goal);
      context.demandKept(codePlace(context, state), statement.span, t.truth(true));
      return undefined;
    }
    case 'return': {
      const value =
        statement.value === undefined ? undefined : evaluate(context, codePlace(context, state), statement.value);
      executeReturn(context, state, value, statement.span);
      return undefined;
    }
  }
}

function executeAll(
  context: Context,
  state: State,
  statements: readonly Statement[],
  exits: Exits | undefined,
): State | undefined {
  let now: State | undefined = state;
  for (const statement of statements) {
    // Statements after a return are never run.
    if (now === undefined) return undefined;
    now = execute(context, now, statement, exits);
  }
  return now;
}

/** The state at the entry: parameters of which only their types and the preconditions are known. */
function enter(context: Context): State {
  const { subject, facts } = context;
  const state: State = { assumptions: [], variables: new Map(), arrays: new Map(context.tables) };
  for (const { id, name, type } of subject.parameters) {
    if (type.kind === 'array') {
      for (const column of columnsOf(id, type)) {
        const contents = facts.fresh(`${name}${column.path}`, 'Array');
        state.arrays.set(column.id, contents);
        context.entryArrays.set(column.id, contents);
      }
      context.lengths.set(id, facts.visible(`${name}_length`, 'Int', lengthRange));
    } else if (type.kind !== 'void') {
      const value = valueOfType(type, (sort, of, path) => facts.visible(`${name}${path}`, sort, rangeOfType(of)));
      state.variables.set(id, value);
      if (type.kind === 'object') context.entryObjects.set(id, value);
    }
  }
  for (const clause of subject.requires) {
    const conditions: Term[] = [];
    const goal = scalar(evaluate(context, bodyClausePlace(context, state, conditions), clause.expression));
    demandIn(context, state, 'defined', clause.text, clause.span, context.arithmetic.all(conditions));
    codePlace(context, state).assume(goal);
  }
  for (const clause of subject.throws) {
    const conditions: Term[] = [];
    const holds = scalar(evaluate(context, bodyClausePlace(context, state, conditions), clause.expression));
    demandIn(context, state, 'defined', clause.text, clause.span, context.arithmetic.all(conditions));
    context.entryThrows.push({ error: clause.error, holds });
  }
  return state;
}

/** Demands that the postconditions are defined in any state that a call may return in. */
function demandDefinedEnsures(context: Context, entry: State): void {
  const { subject, facts } = context;
  const state = copyState(entry);
  for (const { holds } of context.entryThrows) state.assumptions.push(context.arithmetic.not(holds));
  for (const variable of subject.parameters) {
    const { id } = variable;
    if (!subject.modifies.includes(id)) continue;
    if (isObjectVariable(variable))
      state.variables.set(
        id,
        forgetFields(context, objectValue(state, variable), variable, subject.fields.get(id) ?? []),
      );
    else state.arrays.set(id, facts.fresh(id, 'Array'));
  }
  if (subject.result.kind !== 'void' && subject.result.kind !== 'array') {
    state.variables.set(
      subject.resultVariable.id,
      valueOfType(subject.result, (sort, of, path) => facts.fresh(`result${path}`, sort, rangeOfType(of))),
    );
  }
  for (const clause of subject.ensures) {
    const conditions: Term[] = [];
    const goal = scalar(evaluate(context, bodyClausePlace(context, state, conditions), clause.expression));
    demandIn(context, state, 'defined', clause.text, clause.span, context.arithmetic.all(conditions));
    codePlace(context, state).assume(goal);
  }
}

/** All demands of a function; of one that is trusted, that its contract is defined. */
export function executeFunction(subject: FunctionIr, surroundings: Surroundings): Execution {
  const context = createContext(subject, surroundings);
  const state = enter(context);
  if (subject.requires.length > 0 && subject.body !== undefined)
    demandReachable(context, state, 'satisfiable', 'precondition', subject.span, 'entry');
  const conditions: Term[] = [];
  for (const { expression } of subject.decreases) {
    context.entryMeasure.push(
      scalar(
        evaluate(
          context,
          clausePlace(
            context,
            {
              variables: state.variables,
              arrays: state.arrays,
              oldArrays: state.arrays,
              oldVariables: state.variables,
              lengths: context.lengths,
            },
            conditions,
          ),
          expression,
        ),
      ),
    );
  }
  demandIn(context, state, 'defined', 'decreases', subject.span, context.arithmetic.all(conditions));
  demandDefinedEnsures(context, state);
  if (subject.body === undefined) return { context, demands: context.demands };
  const end = executeAll(context, state, subject.body, undefined);
  if (end !== undefined) {
    if (subject.result.kind === 'void') executeReturn(context, end, undefined, subject.span);
    else demandIn(context, end, 'returns', 'a value', subject.span, t.truth(false));
  }
  return { context, demands: context.demands };
}
