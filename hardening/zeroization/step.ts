/**
 * One step of code that is followed: an instruction is executed on a state, and where control goes from it is decided, as
 * far as it can be. Calls go into the callee, returns back to the caller, functions that never return end the way.
 * Whatever is not understood ends everything, with the address and the reason.
 */
import { hex } from '../../base/errors.ts';
import { load, store } from './access.ts';
import type { HeapContext } from './heap.ts';
import { storeAt } from './memory.ts';
import { MOVES } from './moving-heap.ts';
import { giveUp } from './question.ts';
import type { State } from './state.ts';
import { valuesOf } from './tables.ts';
import { IMAGE, isExact, isOne, known, type TableEntry, type Truth, type Value } from './values.ts';

export interface FollowContext extends HeapContext {
  readonly neverReturns: ReadonlySet<number>;
  /** Of those, the ones of which that is believed by their name alone. */
  readonly believed: ReadonlySet<number>;
  /** Entries of code that works on a heap that moves its values. */
  readonly movingHeap: ReadonlySet<number>;
  readonly mostSteps: number;
  /** Of memory that is held while branches are open. */
  readonly mostBytes: number;
  readonly isOver?: () => boolean;
  readonly isCode: (address: number) => boolean;
  /** Where jumps through tables have been found to go, by the instruction. */
  readonly jumps: Map<number, ReadonlySet<number>>;
  /** Where a function's ways meet, by its entry. */
  readonly meetings: Map<number, ReadonlyMap<number, number>>;
  /** What states were where a way ended without a return, by the instruction. */
  readonly stopped: Map<number, { readonly state: State; readonly callee: number | undefined }>;
  steps: number;
}

const DEEPEST = 400;

/** A jump or a call to one of several places; which of them depends on the secret, or not. */
export interface Fork {
  readonly kind: 'jump' | 'call';
  readonly targets: readonly number[];
  readonly isSecret: boolean;
  /** Of a call: the stack pointer's offset in the callee. */
  readonly top: number;
}

/** Where a jump or a call goes. */
function goal(
  context: FollowContext,
  { kind, target }: { kind: 'jump' | 'call'; target: Value },
  pc: number,
  top: number,
) {
  if (target.entry === undefined) return constant(target, pc, `a ${kind}`);
  const targets = targetsOf(context, target.entry, pc, kind);
  return targets.length === 1 ? targets[0]! : { kind, targets, isSecret: target.taint !== 0, top };
}

/** Places that a table names: all of them code, or nobody knows what it is. */
function targetsOf({ access, isCode }: FollowContext, entry: TableEntry, pc: number, kind: string): number[] {
  const values = valuesOf(entry, access.regions[IMAGE]!);
  if (values === undefined) return giveUp(pc, `a ${kind} through a table of too many entries`);
  return values.map((value) => {
    if (value < FARTHEST && isCode(Number(value))) return Number(value);
    const where = `${hex(entry.low)} to ${hex(entry.high + entry.bytes - 1)}`;
    return giveUp(pc, `a ${kind} through a table at ${where}, of which an entry means ${hex(value)}, where no code is`);
  });
}

/** One step whose control is decided; what is left is a branch, a fork, or the end of the way. */
export function step(context: FollowContext, state: State): Truth | Stopped | Fork | undefined {
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
      if (control.condition === true) {
        if (context.movingHeap.has(control.to)) giveUp(pc, MOVES);
        state.pc = control.to;
      } else if (control.condition === false) state.pc = processor.next(pc);
      else return control.condition;
      return undefined;
    case 'jump': {
      const to = goal(context, control, pc, top.low);
      for (const one of typeof to === 'object' ? to.targets : [to]) if (context.movingHeap.has(one)) giveUp(pc, MOVES);
      if (typeof to === 'object') return to;
      state.pc = to;
      return undefined;
    }
    case 'call': {
      const to = goal(context, control, pc, top.low);
      return typeof to === 'object' ? to : enter(context, state, to, pc, top.low);
    }
    case 'return':
      leave(state, control.target, pc);
      return undefined;
    case 'stop':
      return { stopped: true, callee: undefined };
  }
}

/** The way ends here; in a call of a function that never returns, which one. */
export interface Stopped {
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

/** Enters a function that is called from `pc`, with the stack pointer at `top`. */
export function enter(context: FollowContext, state: State, to: number, pc: number, top: number): Stopped | undefined {
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

/** Returns from the innermost function that is being executed to `to`. */
export function leave(state: State, to: Value, pc: number): void {
  const { parent, returnTo } = state.frame!;
  if (!isOne(to, returnTo)) giveUp(pc, 'a return to elsewhere than to the caller');
  state.frame = parent;
  state.pc = parent === undefined ? RETURNED : constant(to, pc, 'a return');
}
