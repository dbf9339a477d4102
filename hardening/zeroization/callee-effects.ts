/**
 * What a callee that is not followed does to what it is not given: which registers of its caller's it puts on the stack,
 * which it leaves as they were, and how deep its stack goes.
 *
 * Compilers save registers in prologues, and align stacks by pushing any register, so what a caller has left in one comes
 * to lie in dead stack. Each instruction that direct jumps and calls reach from the callee's beginning is executed on
 * values of which only one thing is asked: are they what some register held at the entry, of those that carry no argument?
 * A store of one tells. What control or instructions do not tell is unclear: all registers are put away and stay as they
 * were.
 */
import { sourcesOf } from '../../machine/semantics/x86-64-flags.ts';
import { noFacts } from './facts.ts';
import type { Flow } from './flow.ts';
import { createMemory } from './memory.ts';
import type { MemoryAccess, Processor } from './processor.ts';
import type { State } from './state.ts';
import { byteOf, isEqual, isExact, join, pointer, STACK, unknown, type Value } from './values.ts';

export interface CalleeEffects {
  /** Whether registers that hold the secret at the entry may be put on the stack. */
  readonly spills: (state: State) => boolean;
  /** Registers that may hold afterwards what they held before. */
  readonly survives: {
    readonly general: ReadonlySet<number>;
    readonly vectors: ReadonlySet<number>;
    readonly flags: boolean;
  };
  /** Bytes below the stack pointer at the entry, at most; undefined: the code does not tell. */
  readonly depth: number | undefined;
}

/** Instructions of one callee with all that it calls. */
const MOST_INSTRUCTIONS = 20_000;
/** Marks of vectors lie above those of general registers. */
const VECTORS = 64;

const markOf = (register: number): Value => unknown(64, 255, undefined, 8 * register);

interface Found {
  /** Registers, by the numbers of their marks. */
  readonly stored: Set<number>;
  isUnclear: boolean;
}

function entryState(processor: Processor, entry: number, arguments_: number): State {
  const given = new Set(processor.argumentRegisters.slice(0, arguments_));
  const general = processor.names.map((_, i) => processor.atEntry.get(i) ?? (given.has(i) ? unknown(64) : markOf(i)));
  general[processor.stackPointer] = pointer(STACK, 0, 0);
  if (processor.link !== undefined) general[processor.link] = unknown(64);
  const { count, lanes } = processor.vectors;
  return {
    pc: entry,
    frame: undefined,
    general,
    vectors: Array.from({ length: count }, (_, i) => Array.from({ length: lanes }, () => markOf(VECTORS + i))),
    flags: { kind: 'bits', from: [unknown(1, 1)] },
    raised: unknown(1),
    facts: noFacts,
    memory: createMemory(),
    heap: new Map(),
  };
}

const copied = (state: State): State => ({ ...state, general: [...state.general], vectors: [...state.vectors] });

/** Joins `b` into `a`; whether `a` says something else now. */
function joinInto(a: State, b: State): boolean {
  let changed = false;
  const merge = (x: Value, y: Value): Value => {
    const next = join(x, y, true);
    if (isEqual(next, x)) return x;
    changed = true;
    return next;
  };
  a.general = a.general.map((value, i) => merge(value, b.general[i]!));
  a.vectors = a.vectors.map((lanes, i) => lanes.map((lane, j) => merge(lane, b.vectors[i]![j]!)));
  const taints = (state: State): boolean => sourcesOf(state.flags).some(({ taint }) => taint !== 0);
  if (taints(b) && !taints(a)) {
    a.flags = b.flags;
    changed = true;
  }
  return changed;
}

/** Registers of which bytes that are stored may be what they held; `false`: somebody computed with such. */
function registersIn(value: Value): number[] | false {
  const found = new Set<number>();
  for (let i = 0; i < value.width / 8; i++) {
    const byte = byteOf(value, i);
    if (byte.taint === 0) continue;
    if (byte.copy < 0) return false;
    found.add(byte.copy >> 3);
  }
  return [...found];
}

interface Reading {
  readonly processor: Processor;
  readonly neverReturns: ReadonlySet<number>;
  readonly found: Found;
  count: number;
  /** Functions that are being read. */
  readonly active: Set<number>;
}

/** What a function comes to: its stack (undefined: not known), and registers where it returns, if it does. */
interface Ended {
  readonly depth: number | undefined;
  readonly exit: State | undefined;
}

/** Executes one instruction; the target of a call, or that something is not told. */
function executeOne(
  { processor, found }: Reading,
  state: State,
  reach: (offset: number) => void,
): { called?: number; isUnclear: boolean } {
  const access: MemoryAccess = {
    load: (_, bytes) => unknown(8 * bytes),
    store: (address, value) => {
      // Below the stack pointer, too, where a convention has room for that.
      if (address.kind === 'pointer' && address.region === STACK) reach(address.low);
      const registers = registersIn(value);
      if (registers === false) found.isUnclear = true;
      else for (const one of registers) found.stored.add(one);
    },
  };
  const control = processor.execute(state, access);
  if (typeof control === 'string') return { isUnclear: true };
  if (control?.kind !== 'call') return { isUnclear: false };
  const { target } = control;
  // Functions that others share their prologues with are called by another register, and move the stack.
  const back = processor.link === undefined ? undefined : state.general[processor.link]!;
  if (back !== undefined && (back.kind !== 'known' || Number(back.value) !== processor.next(state.pc)))
    return { isUnclear: true };
  return target.kind === 'known' && target.value < 2n ** 52n
    ? { called: Number(target.value), isUnclear: false }
    : { isUnclear: true };
}

