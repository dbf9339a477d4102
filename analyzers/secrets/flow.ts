/**
 * Statements: where a secret goes, and what is decided by one.
 *
 * Both ways of a branch are walked and joined, a loop until nothing more becomes secret. What a secret decides is secret
 * too: whatever is written on one of the ways, and after a way that leaves the loop or the function, whatever comes
 * behind. A wipe is none of that, as it leaves the same on every way that has one; joinStates sees where only one has.
 */
import type { Expression, Loop, Span, Statement, Variable } from '../ir.ts';
import { ownedArrays } from '../ir.ts';
import { runCall, secretOf } from './calls.ts';
import { decidedHere, type Walk } from './context.ts';
import { type Path, problem, step } from './paths.ts';
import { placesOf } from './roles.ts';
import { type Content, copyState, fieldCell, joinStates, type State, sameState } from './state.ts';
import { knownValue, literalOf, wipedBy } from './wipes.ts';

/** Where the ways out of a round of a loop are gathered. */
interface Round {
  readonly breaks: State[];
  readonly continues: State[];
  /** A secret decided about one of them. */
  decided?: Path;
}

/** Whether statements may leave the function, or the loop around them. */
function leavesOf(
  statements: readonly Statement[],
  inLoop = false,
): { readonly returns: boolean; readonly jumps: boolean } {
  const all = statements.map((statement) => {
    switch (statement.kind) {
      case 'return':
      case 'throw':
        return { returns: true, jumps: false };
      case 'break':
      case 'continue':
        return { returns: false, jumps: !inLoop };
      case 'if':
        return leavesOf([...statement.whenTrue, ...statement.whenFalse], inLoop);
      case 'loop':
        return leavesOf([...statement.body, ...statement.update], true);
      default:
        return { returns: false, jumps: false };
    }
  });
  return { returns: all.some(({ returns }) => returns), jumps: all.some(({ jumps }) => jumps) };
}

function setValue(
  walk: Walk,
  state: State,
  variable: Variable,
  path: Path | undefined,
  span: Span,
  known?: bigint,
): void {
  const { id, name } = variable;
  if (known === undefined) state.known.delete(id);
  else state.known.set(id, known);
  const why = path ?? (known === undefined ? walk.origins.get(id) : undefined);
  if (why === undefined) state.values.delete(id);
  else state.values.set(id, step(span, `${name} depends on it`, why));
}

function assign(
  walk: Walk,
  state: State,
  variable: Variable,
  value: Expression,
  span: Span,
  pc: Path | undefined,
): void {
  const path = secretOf(walk, state, value, pc) ?? decidedHere(state, pc);
  setValue(walk, state, variable, path, span, knownValue(state, walk.lengths, value));
}

/** What an array holds once a constant has been stored to one element. */
function storeConstant(
  content: Content,
  index: bigint | undefined,
  value: bigint,
  length: bigint | undefined,
): Content {
  if (content.kind === 'constant') return content.value === value ? content : { kind: 'public' };
  if (content.kind === 'public' || index === undefined) return content;
  const cleared = new Map(content.cleared).set(index, value);
  const whole =
    length !== undefined && BigInt(cleared.size) === length && [...cleared.values()].every((one) => one === value);
  return whole ? { kind: 'constant', value } : { ...content, cleared };
}

