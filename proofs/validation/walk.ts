/**
 * What the walks through the code of all machines share: linked code, stops, and calls of functions that are events.
 */
import type { FunctionIr } from '../../analyzers/ir.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { isFalse, negation, offsetFrom, terms, word } from './algebra.ts';
import { isFollowed } from './calls.ts';
import type { MachineName } from './convention.ts';
import type { Entry, TablePlace } from './entry.ts';
import { callEvent, callLibrary, type LibraryFunction, type MachineCall } from './machine-calls.ts';
import { constantOf, type MachineState } from './machine-memory.ts';
import type { SourceProgram } from './source.ts';

/** Linked code at its addresses. */
export interface CodeImage {
  readonly machine: MachineName;
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Keys of the program's functions by the addresses of their code; those without a body, too. */
  readonly functions?: ReadonlyMap<number, string>;
  /** Where the functions are that compilers call on their own. */
  readonly library?: ReadonlyMap<number, LibraryFunction>;
  /**
   * Fields of code that hold addresses of the image, by where they begin. An image that is moved has them changed, so that
   * they mean the same; it is moved to no place that does not fit into one. Code that is reached relative to itself needs
   * none.
   */
  readonly absolute?: ReadonlyMap<number, AddressField>;
  /**
   * Where the word is that stack protectors compare with what they kept of it. Nobody knows its value, and nobody changes
   * it while a function runs that reads it.
   */
  readonly guard?: Guard;
  /** Of the program's tables those whose memory holds what the source says, where nobody writes. */
  readonly tables?: readonly TablePlace[];
}

/** How a field holds an address: in 8 bytes, or in 4 that zeros or their sign extend; of the others nothing is known. */
export type AddressField = 'word' | 'unsigned' | 'signed' | 'other';

export interface Guard {
  readonly address: number;
  /** Slots of the GOT that hold this address: compilers go through one. */
  readonly slots: readonly number[];
}

export type MachineStop = { readonly state: MachineState } & (
  | { readonly kind: 'return' }
  | ({ readonly kind: 'call' } & MachineCall)
  | { readonly kind: 'cut'; readonly cut: number }
);

/** A loop that is cut at the instruction at `head`. */
export interface MachineCut {
  readonly number: number;
  readonly head: number;
}

export interface Walk {
  readonly program: SourceProgram;
  readonly code: CodeImage;
  /** Where the function begins. */
  readonly start: number;
  readonly entry: Entry;
  readonly segment: string;
  readonly cuts: readonly MachineCut[];
  readonly stops: MachineStop[];
}

/** What a machine's instructions do in a walk. */
export interface Instructions {
  /** The ways on from an instruction; stops are noted. */
  readonly step: (walk: Walk, state: MachineState) => readonly MachineState[];
  /** The addresses that may come after an instruction in the same function. */
  readonly following: (code: CodeImage, start: number, pc: number) => readonly number[];
}

export const hex = (address: number): string => `0x${address.toString(16)}`;

/** An address of the image as registers hold it. */
export const slid = ({ slide }: Entry, address: number): Term => terms.operate('bvadd', slide, word(address));

/** The address of the image that a register holds, where the image is not moved; undefined if it is none. */
export const unslid = ({ slide }: Entry, address: Term): number | undefined => constantOf(offsetFrom(slide, address));

const GUARD = t.variable('guard', 'BV64');

/** What the word at an address is: the guard, or where it lies. */
export function guardWord(entry: Entry, { guard }: CodeImage, address: Term): Term | undefined {
  const at = guard && unslid(entry, address);
  if (at === undefined) return undefined;
  if (at === guard!.address) return GUARD;
  return guard!.slots.includes(at) ? slid(entry, guard!.address) : undefined;
}

/** Both ways of a branch, as far as they may be gone. */
export function branched(state: MachineState, taken: Term, target: number, after: number): readonly MachineState[] {
  const way = (condition: Term, pc: number): readonly MachineState[] =>
    isFalse(condition) ? [] : [{ ...state, pc, conditions: [...state.conditions, condition] }];
  return [...way(taken, target), ...way(negation(taken), after)];
}

/** The event that a jump to an address is, if it is one. */
function eventAt({ code, program }: Walk, target: number): FunctionIr | undefined {
  const key = code.functions?.get(target);
  return key === undefined || isFollowed(program.byKey, key) ? undefined : program.byKey.get(key);
}

/**
 * The ways on behind a call that nobody steps into; undefined where there is none at the target. `after`: where it comes
 * back to; undefined: to this function's caller, so that it is a call and a return.
 */
export function calledThere(
  walk: Walk,
  state: MachineState,
  target: number,
  after: number | undefined,
  at: string,
): readonly MachineState[] | undefined {
  const { code, entry, program, segment, start, stops } = walk;
  const isTail = after === undefined;
  const event = isTail && target === start ? undefined : eventAt(walk, target);
  const library = code.library?.get(target);
  if (event === undefined && library === undefined) return undefined;
  let now: MachineState;
  if (library !== undefined) now = callLibrary(entry, state, library, isTail, at);
  else {
    const made = callEvent(program, segment, entry, state, event!, isTail, at);
    stops.push({ kind: 'call', ...made.call });
    now = made.after;
  }
  if (!isTail) return [{ ...now, pc: after }];
  stops.push({ kind: 'return', state: now });
  return [];
}
