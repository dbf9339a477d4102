/**
 * How much stack a function's machine code takes, and how deep it is where it calls: an abstract run of all its paths, in
 * which the stack pointer is a number of bytes below where it was at the entry.
 *
 * It is read from the code itself, so assembly and foreign objects are read like compiled ones, and nothing that a compiler
 * says is believed. A path that comes to an instruction by several ways goes on from the deepest. What is not understood
 * (a stack pointer that is computed, one that falls with every round of a loop) is a problem and not a number. Some things
 * are taken from the calling convention: that a call after which a function has no code does not return, that a callee
 * gives back as they were the stack pointer (which is checked where it returns) and the registers that callees keep, and
 * that a jump by a table stays within the table.
 *
 * Where a machine's code is made of parts, a frame's size or an address loaded into a register and used some instructions
 * later, the run knows of registers what they hold (stack-registers.ts).
 */
import { afterCall, afterMove, type Held, type Kept as KeptRegisters, type Move, meetHeld } from './stack-registers.ts';

export type Kept = 'frame' | 'limit';

/** What an instruction does to the stack pointer, and to the two registers that keep it. */
export type StackEffect =
  | { readonly kind: 'none' }
  /** The stack pointer falls by so many bytes, or rises. */
  | { readonly kind: 'grow'; readonly bytes: number; readonly forgets?: Kept }
  /** It is rounded down to a multiple of so many bytes. */
  | { readonly kind: 'align'; readonly bytes: number }
  /** A register becomes the stack pointer less so many bytes. */
  | { readonly kind: 'keep'; readonly register: Kept; readonly bytes: number }
  /** The limit falls by so many bytes. */
  | { readonly kind: 'lower'; readonly bytes: number }
  /** It becomes the frame register's value less so many bytes. */
  | { readonly kind: 'restore'; readonly bytes: number; readonly forgets?: Kept }
  | { readonly kind: 'forget'; readonly register: Kept }
  /** It falls by what a register holds, or, with the sign -1, rises. */
  | { readonly kind: 'growBy'; readonly register: number; readonly sign: 1 | -1 }
  /** It is compared with the kept limit: a loop that touches pages on the way down ends where they are equal. */
  | { readonly kind: 'compare' }
  /** Something else, with the reason where it is a known one. */
  | { readonly kind: 'unknown'; readonly text?: string };

/** One instruction. */
export interface Step {
  readonly length: number;
  readonly effect: StackEffect;
  /** What it does to another register. */
  readonly move?: Move;
  /** Registers that it may write besides. */
  readonly forgets?: readonly number[];
  /** Whether control may go on to the next instruction. */
  readonly continues: boolean;
  /** Where else it may go. */
  readonly jump?: bigint;
  /** The jump is taken while what was compared last is not equal. */
  readonly whileUnequal?: true;
  /** It jumps to where a register or memory says, and not back to its caller; where known, by a table at an address. */
  readonly jumpsAnywhere?: { readonly table?: bigint };
  /** What it calls; 'indirect': what a register or memory says. */
  readonly call?: bigint | 'indirect';
  /** The register that says where such a jump or call goes, and what is added to it. */
  readonly through?: { readonly register: number; readonly offset: number };
  /** It goes back to the caller. */
  readonly returns?: true;
  /** What a call puts on the stack itself. */
  readonly pushed?: number;
}

export interface CallSite {
  readonly at: bigint;
  readonly target: bigint | 'indirect';
  /** Bytes below the stack pointer at the function's entry when the callee begins. */
  readonly depth: number;
  /** It is no call, but a jump out of the function. */
  readonly isJump?: true;
}

export interface StackUse {
  /** Bytes below the stack pointer at the entry, at most, what callees take not included. */
  readonly deepest: number;
  readonly calls: readonly CallSite[];
  /** By instruction that is come to: bytes below the stack pointer at the entry that it and the frame register are then. */
  readonly depths: ReadonlyMap<bigint, { readonly depth: number; readonly frame?: number }>;
  /** What is not understood; then the numbers say nothing. */
  readonly problem?: { readonly at: bigint; readonly text: string };
}