/** What an array holds after a store. */
function stored(walk: Walk, state: State, statement: Statement & { kind: 'store' }, pc: Path | undefined): Content {
  const { array, span } = statement;
  const { id, name } = array;
  const content = state.cells.get(id) ?? { kind: 'public' };
  const literal = literalOf(statement.value);
  const index = secretOf(walk, state, statement.index, pc);
  const value = secretOf(walk, state, statement.value, pc);
  const secret = (text: string, path: Path): Content => ({ kind: 'secret', path: step(span, text, path) });
  if (value !== undefined) return secret(`${name} gets what depends on it`, value);
  if (index !== undefined) return secret(`${name} is written, and it decides where`, index);
  const at = knownValue(state, walk.lengths, statement.index);
  const after: Content =
    literal === undefined ? { kind: 'public' } : storeConstant(content, at, literal, walk.lengths.get(id));
  if (after.kind !== 'public') return after;
  const here = decidedHere(state, pc);
  if (here !== undefined) return secret(`${name} is written, and it decides whether`, here);
  const origin = walk.origins.get(id);
  if (origin !== undefined) return secret(`${name} is filled`, origin);
  // One element that is written leaves the others as they are.
  return content.kind === 'secret' ? { kind: 'secret', path: content.path } : after;
}

function set(
  walk: Walk,
  state: State,
  { object, field, value, span }: Statement & { kind: 'set' },
  pc: Path | undefined,
): void {
  const cell = fieldCell(object, field);
  const path = secretOf(walk, state, value, pc);
  const literal = literalOf(value);
  const why = path ?? (literal === undefined ? (decidedHere(state, pc) ?? walk.origins.get(cell)) : undefined);
  state.cells.set(
    cell,
    why !== undefined
      ? { kind: 'secret', path: step(span, `${object.name}.${field} gets what depends on it`, why) }
      : literal === undefined
        ? { kind: 'public' }
        : { kind: 'constant', value: literal },
  );
}

/** Memory is made; what it was before, in the round before, must be gone. */
function make(walk: Walk, state: State, id: string, name: string, content: Content, span: Span): void {
  const before = state.cells.get(id);
  walk.names.set(id, name);
  if (before?.kind === 'secret' && !walk.roles.has(id))
    walk.report(
      problem(
        span,
        `${name} is made anew here, and what it held before depends on a secret and is not wiped`,
        before.path,
        'Wipe it at the end of the round, or make it once before the loop.',
      ),
    );
  state.cells.set(id, content);
}

function runIf(
  walk: Walk,
  statement: Statement & { kind: 'if' },
  state: State,
  pc: Path | undefined,
  round: Round | undefined,
): State | undefined {
  const { condition, whenTrue, whenFalse } = statement;
  const secret = secretOf(walk, state, condition, pc);
  const decided = secret && step(condition.span, 'it decides which way is taken', secret);
  const before = { breaks: round?.breaks.length ?? 0, continues: round?.continues.length ?? 0 };
  const ways = [whenTrue, whenFalse].map((way) => run(walk, way, copyState(state), decided ?? pc, round));
  const after = joinStates(ways, decided);
  if (decided === undefined) return after;
  const { returns, jumps } = leavesOf([...whenTrue, ...whenFalse]);
  // Where one of the ways leaves, whatever comes behind the other depends on it, in another round or behind the loop too.
  const jumping = [...(round?.breaks.slice(before.breaks) ?? []), ...(round?.continues.slice(before.continues) ?? [])];
  for (const one of after === undefined ? jumping : [after, ...jumping]) {
    if (returns) one.left ??= decided;
    if (jumps) one.jumped ??= decided;
  }
  return after;
}

function runLoop(walk: Walk, loop: Loop, entry: State, pc: Path | undefined): State | undefined {
  const wiped = wipedBy(loop, entry, walk.lengths);
  if (wiped !== undefined) {
    for (const [id, value] of wiped.arrays) entry.cells.set(id, { kind: 'constant', value });
    entry.known.delete(wiped.index);
    return entry;
  }
  let head = entry;
  for (;;) {
    walk.tick(loop.span);
    const secret = secretOf(walk, head, loop.condition, pc);
    const turns = secret && step(loop.condition.span, 'it decides how often the loop turns', secret);
    const round: Round = { breaks: [], continues: [] };
    const under = turns ?? pc;
    const body = run(walk, loop.body, copyState(head), under, round);
    const decided = turns ?? round.decided;
    const next = joinStates([body, ...round.continues], decided ?? body?.jumped);
    const end = next && run(walk, loop.update, next, under, undefined);
    const grown = joinStates([head, end], decided ?? end?.jumped)!;
    if (sameState(head, grown)) {
      const forEver = loop.condition.kind === 'boolean' && loop.condition.value;
      const after = joinStates([...(forEver ? [] : [grown]), ...round.breaks], decided ?? grown.jumped);
      if (after === undefined) return undefined;
      after.jumped = entry.jumped;
      if (turns !== undefined && leavesOf(loop.body).returns) after.left ??= turns;
      return after;
    }
    head = grown;
  }
}