/** The state after a call: the callee's registers where it returns, and of those that it keeps the caller's. */
function returned({ processor }: Reading, before: State, exit: State): State {
  const { general, vectors } = processor.keeps;
  return {
    ...copied(exit),
    general: exit.general.map((value, i) => (general.has(i) ? before.general[i]! : value)),
    vectors: exit.vectors.map((lanes, i) => (vectors.has(i) ? before.vectors[i]! : lanes)),
  };
}

const unclear = ({ found }: Reading): Ended => {
  found.isUnclear = true;
  return { depth: undefined, exit: undefined };
};

/** Reads a function from the registers that it is entered with. */
function readFunction(reading: Reading, entry: number, entered: State): Ended {
  const { processor, neverReturns, found, active } = reading;
  const { stackPointer } = processor;
  if (active.has(entry)) return unclear(reading);
  active.add(entry);
  const start = copied(entered);
  start.general[stackPointer] = pointer(STACK, 0, 0);
  const nodes = new Map<number, State>([[entry, start]]);
  const pending = [entry];
  let lowest: number | undefined = 0;
  let exit: State | undefined;
  const reach = (offset: number | undefined): void => {
    lowest = offset === undefined || lowest === undefined ? undefined : Math.min(lowest, offset);
  };
  const offsetOf = (top: Value): number | undefined => (isExact(top) && top.region === STACK ? top.low : undefined);
  for (let pc = pending.pop(); pc !== undefined; pc = pending.pop()) {
    if (reading.count++ > MOST_INSTRUCTIONS || found.isUnclear) return unclear(reading);
    const flow: Flow = processor.flowAt(pc, neverReturns);
    let state = copied(nodes.get(pc)!);
    state.pc = pc;
    const before = copied(state);
    const { called, isUnclear } = executeOne(reading, state, reach);
    if (isUnclear || flow.isUnclear === true) return unclear(reading);
    const top = offsetOf(state.general[stackPointer]!);
    reach(top);
    if (called !== undefined && !neverReturns.has(called)) {
      const callee = readFunction(reading, called, state);
      reach(callee.depth === undefined || top === undefined ? undefined : top - callee.depth);
      if (callee.exit === undefined) continue;
      state = returned(reading, before, callee.exit);
    }
    if (flow.leaves) {
      if (exit === undefined) exit = state;
      else joinInto(exit, state);
    }
    for (const next of flow.to) {
      const node = nodes.get(next);
      if (node === undefined) nodes.set(next, copied(state));
      else if (!joinInto(node, state)) continue;
      pending.push(next);
    }
  }
  active.delete(entry);
  return { depth: lowest === undefined ? undefined : -lowest, exit };
}

function everything({ names, vectors }: Processor): CalleeEffects {
  const general = new Set(names.keys());
  const all = new Set(Array.from({ length: vectors.count }, (_, i) => i));
  return {
    spills: (state) => taintedRegisters(state).length > 0,
    survives: { general, vectors: all, flags: true },
    depth: undefined,
  };
}

function taintedRegisters({ general, vectors }: State): number[] {
  const isTainted = ({ taint }: Value): boolean => taint !== 0;
  return [
    ...general.flatMap((value, i) => (isTainted(value) ? [i] : [])),
    ...vectors.flatMap((lanes, i) => (lanes.some(isTainted) ? [VECTORS + i] : [])),
  ];
}

/** Reads callees as they are asked for; each once. `arguments_`: how many registers carry arguments. */
export function createCalleeEffects(
  processor: Processor,
  neverReturns: ReadonlySet<number>,
): (entry: number, arguments_: number) => CalleeEffects {
  const known = new Map<number, CalleeEffects>();
  return (entry, arguments_) => {
    let effects = known.get(entry);
    if (effects === undefined) {
      effects = readCallee(processor, neverReturns, entry, arguments_);
      known.set(entry, effects);
    }
    return effects;
  };
}

function readCallee(
  processor: Processor,
  neverReturns: ReadonlySet<number>,
  entry: number,
  arguments_: number,
): CalleeEffects {
  const found: Found = { stored: new Set(), isUnclear: false };
  const reading: Reading = { processor, neverReturns, found, count: 0, active: new Set() };
  const { depth, exit } = readFunction(reading, entry, entryState(processor, entry, arguments_));
  if (found.isUnclear || exit === undefined) return everything(processor);
  const isMarked = ({ taint }: Value): boolean => taint !== 0;
  const all = (list: readonly boolean[]): ReadonlySet<number> => new Set(list.flatMap((one, i) => (one ? [i] : [])));
  return {
    spills: (state) => taintedRegisters(state).some((register) => found.stored.has(register)),
    survives: {
      general: all(exit.general.map(isMarked)),
      vectors: all(exit.vectors.map((lanes) => lanes.some(isMarked))),
      flags: sourcesOf(exit.flags).some(isMarked),
    },
    depth,
  };
}