interface State {
  readonly depth: number;
  readonly frame?: number;
  readonly limit?: number;
  /** The last comparison was with the limit. */
  readonly compared?: true;
  readonly held: Held;
}

/** What a machine's conventions say of registers. */
export interface Registers {
  /** Hold always, and at the entry. */
  readonly initial: Held;
  readonly kept: KeptRegisters;
  /** Bytes that a call has pushed below the caller's stack pointer: a function may take them off, and puts them back. */
  readonly returnBytes?: number;
}

const noRegisters: Registers = { initial: new Map(), kept: new Set() };

/** Targets of a table of jumps; with `relative`, its words are distances from the table. None: there is no table. */
export type TableAt = (table: bigint, relative: boolean) => readonly bigint[];

/** Rounds after which a stack pointer that still falls is taken to fall for ever. */
const MOST_VISITS = 128;

/** The deepest of two, and what is known in both. */
function meet(a: State | undefined, b: State): State {
  if (a === undefined) return b;
  const frame = a.frame === b.frame ? a.frame : undefined;
  const limit = a.limit === b.limit ? a.limit : undefined;
  const depth = Math.max(a.depth, b.depth);
  const compared = a.compared === true && b.compared === true;
  return {
    depth,
    ...(frame !== undefined && { frame }),
    ...(limit !== undefined && { limit }),
    ...(compared && { compared }),
    held: meetHeld(a.held, b.held),
  };
}

function heldAfter(held: Held, { move, forgets = [] }: Step): Held {
  const known = move === undefined ? held : afterMove(held, move);
  return forgets.reduce((rest, to) => afterMove(rest, { kind: 'forget', to }), known);
}

/** Callees may change the limit's register, and others. */
function afterCallee({ limit: _, ...state }: State, { kept }: Registers): State {
  return { ...state, held: afterCall(state.held, kept) };
}

const isSame = (a: State | undefined, b: State): boolean =>
  a !== undefined &&
  a.depth === b.depth &&
  a.frame === b.frame &&
  a.limit === b.limit &&
  a.compared === b.compared &&
  a.held.size === b.held.size;

/** The state after an effect; a text says why there is none. */
function after(state: State, effect: StackEffect): State | string {
  const { compared: _, ...rest } = state;
  const without = (kept: State, register: Kept | undefined): State => {
    if (register === undefined) return kept;
    const { [register]: __, ...left } = kept;
    return left as State;
  };
  switch (effect.kind) {
    case 'none':
      return rest;
    case 'grow':
      return without({ ...rest, depth: state.depth + effect.bytes }, effect.forgets);
    case 'growBy': {
      const by = state.held.get(effect.register);
      return by?.kind === 'number'
        ? { ...rest, depth: state.depth + effect.sign * by.value }
        : 'the stack pointer is changed by a register whose value is not known';
    }
    case 'align':
      return { ...rest, depth: state.depth + effect.bytes - 1 };
    case 'keep':
      return { ...rest, [effect.register]: state.depth + effect.bytes };
    case 'lower':
      return state.limit === undefined ? rest : { ...rest, limit: state.limit + effect.bytes };
    case 'restore':
      return state.frame === undefined
        ? 'the stack pointer is restored from a register whose value is not known'
        : without({ ...rest, depth: state.frame + effect.bytes }, effect.forgets);
    case 'forget':
      return without(rest, effect.register);
    case 'compare':
      return state.limit === undefined ? rest : { ...rest, compared: true };
    case 'unknown':
      return effect.text ?? 'the stack pointer is computed in a way that is not understood';
  }
}

const ANYWHERE =
  'a jump to where a register or memory says; if it is a call through a pointer at the end of a function, -fno-optimize-sibling-calls makes it one';

