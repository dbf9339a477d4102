/**
 * The source's side: a function of the IR executed on bits, on every path, from where a segment begins to each stop.
 *
 * A stop is where both sides are compared: a return, a call that is an event (calls.ts), the head of a loop that is cut
 * (cuts.ts). A way goes on behind a call, with fresh names for what the callee left, and ends at a return or a head. Other
 * loops are run round by round until their conditions say that they end. Statements become functions from states first,
 * each knowing what comes after it, so that a way can begin in the middle of a loop.
 *
 * Nothing of a contract is used but the function's own preconditions, which the caller adds (clauses.ts), and what is
 * proved at each place (expressions.ts). What is not understood leaves the function undecided.
 */
import type { Argument, Expression, FunctionIr, Loop, Statement } from '../../analyzers/ir.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { isFalse, negation, terms, word } from './algebra.ts';
import { arrayAfter, callTag, fieldsAfter, isFollowed, resultOf } from './calls.ts';
import { type ArrayPlace, bytesOf, type ObjectPlace, type SourceValue } from './entry.ts';
import { callsUnderCondition, type Evaluation, evaluate, offsetOf, type SourceState, scalar } from './expressions.ts';
import { writeBytes } from './memory.ts';
import { withArray, withObject } from './own-memory.ts';
import { undecided } from './undecided.ts';
import type { UsedWords } from './unused.ts';

/** More than these are no small function. */
const MOST_STOPS = 400;
const MOST_ROUNDS = 200;

/** What an event is called with. */
export type SourceArgument =
  | { readonly kind: 'value'; readonly value: SourceValue }
  | { readonly kind: 'array'; readonly place: ArrayPlace }
  | { readonly kind: 'object'; readonly place: ObjectPlace };

export type SourceStop = { readonly state: SourceState } & (
  | { readonly kind: 'return'; readonly value?: SourceValue }
  | { readonly kind: 'call'; readonly callee: FunctionIr; readonly arguments: readonly SourceArgument[] }
  /** The head of the loop that is cut, by its number. */
  | { readonly kind: 'cut'; readonly cut: number }
);

/** A loop that is cut behind so many of the conditions that it is entered on. */
export interface SourceCut {
  readonly number: number;
  readonly loop: Loop;
  readonly conditions: number;
  /** Whether the first round is run before the cut. */
  readonly peeled: boolean;
}

export interface SourceProgram {
  readonly byKey: ReadonlyMap<string, FunctionIr>;
  /** Places of functions in the program. */
  readonly places: ReadonlyMap<string, number>;
  readonly used: UsedWords;
}

type Next = (state: SourceState) => void;

/** What comes after a statement, however it is left. */
interface After {
  readonly next: Next;
  readonly broken: Next;
  readonly continued: Next;
  readonly returned: (state: SourceState, value?: SourceValue) => void;
}

/** A run of one segment. */
interface Walk {
  readonly program: SourceProgram;
  readonly segment: string;
  readonly cuts: readonly SourceCut[];
  readonly stops: SourceStop[];
  /** Where a cut loop goes on, by its number. */
  readonly resume: Map<number, Next>;
  /** Rounds of loops that are not cut. */
  rounds: number;
}

function stop(walk: Walk, one: SourceStop): void {
  walk.stops.push(one);
  if (walk.stops.length > MOST_STOPS) undecided(`more than ${MOST_STOPS} stops`);
}

const evaluation = (walk: Walk, now: SourceState): Evaluation => ({
  now,
  guards: [],
  call: (at, key, args) => callFunction(walk, at, key, args),
});

/** The parts of a condition, each of which must hold. */
export const conjuncts = (condition: Expression): readonly Expression[] =>
  condition.kind === 'logical' && condition.operator === 'and'
    ? [...conjuncts(condition.left), ...conjuncts(condition.right)]
    : [condition];

/** Where a condition leads; a call of an event in it is made only on the ways that come to it. */
function branch(walk: Walk, condition: Expression, whenTrue: Next, whenFalse: Next): Next {
  const isEvent = (key: string): boolean => !isFollowed(walk.program.byKey, key);
  if (callsUnderCondition(condition, isEvent)) {
    if (condition.kind === 'not') return branch(walk, condition.operand, whenFalse, whenTrue);
    if (condition.kind === 'logical' && condition.operator === 'and')
      return branch(walk, condition.left, branch(walk, condition.right, whenTrue, whenFalse), whenFalse);
    if (condition.kind === 'logical' && condition.operator === 'or')
      return branch(walk, condition.left, whenTrue, branch(walk, condition.right, whenTrue, whenFalse));
  }
  return (state) => {
    const at = evaluation(walk, state);
    const holds = scalar(evaluate(at, condition));
    const go = (taken: Term, next: Next): void => {
      if (!isFalse(taken)) next({ ...at.now, conditions: [...at.now.conditions, taken] });
    };
    go(holds, whenTrue);
    go(negation(holds), whenFalse);
  };
}