/** Walks statements; undefined: no way comes to their end. The state given is changed. */
export function run(
  walk: Walk,
  statements: readonly Statement[],
  given: State,
  pc: Path | undefined,
  round: Round | undefined,
): State | undefined {
  let state: State | undefined = given;
  for (const statement of statements) {
    if (state === undefined) return undefined;
    state = runOne(walk, statement, state, pc, round);
  }
  return state;
}

function runOne(
  walk: Walk,
  statement: Statement,
  state: State,
  pc: Path | undefined,
  round: Round | undefined,
): State | undefined {
  const { span } = statement;
  walk.tick(span);
  switch (statement.kind) {
    case 'declare':
    case 'assign':
      // Ghost variables are in no compiled code.
      if (statement.variable.ghost !== true) assign(walk, state, statement.variable, statement.value, span, pc);
      return state;
    case 'create':
      for (const { id, name } of placesOf(statement.object)) make(walk, state, id, name, { kind: 'public' }, span);
      for (const { id, name } of ownedArrays(statement.object)) walk.names.set(id, name);
      return state;
    case 'allocate': {
      const { variable, values } = statement;
      const origin = values === undefined ? undefined : walk.origins.get(variable.id);
      const content: Content =
        values === undefined
          ? { kind: 'constant', value: 0n }
          : origin === undefined
            ? { kind: 'public' }
            : { kind: 'secret', path: step(span, `${variable.name} is made`, origin) };
      const length = secretOf(walk, state, statement.length, pc);
      if (length !== undefined)
        walk.report(
          problem(span, `how long ${variable.name} is depends on a secret`, length, 'Lengths are no secret anywhere.'),
        );
      make(walk, state, variable.id, variable.name, content, span);
      return state;
    }
    case 'store':
      state.cells.set(statement.array.id, stored(walk, state, statement, pc));
      return state;
    case 'set':
      set(walk, state, statement, pc);
      return state;
    case 'if':
      return runIf(walk, statement, state, pc, round);
    case 'loop':
      return runLoop(walk, statement, state, pc);
    case 'break':
    case 'continue': {
      if (round === undefined) return undefined;
      round[statement.kind === 'break' ? 'breaks' : 'continues'].push(state);
      const decided = decidedHere(state, pc);
      if (decided !== undefined) round.decided ??= decided;
      return undefined;
    }
    case 'return': {
      const path = statement.value && secretOf(walk, state, statement.value, pc);
      const decided = decidedHere(state, pc);
      const why = path ?? decided;
      if (statement.value !== undefined && why !== undefined) walk.give(span, why);
      walk.leave(state, { span, text: `${walk.own.name} returns` }, decided);
      return undefined;
    }
    case 'throw': {
      const decided = decidedHere(state, pc);
      if (decided !== undefined)
        walk.report(
          problem(
            span,
            `whether ${walk.own.name} throws this depends on a secret`,
            decided,
            'Whoever catches the error learns it.',
          ),
        );
      walk.leave(state, { span, text: `${walk.own.name} throws` }, decided);
      return undefined;
    }
    case 'call': {
      const path = runCall(walk, state, statement, pc) ?? decidedHere(state, pc);
      if (statement.target !== undefined) setValue(walk, state, statement.target, path, span);
      return state;
    }
    case 'assert':
    case 'ghost':
      return state;
  }
}
