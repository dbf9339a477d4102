/**
 * Following code with a secret in it, from a function's entry to its return, on all ways at once.
 *
 * Conditions that are constant are decided, so loops with known bounds run as they would. Where a condition is not known
 * both ways are followed to where they meet (flow.ts), and become one state there. A way that comes to the same branch
 * again before it meets the other is in a loop that nobody can count: after a few rounds its states are joined until
 * nothing new comes of it. Where a secret decides whether it comes there again, the loop's branch is secret, too, since
 * what is left to an earlier round is not there to be compared with the other way of the secret. Calls are followed into
 * the callee; a call that does not return ends its way. An allocator's call is not (heap.ts): where it may give memory or
 * none, both ways are followed as far as all others go.
 * A jump or a call through a table (tables.ts) is followed to each place that the table names.
 * Whatever is not understood ends everything, with the address and the reason.
 */
import { type AccessContext, load } from './access.ts';
import { commonFacts, type Facts, noFacts, withFacts } from './facts.ts';
import { END, meetingPlaces } from './flow.ts';
import { callAllocator } from './heap.ts';
import { bytesHeld, type Joining } from './memory.ts';
import { MOVES } from './moving-heap.ts';
import { giveUp } from './question.ts';
import { copyState, type Frame, joinState, type State } from './state.ts';
import { enter, type FollowContext, type Fork, leave, type Stopped, step } from './step.ts';
import { pointer, type Value } from './values.ts';

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
const MOST_OPEN = 2000;
/** Why nothing is known of what was not followed in the time that there was. */
export const OVER = 'the time for it is over';
/** Instructions between two looks at whether to go on. */
const BETWEEN_LOOKS = 1024;

function meetingPlace(context: FollowContext, frame: Frame, pc: number): number {
  let places = context.meetings.get(frame.entry);
  if (places === undefined) {
    const { processor, neverReturns, jumps } = context;
    places = meetingPlaces(frame.entry, (at) => {
      const to = jumps.get(at);
      return to === undefined ? processor.flowAt(at, neverReturns) : { to: [...to], leaves: false };
    });
    if (places === undefined) return giveUp(frame.entry, 'a function of too many instructions');
    context.meetings.set(frame.entry, places);
  }
  return places.get(pc) ?? END;
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

function refuseIfLarge({ mostBytes }: FollowContext, pc: number, bytes: number): void {
  if (bytes > mostBytes) giveUp(pc, `following it takes more than ${mostBytes} bytes of memory`);
}

const isAnySecret = (opens: Open | undefined): boolean =>
  opens !== undefined && (opens.isSecret || isAnySecret(opens.parent));

/** The states after an allocator at whose entry the state is has returned. */
function allocate(context: FollowContext, state: State, opens: Open | undefined): State[] {
  const { processor, access } = context;
  const { pc } = state;
  const { stackPointer, returnBytes } = processor;
  const top = state.general[stackPointer]!;
  const to = returnBytes > 0 ? load(access, state, top, returnBytes) : state.general[processor.link!]!;
  const after = callAllocator(context, state, isAnySecret(opens));
  for (const one of after) {
    one.general[stackPointer] = pointer(top.region, top.low + returnBytes, top.low + returnBytes);
    leave(one, to, pc);
  }
  return after;
}

/** Two ways that part where memory is given, or is not: what they come to at `until`. */
function followBoth(
  context: FollowContext,
  [state, other]: readonly [State, State],
  until: Until,
  opens: Open | undefined,
  open: number,
): State | undefined {
  const { pc } = state;
  if (open >= MOST_OPEN) giveUp(pc, 'too much memory is allocated that there may be or not');
  const held = (opens?.held ?? 0) + bytesHeld(other.memory);
  refuseIfLarge(context, pc, held);
  // No branch is there: nothing comes to this again.
  const depth = opens?.depth ?? 0;
  const inside: Open = { parent: opens, depth, pc: END, state, isSecret: false, rounds: 0, made: new Set(), held };
  const without = follow(context, other, until, inside, open + 1);
  const within = follow(context, state, until, inside, open + 1);
  if (without === undefined || within === undefined) return within ?? without;
  if (without.pc !== within.pc || without.frame?.depth !== within.frame?.depth) giveUp(pc, 'ways that do not meet');
  joinState({ regions: context.access.regions, isSecret: false, widen: false, made: new Set() }, within, without);
  return within;
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
    if (context.allocators.has(pc)) {
      const [within, without] = allocate(context, state, opens);
      if (without !== undefined) return followBoth(context, [within!, without], until, opens, open);
      continue;
    }
    const condition = step(context, state);
    if (condition === undefined) continue;
    if (typeof condition === 'object' && 'stopped' in condition) {
      stop(context, state, condition, opens);
      return undefined;
    }
    if (open >= MOST_OPEN) giveUp(pc, 'too many branches inside each other that nobody can decide');
    const met =
      typeof condition !== 'object'
        ? part(
            context,
            state,
            { isSecret: condition === 'secret', ways: (from) => branchWays(context, from) },
            opens,
            open,
          )
        : condition.kind === 'call'
          ? callEach(context, state, condition, opens, open)
          : part(context, state, jumping(context, condition), opens, open);
    if (met === undefined) return undefined;
    state = met;
  }
}

function matching(opens: Open | undefined, depth: number, pc: number): Open | undefined {
  for (let one = opens; one !== undefined && one.depth >= depth; one = one.parent)
    if (one.depth === depth && one.pc === pc) return one;
  return undefined;
}