function compileLoop(walk: Walk, loop: Loop, after: After): Next {
  const head: Next = (state) => {
    if (cut === undefined && ++walk.rounds > MOST_ROUNDS) undecided('a loop that does not end within bounds');
    enter(state);
  };
  const update = compile(walk, loop.update, { ...after, next: head });
  const body = compile(walk, loop.body, {
    ...{ next: update, broken: after.next, continued: update, returned: after.returned },
  });
  const parts = conjuncts(loop.condition);
  const test = (of: readonly Expression[], then: Next): Next =>
    of.reduceRight((next, condition) => branch(walk, condition, next, after.next), then);
  const cut = walk.cuts.find((one) => one.loop === loop);
  const { conditions = 0, number = 0 } = cut ?? {};
  const inside = test(parts.slice(conditions), body);
  if (cut !== undefined) walk.resume.set(number, inside);
  const enter =
    cut === undefined
      ? inside
      : test(parts.slice(0, conditions), (state) => stop(walk, { kind: 'cut', cut: number, state }));
  return cut?.peeled === true ? test(parts, body) : head;
}

function compile(walk: Walk, statements: readonly Statement[], after: After): Next {
  return statements.reduceRight<Next>((next, statement) => compileOne(walk, statement, { ...after, next }), after.next);
}

function compileOne(walk: Walk, statement: Statement, after: After): Next {
  /** Computes, and goes on in the state that this leaves. */
  const computing =
    (body: (at: Evaluation) => void): Next =>
    (state) => {
      const at = evaluation(walk, state);
      body(at);
      after.next(at.now);
    };
  const write = (at: Evaluation, region: string, offset: Term, bytes: Term): void => {
    const regions = new Map(at.now.regions).set(region, writeBytes(at.now.regions.get(region)!, offset, bytes));
    at.now = { ...at.now, regions };
  };
  switch (statement.kind) {
    case 'declare':
    case 'assign':
      return computing((at) => {
        const { variable } = statement;
        if (variable.type.kind === 'object') {
          // Another name of an object would have to be one region with it.
          if (statement.kind === 'assign' || statement.value.kind !== 'record')
            return undecided('an object of its own');
          at.now = withObject(at.now, variable, evaluate(at, statement.value));
          return;
        }
        const value = evaluate(at, statement.value);
        at.now = { ...at.now, values: new Map(at.now.values).set(variable.id, value) };
      });
    case 'allocate':
      return computing((at) => {
        const length = scalar(evaluate(at, statement.length));
        at.now = withArray(at.now, statement.variable, length, statement.values);
      });
    case 'store':
      return computing((at) => {
        const { element } = statement.array.type;
        const array = at.now.arrays.get(statement.array.id) ?? undecided('an array of its own');
        const index = scalar(evaluate(at, statement.index));
        const bytes = bytesOf(scalar(evaluate(at, statement.value)), element);
        at.now = {
          ...at.now,
          assumptions: [...at.now.assumptions, terms.compare('bvult', index, array.length)],
        };
        write(at, array.region, offsetOf(index, array.elementBytes), bytes);
      });
    case 'set':
      return computing((at) => {
        const object = at.now.objects.get(statement.object.id) ?? undecided('an object of its own');
        const { fields } = statement.object.type.record;
        const field = fields.findIndex(({ name }) => name === statement.field);
        const place = object.layout.scalars.find(({ path }) => path.length === 1 && path[0] === field);
        if (place === undefined) return undecided('a field of an object that is a record');
        const bytes = bytesOf(scalar(evaluate(at, statement.value)), place.type);
        write(at, object.region, word(place.offset), bytes);
      });
    case 'if':
      return branch(
        walk,
        statement.condition,
        compile(walk, statement.whenTrue, after),
        compile(walk, statement.whenFalse, after),
      );
    case 'loop':
      return compileLoop(walk, statement, after);
    case 'break':
      return after.broken;
    case 'continue':
      return after.continued;
    case 'return':
      return (state) => {
        const at = evaluation(walk, state);
        const value = statement.value === undefined ? undefined : evaluate(at, statement.value);
        after.returned(at.now, value);
      };
    case 'call':
      return computing((at) => {
        const { target } = statement;
        const value = callFunction(walk, at, statement.function, statement.arguments);
        if (target !== undefined) {
          if (target.type.kind === 'object') return undecided('an object of its own');
          at.now = {
            ...at.now,
            values: new Map(at.now.values).set(target.id, value ?? undecided('a call that never returns')),
          };
        }
      });
    case 'assert':
    case 'ghost':
      return after.next;
    default:
      return () => undecided(`the statement ${statement.kind}`);
  }
}