/** Where a jump or call through a register goes, if that is known. */
function destination({ held }: State, { through }: Step): bigint | undefined {
  const value = through && held.get(through.register);
  return value?.kind === 'number' ? BigInt(value.value + through!.offset) : undefined;
}

/** Where a jump by a table may go; nothing where it is none. */
function casesOf({ held }: State, { jumpsAnywhere, through }: Step, tableAt: TableAt): readonly bigint[] {
  if (jumpsAnywhere?.table !== undefined) return tableAt(jumpsAnywhere.table, false);
  const value = jumpsAnywhere && through?.offset === 0 ? held.get(through.register) : undefined;
  return value?.kind === 'entry' || value?.kind === 'case' ? tableAt(BigInt(value.table), value.kind === 'case') : [];
}

/**
 * The stack use of the code in [start, end), which is entered at its start. `stepAt` decodes at an address; undefined: no
 * instruction is there.
 */
export function stackUse(
  start: bigint,
  end: bigint,
  stepAt: (address: bigint) => Step | undefined,
  tableAt: TableAt,
  registers: Registers = noRegisters,
): StackUse {
  const states = new Map<bigint, State>([[start, { depth: 0, held: registers.initial }]]);
  const visits = new Map<bigint, number>();
  const calls = new Map<bigint, CallSite>();
  const pending = [start];
  let deepest = 0;
  const fail = (at: bigint, text: string): StackUse => ({
    deepest,
    calls: [],
    depths: new Map(),
    problem: { at, text },
  });
  const enter = (address: bigint, state: State): void => {
    const met = meet(states.get(address), state);
    if (isSame(states.get(address), met)) return;
    states.set(address, met);
    pending.push(address);
  };
  for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
    const count = (visits.get(at) ?? 0) + 1;
    visits.set(at, count);
    if (count > MOST_VISITS) return fail(at, 'the stack grows with each round of a loop');
    const state = states.get(at)!;
    const step = stepAt(at);
    if (step === undefined) return fail(at, 'there is no instruction');
    const known = destination(state, step);
    const cases = casesOf(state, step, tableAt);
    const jump = step.jump ?? (step.jumpsAnywhere === undefined ? undefined : known);
    if (step.jumpsAnywhere !== undefined && jump === undefined) {
      if (cases.length === 0 || cases.some((one) => one < start || one >= end)) return fail(at, ANYWHERE);
    }
    const changed = after(state, step.effect);
    if (typeof changed === 'string') return fail(at, changed);
    const result = { ...changed, held: heldAfter(changed.held, step) };
    if (result.depth < -(registers.returnBytes ?? 0)) return fail(at, "the stack pointer rises above the caller's");
    if (step.returns === true && result.depth !== 0)
      return fail(at, 'it returns with another stack pointer than it was called with');
    const depth = result.depth + (step.pushed ?? 0);
    deepest = Math.max(deepest, depth, state.depth);
    if (step.call !== undefined) {
      const target = step.call === 'indirect' ? (known ?? 'indirect') : step.call;
      calls.set(at, { at, target, depth });
    }
    const next = at + BigInt(step.length);
    const isInside = (address: bigint): boolean => start <= address && address < end;
    // On the way down page by page: a round more only while the limit is below.
    const probes = state.compared === true && step.whileUnequal === true && jump! <= at;
    if (jump !== undefined && !isInside(jump)) calls.set(at, { at, target: jump, depth, isJump: true });
    else if (jump !== undefined && !probes) enter(jump, result);
    for (const one of cases) enter(one, result);
    if (!step.continues) continue;
    if (!isInside(next)) {
      if (step.call === undefined) return fail(at, 'the function has no end');
      continue;
    }
    const past = step.call === undefined ? result : afterCallee(result, registers);
    enter(next, probes ? { ...result, depth: result.limit! } : past);
  }
  return { deepest, calls: [...calls.values()], depths: states };
}