/** Whether a secret that is inside of a branch has decided that control comes to it again. */
function isDecidedInside(earlier: Open | undefined, opens: Open | undefined): boolean {
  if (earlier === undefined) return false;
  for (let one = opens; one !== undefined && one !== earlier; one = one.parent) if (one.isSecret) return true;
  return false;
}

/** One way from a place where ways part. */
interface Way {
  readonly to: number;
  readonly facts: Facts;
}

/** A place where ways part. */
interface Parting {
  readonly isSecret: boolean;
  /** Of the state there, which may be one that stands for all rounds of a loop. */
  readonly ways: (state: State) => readonly Way[];
}

function branchWays({ processor, neverReturns, movingHeap }: FollowContext, state: State): Way[] {
  const { holds, fails } = processor.shownAt(state);
  const { to: places } = processor.flowAt(state.pc, neverReturns);
  for (const to of places) if (movingHeap.has(to)) giveUp(state.pc, MOVES);
  // The way straight on is the first.
  return places.map((to, i) => ({ to, facts: i === 0 ? fails : holds }));
}

/** A jump through a table. What a loop's state says of where it goes is asked of the instruction again. */
function jumping(context: FollowContext, first: Fork): Parting {
  return {
    isSecret: first.isSecret,
    ways: (state) => {
      const { pc } = state;
      const fork = step(context, state);
      const targets = typeof fork === 'object' && 'targets' in fork ? fork.targets : [state.pc];
      state.pc = pc;
      const seen = context.jumps.get(pc) ?? new Set();
      const all = new Set([...seen, ...targets]);
      if (all.size > seen.size) {
        context.jumps.set(pc, all);
        // Where ways meet was told without these.
        context.meetings.clear();
      }
      return targets.map((to) => ({ to, facts: noFacts }));
    },
  };
}

/** Follows all ways from where they part to where they meet. */
function part(
  context: FollowContext,
  arrived: State,
  parting: Parting,
  opens: Open | undefined,
  open: number,
): State | undefined {
  const { access } = context;
  const frame = arrived.frame!;
  const { depth } = frame;
  const { pc } = arrived;
  const earlier = matching(opens, depth, pc);
  // One way of a secret branch comes here again and another does not: how often it is come here says what is secret.
  const isSecret = parting.isSecret || earlier?.isSecret === true || isDecidedInside(earlier, opens);
  let state = arrived;
  let made = new Set<Value>();
  if (earlier !== undefined && earlier.rounds >= ROUNDS) {
    state = copyState(earlier.state);
    const looped = joiningBy(access, isSecret, { widen: true, made, earlier: earlier.made });
    const changed = joinState(looped, state, arrived);
    if (!changed && isSecret === earlier.isSecret) return undefined;
    // What was made before and stays is in one place still.
    made = new Set([...earlier.made, ...looped.made]);
  }
  const ways = parting.ways(state);
  const meeting: Until = { depth, pc: meetingPlace(context, frame, pc) };
  const rounds = (earlier?.rounds ?? 0) + 1;
  const held = (opens?.held ?? 0) + bytesHeld(state.memory);
  const inside: Open = { parent: opens, depth, pc, state, isSecret, rounds, made, held };
  let met: State | undefined;
  for (const { to, facts } of ways) {
    const way = copyState(state);
    way.pc = to;
    way.facts = withFacts(state.facts, facts);
    met = joined(context, { inside, met, open }, meeting, way);
  }
  return met;
}

const joiningBy = ({ regions }: AccessContext, isSecret: boolean, more: Partial<Joining> = {}): Joining => ({
  regions,
  isSecret,
  widen: false,
  made: new Set(),
  ...more,
});

/** Follows one more way to where all meet, and joins it with those before. */
function joined(
  context: FollowContext,
  { inside, met, open }: { readonly inside: Open; readonly met: State | undefined; readonly open: number },
  meeting: Until,
  way: State,
): State | undefined {
  const { pc, held, isSecret } = inside;
  const around = met === undefined ? inside : { ...inside, held: held + bytesHeld(met.memory) };
  refuseIfLarge(context, pc, around.held);
  const end = follow(context, way, meeting, around, open + 1);
  if (end === undefined) return met;
  // What held before the ways parted holds still, unless it was of a value that is another number by now; and nothing
  // that only one of them has shown.
  end.facts = commonFacts(inside.state.facts, end.facts);
  if (met === undefined) return end;
  if (end.pc !== met.pc || end.frame?.depth !== met.frame?.depth) giveUp(pc, 'ways that do not meet');
  joinState(joiningBy(context.access, isSecret), met, end);
  return met;
}

/** Calls each of several functions, and goes on behind the call. */
function callEach(
  context: FollowContext,
  state: State,
  { targets, isSecret, top }: Fork,
  opens: Open | undefined,
  open: number,
): State | undefined {
  const { pc } = state;
  const { depth } = state.frame!;
  const back: Until = { depth, pc: context.processor.next(pc) };
  const held = (opens?.held ?? 0) + bytesHeld(state.memory);
  const inside: Open = { parent: opens, depth, pc, state, isSecret, rounds: 0, made: new Set(), held };
  let met: State | undefined;
  for (const to of targets) {
    const way = copyState(state);
    const stopped = enter(context, way, to, pc, top);
    if (stopped !== undefined) stop(context, way, stopped, inside);
    else met = joined(context, { inside, met, open }, back, way);
  }
  return met;
}

/** The state after the function that begins at the state's pc has returned; undefined: it never does. */
export function followFunction(context: FollowContext, state: State): State | undefined {
  return follow(context, state, { depth: 0, pc: END }, undefined, 0);
}