function argumentOf(at: Evaluation, given: Argument): SourceArgument {
  if (given.kind === 'array') {
    const place = at.now.arrays.get(given.array.id) ?? undecided(`the table ${given.array.name}`);
    return { kind: 'array', place };
  }
  if (given.kind === 'object') {
    const place = at.now.objects.get(given.object.id) ?? undecided('an object of its own');
    return { kind: 'object', place };
  }
  return { kind: 'value', value: evaluate(at, given) };
}

function callFunction(walk: Walk, at: Evaluation, key: string, given: readonly Argument[]): SourceValue | undefined {
  const { byKey } = walk.program;
  const callee = byKey.get(key) ?? undecided(`a call of ${key}, which is unknown`);
  const args = given.map((one) => argumentOf(at, one));
  return isFollowed(byKey, key) ? followCall(walk, at, callee, args) : eventOf(walk, at, callee, args);
}

/** Runs the callee's body, which has one way through it. */
function followCall(
  walk: Walk,
  at: Evaluation,
  callee: FunctionIr,
  args: readonly SourceArgument[],
): SourceValue | undefined {
  const values = new Map<string, SourceValue>();
  // Of the caller's arrays a callee sees none but tables, whose names are the program's.
  const arrays = new Map(at.now.arrays);
  const objects = new Map<string, ObjectPlace>();
  for (const [i, one] of args.entries()) {
    const { id } = callee.parameters[i];
    if (one.kind === 'value') values.set(id, one.value);
    else if (one.kind === 'array') arrays.set(id, one.place);
    else objects.set(id, one.place);
  }
  const ended: { state: SourceState; value?: SourceValue }[] = [];
  const end = (state: SourceState, value?: SourceValue): void => {
    ended.push({ state, ...(value === undefined ? {} : { value }) });
  };
  const nowhere = (): never => undecided('a branch in what is followed');
  const body = compile(walk, callee.body!, { next: end, broken: nowhere, continued: nowhere, returned: end });
  body({ ...at.now, values, arrays, objects, assumptions: [] });
  if (ended.length !== 1) return undecided(`${callee.name} has not just one way through it`);
  const [{ state, value }] = ended;
  const facts =
    at.guards.length === 0 ? state.assumptions : state.assumptions.map((fact) => t.implies(t.all(at.guards), fact));
  const { regions, conditions } = state;
  at.now = { ...at.now, regions, conditions, assumptions: [...at.now.assumptions, ...facts] };
  return value;
}

/** A call at which both sides are compared. */
function eventOf(
  walk: Walk,
  at: Evaluation,
  callee: FunctionIr,
  args: readonly SourceArgument[],
): SourceValue | undefined {
  if (at.guards.length > 0) return undecided(`a call of ${callee.name} under a condition`);
  if (callee.throws.length > 0) return undecided(`a call of ${callee.name}, which throws`);
  stop(walk, { kind: 'call', state: at.now, callee, arguments: args });
  const tag = callTag(walk.segment, at.now.history.length, walk.program.places.get(callee.key)!);
  const { value, facts } = resultOf(callee, tag);
  const regions = new Map(at.now.regions);
  const known = [...facts];
  for (const [i, one] of args.entries()) {
    if (!callee.modifies.includes(callee.parameters[i].id) || one.kind === 'value') continue;
    const region = regions.get(one.place.region)!;
    if (one.kind === 'array') regions.set(region.name, arrayAfter(region, tag, i));
    else {
      const left = fieldsAfter(callee, one.place, tag, i);
      const after = left.writes.reduce((now, { offset, bytes }) => writeBytes(now, word(offset), bytes), region);
      regions.set(region.name, after);
      known.push(...left.facts);
    }
  }
  at.now = {
    ...at.now,
    regions,
    assumptions: [...at.now.assumptions, ...known],
    history: [...at.now.history, callee.key],
  };
  return value;
}

/** All ways through a function's body from a state, at its beginning or in a loop that is cut, to their stops. */
export function sourceStops(
  program: SourceProgram,
  subject: FunctionIr,
  cuts: readonly SourceCut[],
  from: { readonly segment: string; readonly state: SourceState; readonly cut?: number },
): SourceStop[] {
  const walk: Walk = { program, segment: from.segment, cuts, stops: [], resume: new Map(), rounds: 0 };
  const returned = (state: SourceState, value?: SourceValue): void =>
    stop(walk, { kind: 'return', state, ...(value === undefined ? {} : { value }) });
  // That each way returns a value is proved: what comes to the end without one is not there.
  const next: Next = subject.result.kind === 'void' ? returned : () => undefined;
  const nowhere = (): never => undecided('a jump out of no loop');
  const body = compile(walk, subject.body!, { next, broken: nowhere, continued: nowhere, returned });
  const begin = from.cut === undefined ? body : (walk.resume.get(from.cut) ?? undecided('a cut of no loop'));
  begin(from.state);
  return walk.stops;
}
