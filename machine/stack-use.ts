/**
 * How much stack a function's machine code takes, and how deep it is where it calls: an abstract run of all its paths, in
 * which the stack pointer is a number of bytes below where it was at the entry.
 *
 * It is read from the code itself, so assembly and foreign objects are read like compiled ones, and nothing that a compiler
 * says is believed. A path that comes to an instruction by several ways goes on from the deepest. What is not understood
 * (a stack pointer that is computed, one that falls with every round of a loop) is a problem and not a number. Two things
 * are taken from the calling convention: that a call after which a function has no code does not return, and that a callee
 * gives the stack pointer and the frame pointer back as they were.
 */

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
  /** It is compared with the kept limit: a loop that touches pages on the way down ends where they are equal. */
  | { readonly kind: 'compare' }
  | { readonly kind: 'unknown' };

/** One instruction. */
export interface Step {
  readonly length: number;
  readonly effect: StackEffect;
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
  /** What a call puts on the stack itself. */
  readonly pushed?: number;
}

export interface CallSite {
  readonly at: bigint;
  readonly target: bigint | 'indirect';
  /** Bytes below the stack pointer at the function's entry when the callee begins. */
  readonly depth: number;
}

export interface StackUse {
  /** Bytes below the stack pointer at the entry, at most, what callees take not included. */
  readonly deepest: number;
  readonly calls: readonly CallSite[];
  /** What is not understood; then the numbers say nothing. */
  readonly problem?: { readonly at: bigint; readonly text: string };
}

interface State {
  readonly depth: number;
  readonly frame?: number;
  readonly limit?: number;
  /** The last comparison was with the limit. */
  readonly compared?: true;
}

/** Rounds after which a stack pointer that still falls is taken to fall for ever. */
const MOST_VISITS = 64;

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
  };
}

/** Callees may change the limit's register. */
function withoutLimit({ limit: _, ...state }: State): State {
  return state;
}

const isSame = (a: State | undefined, b: State): boolean =>
  a !== undefined && a.depth === b.depth && a.frame === b.frame && a.limit === b.limit && a.compared === b.compared;

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
      return 'the stack pointer is computed in a way that is not understood';
  }
}

/**
 * The stack use of the code in [start, end), which is entered at its start. `stepAt` decodes at an address; undefined: no
 * instruction is there. `tableAt` gives the targets of a table of jumps, none where there is no table.
 */
export function stackUse(
  start: bigint,
  end: bigint,
  stepAt: (address: bigint) => Step | undefined,
  tableAt: (table: bigint) => readonly bigint[],
): StackUse {
  const states = new Map<bigint, State>([[start, { depth: 0 }]]);
  const visits = new Map<bigint, number>();
  const calls = new Map<bigint, CallSite>();
  const pending = [start];
  let deepest = 0;
  const fail = (at: bigint, text: string): StackUse => ({ deepest, calls: [], problem: { at, text } });
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
    const { table } = step.jumpsAnywhere ?? {};
    const cases = table === undefined ? [] : tableAt(table);
    if (step.jumpsAnywhere !== undefined && (cases.length === 0 || cases.some((one) => one < start || one >= end)))
      return fail(at, 'a jump to where a register or memory says');
    const result = after(state, step.effect);
    if (typeof result === 'string') return fail(at, result);
    if (result.depth < 0) return fail(at, "the stack pointer rises above the caller's");
    const depth = result.depth + (step.pushed ?? 0);
    deepest = Math.max(deepest, depth, state.depth);
    if (step.call !== undefined) calls.set(at, { at, target: step.call, depth });
    const next = at + BigInt(step.length);
    const isInside = (address: bigint): boolean => start <= address && address < end;
    // On the way down page by page: a round more only while the limit is below.
    const probes = state.compared === true && step.whileUnequal === true && step.jump! <= at;
    if (step.jump !== undefined && !isInside(step.jump)) calls.set(at, { at, target: step.jump, depth });
    else if (step.jump !== undefined && !probes) enter(step.jump, result);
    for (const one of cases) enter(one, result);
    if (!step.continues) continue;
    if (!isInside(next)) {
      if (step.call === undefined) return fail(at, 'the function has no end');
      continue;
    }
    enter(next, probes ? { ...result, depth: result.limit! } : step.call === undefined ? result : withoutLimit(result));
  }
  return { deepest, calls: [...calls.values()] };
}
