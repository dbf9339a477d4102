/**
 * Following code with a secret in it, from a function's entry to its return, on all ways at once.
 *
 * Conditions that are constant are decided, so loops with known bounds run as they would. Where a condition is not known
 * both ways are followed to where they meet (flow.ts), and become one state there. A way that comes to the same branch
 * again before it meets the other is in a loop that nobody can count: after a few rounds its states are joined until
 * nothing new comes of it. Calls are followed into the callee; a call that does not return ends its way.
 * Whatever is not understood ends everything, with the address and the reason.
 */
import { type AccessContext, load, store } from './access.ts';
import { END, meetingPlaces } from './flow.ts';
import { bytesHeld, type Joining, storeAt } from './memory.ts';
import { MOVES } from './moving-heap.ts';
import type { Processor } from './processor.ts';
import { giveUp } from './question.ts';
import { copyState, type Frame, joinState, type State } from './state.ts';
import { isExact, isOne, known, type Truth, type Value } from './values.ts';

export interface FollowContext {
  readonly processor: Processor;
  readonly access: AccessContext;
  readonly neverReturns: ReadonlySet<number>;
  /** Of those, the ones of which that is believed by their name alone. */
  readonly believed: ReadonlySet<number>;
  /** Entries of code that works on a heap that moves its values. */
  readonly movingHeap: ReadonlySet<number>;
  readonly mostSteps: number;
  /** Of memory that is held while branches are open. */
  readonly mostBytes: number;
  readonly isOver?: () => boolean;
  /** Where a function's ways meet, by its entry. */
  readonly meetings: Map<number, ReadonlyMap<number, number>>;
  /** What states were where a way ended without a return, by the instruction. */
  readonly stopped: Map<number, { readonly state: State; readonly callee: number | undefined }>;
  steps: number;
}

/** A branch of which the ways have not met yet. */
interface Open {
  readonly parent: Open | undefined;
  readonly depth: number;
  readonly pc: number;
  readonly state: State;
  readonly isSecret: boolean;
  /** How many of the same branch are open. */
  readonly rounds: number;
  readonly made: ReadonlySet<Value>;
  /** Bytes that this and the branches around it keep. */
  readonly held: number;
}

interface Until {
  readonly depth: number;
  readonly pc: number;
}

/** Rounds of a loop that nobody can count, before its states are joined. */
const ROUNDS = 3;
const DEEPEST = 400;
const MOST_OPEN = 2000;
/** Why nothing is known of what was not followed in the time that there was. */
export const OVER = 'the time for it is over';
/** Instructions between two looks at whether to go on. */
const BETWEEN_LOOKS = 1024;

function meetingPlace(context: FollowContext, frame: Frame, pc: number): number {
  let places = context.meetings.get(frame.entry);
  if (places === undefined) {
    const { processor, neverReturns } = context;
    places = meetingPlaces(frame.entry, (at) => processor.flowAt(at, neverReturns));
    if (places === undefined) return giveUp(frame.entry, 'a function of too many instructions');
    context.meetings.set(frame.entry, places);
  }
  return places.get(pc) ?? END;
}

/** One step whose control is decided; what is left is a branch, or the end of the way. */
function step(context: FollowContext, state: State): Truth | Stopped | undefined {
  const { processor } = context;
  const { pc } = state;
  const access = {
    load: (address: Value, bytes: number) => load(context.access, state, address, bytes),
    store: (address: Value, value: Value, isSave = false) => store(context.access, state, address, value, isSave),
  };
  const control = processor.execute(state, access);
  if (typeof control === 'string') return giveUp(pc, control);
  const top = state.general[processor.stackPointer]!;
  if (!isExact(top) || top.region !== context.access.stack)
    return giveUp(pc, 'the stack pointer is computed in a way that is not understood');
  if (control === undefined) {
    state.pc = processor.next(pc);
    return undefined;
  }
  switch (control.kind) {
    case 'goto':
      if (context.movingHeap.has(control.to)) giveUp(pc, MOVES);
      state.pc = control.to;
      return undefined;
    case 'branch':
      if (control.condition === true) state.pc = control.to;
      else if (control.condition === false) state.pc = processor.next(pc);
      else return control.condition;
      return undefined;
    case 'jump':
      state.pc = constant(control.target, pc, 'a jump');
      if (context.movingHeap.has(state.pc)) giveUp(pc, MOVES);
      return undefined;
    case 'call':
      return enter(context, state, constant(control.target, pc, 'a call'), pc, top.low);
    case 'return':
      leave(state, control.target, pc);
      return undefined;
    case 'stop':
      return { stopped: true, callee: undefined };
  }
}

interface Stopped {
  readonly stopped: true;
  readonly callee: number | undefined;
}

/** Where no code is: behind the function's return. */
const RETURNED = -2;
/** Addresses of code are exact as numbers. */
const FARTHEST = 2n ** 52n;

function constant(target: Value, pc: number, what: string): number {
  if (target.kind === 'known' && target.value < FARTHEST) return Number(target.value);
  return giveUp(pc, `${what} to where nobody knows`);
}

/** The way ends here. What it leaves is kept, whatever is behind the branches that it is inside of. */
function stop(context: FollowContext, state: State, { callee }: Stopped, opens: Open | undefined): void {
  const { access, stopped } = context;
  const earlier = stopped.get(state.pc);
  if (earlier === undefined) {
    stopped.set(state.pc, { state: copyState(state), callee });
    return;
  }
  let isSecret = false;
  for (let one = opens; one !== undefined; one = one.parent) isSecret ||= one.isSecret;
  joinState({ regions: access.regions, isSecret, widen: false, made: new Set() }, earlier.state, state);
}

function enter(context: FollowContext, state: State, to: number, pc: number, top: number): Stopped | undefined {
  const { processor, neverReturns, access, movingHeap } = context;
  if (movingHeap.has(to)) giveUp(pc, MOVES);
  if (neverReturns.has(to)) {
    if (context.believed.has(to))
      access.assume('functions that are named as ones that never return (abort, exit, __stack_chk_fail) do not');
    return { stopped: true, callee: to };
  }
  const parent = state.frame!;
  if (parent.depth >= DEEPEST) giveUp(pc, 'calls that are nested too deeply');
  const returnTo = known(BigInt(processor.next(pc)), 64);
  // No pointer of a program leads to a return address.
  if (processor.returnBytes > 0) storeAt(state.memory, access.stack, top, returnTo, { at: pc, via: parent.via }, true);
  state.frame = {
    parent,
    depth: parent.depth + 1,
    via: { at: pc, parent: parent.via },
    entry: to,
    returnTo,
    stackPointer: top,
    atEntry: [...state.general],
  };
  state.pc = to;
  return undefined;
}

function leave(state: State, to: Value, pc: number): void {
  const { parent, returnTo } = state.frame!;
  if (!isOne(to, returnTo)) giveUp(pc, 'a return to elsewhere than to the caller');
  state.frame = parent;
  state.pc = parent === undefined ? RETURNED : constant(to, pc, 'a return');
}

function refuseIfLarge({ mostBytes }: FollowContext, pc: number, bytes: number): void {
  if (bytes > mostBytes) giveUp(pc, `following it takes more than ${mostBytes} bytes of memory`);
}

/** A state at `until`, or where the frame is left that it belongs to; undefined: no way comes there. */
function follow(
  context: FollowContext,
  start: State,
  until: Until,
  opens: Open | undefined,
  open: number,
): State | undefined {
  let state = start;
  for (;;) {
    const { frame, pc } = state;
    const depth = frame === undefined ? -1 : frame.depth;
    if (depth < until.depth || (depth === until.depth && pc === until.pc)) return state;
    context.steps++;
    if (context.steps % BETWEEN_LOOKS === 0) {
      refuseIfLarge(context, pc, (opens?.held ?? 0) + bytesHeld(state.memory));
      if (context.isOver?.() === true) giveUp(pc, OVER);
    }
    if (context.steps > context.mostSteps) giveUp(pc, `more than ${context.mostSteps} instructions`);
    const condition = step(context, state);
    if (condition === undefined) continue;
    if (typeof condition === 'object') {
      stop(context, state, condition, opens);
      return undefined;
    }
    if (open >= MOST_OPEN) giveUp(pc, 'too many branches inside each other that nobody can decide');
    const met = part(context, state, condition, opens, open);
    if (met === undefined) return undefined;
    state = met;
  }
}

function matching(opens: Open | undefined, depth: number, pc: number): Open | undefined {
  for (let one = opens; one !== undefined && one.depth >= depth; one = one.parent)
    if (one.depth === depth && one.pc === pc) return one;
  return undefined;
}

/** Follows both ways of a branch to where they meet. */
function part(
  context: FollowContext,
  arrived: State,
  condition: Truth,
  opens: Open | undefined,
  open: number,
): State | undefined {
  const { processor, access } = context;
  const frame = arrived.frame!;
  const { depth } = frame;
  const { pc } = arrived;
  const earlier = matching(opens, depth, pc);
  const isSecret = condition === 'secret' || earlier?.isSecret === true;
  const joining = (more: Partial<Joining>): Joining => ({
    regions: access.regions,
    isSecret,
    widen: false,
    made: new Set(),
    ...more,
  });
  let state = arrived;
  let made = new Set<Value>();
  if (earlier !== undefined && earlier.rounds >= ROUNDS) {
    state = copyState(earlier.state);
    const looped = joining({ widen: true, made, earlier: earlier.made });
    const changed = joinState(looped, state, arrived);
    if (!changed && isSecret === earlier.isSecret) return undefined;
    // What was made before and stays is in one place still.
    made = new Set([...earlier.made, ...looped.made]);
  }
  const flow = processor.flowAt(pc, context.neverReturns);
  const meeting: Until = { depth, pc: meetingPlace(context, frame, pc) };
  const rounds = (earlier?.rounds ?? 0) + 1;
  const held = (opens?.held ?? 0) + bytesHeld(state.memory);
  const inside: Open = { parent: opens, depth, pc, state, isSecret, rounds, made, held };
  let met: State | undefined;
  for (const to of flow.to) {
    const way = copyState(state);
    way.pc = to;
    const around = met === undefined ? inside : { ...inside, held: held + bytesHeld(met.memory) };
    refuseIfLarge(context, pc, around.held);
    const end = follow(context, way, meeting, around, open + 1);
    if (end === undefined) continue;
    if (met === undefined) met = end;
    else {
      if (end.pc !== met.pc || end.frame?.depth !== met.frame?.depth) giveUp(pc, 'ways that do not meet');
      joinState(joining({}), met, end);
    }
  }
  return met;
}

/** The state after the function that begins at the state's pc has returned; undefined: it never does. */
export function followFunction(context: FollowContext, state: State): State | undefined {
  return follow(context, state, { depth: 0, pc: END }, undefined, 0);
}
