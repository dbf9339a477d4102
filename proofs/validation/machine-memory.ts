/**
 * The machine's memory, told apart by bases: an address is the stack pointer at the entry and a constant, or the beginning
 * of one of the caller's regions and any offset, which must be shown to lie in it. An address that is neither is not
 * understood. Of the stack only what is at or above the stack pointer of the moment is used: below it anything may change
 * at any time. A byte of the stack that nothing wrote may hold anything, and something else each time it is read.
 */
import type { Flags } from '../../machine/semantics/x86-64-flags.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, offsetFrom, terms, word } from './algebra.ts';
import type { Entry } from './entry.ts';
import { liesWithin, type Region, readBytes, writeBytes } from './memory.ts';
import { undecided } from './undecided.ts';

/** What x86-64 has beside general registers. */
export interface Beside {
  readonly flags: Flags<Term>;
  /** 16 vector registers as lanes of 64 bits. */
  readonly vectors: readonly (readonly Term[])[];
}

export interface MachineState {
  readonly pc: number;
  readonly registers: readonly Term[];
  /** Absent where nothing is known of it. */
  readonly beside?: Beside;
  /** Bytes by their offset from the stack pointer at the entry. */
  readonly stack: ReadonlyMap<number, Term>;
  readonly regions: ReadonlyMap<string, Region>;
  readonly conditions: readonly Term[];
  /** What must hold for every access to be where it may be; those before the last call were asked for there. */
  readonly checks: readonly Term[];
  /** Keys of the callees so far, in this segment. */
  readonly history: readonly string[];
  /** What starts the names of values of which nothing is known, and how many there are. */
  readonly unknown: { readonly prefix: string; readonly count: number };
}

export type Place =
  | { readonly kind: 'stack'; readonly offset: number }
  | { readonly kind: 'region'; readonly region: string; readonly offset: Term };

/** A constant with its sign; undefined if the term is none, or one of which doubles hold no more than about the value. */
export function constantOf(term: Term | undefined): number | undefined {
  const value = term?.kind === 'bits' ? Number(BigInt.asIntN(64, term.value)) : undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}

export function placeOf(entry: Entry, address: Term, at: string): Place {
  const fromStack = offsetFrom(entry.stackPointer, address);
  if (fromStack !== undefined) {
    const offset = constantOf(fromStack) ?? undecided(`${at}: an address on the stack that is no constant`);
    return { kind: 'stack', offset };
  }
  for (const [name, base] of entry.bases) {
    const offset = offsetFrom(base, address);
    if (offset !== undefined) return { kind: 'region', region: name, offset };
  }
  return tablePlace(entry, address) ?? undecided(`${at}: an address that belongs to no argument`);
}

/** The table that an address of the image is about: the last one that begins at its constant, or before. */
function tablePlace({ slide, tables }: Entry, address: Term): Place | undefined {
  const whole = offsetFrom(slide, address);
  if (whole === undefined) return undefined;
  const constant = constantOf(whole) ?? constantOf(whole.kind === 'apply' ? whole.operands.at(-1) : undefined);
  const below = tables.filter((one) => constant !== undefined && one.address <= constant);
  if (below.length === 0) return undefined;
  const { name, address: base } = below.reduce((best, one) => (one.address > best.address ? one : best));
  return { kind: 'region', region: name, offset: terms.operate('bvsub', whole, word(base)) };
}

/** Where the stack pointer is, from where it was at the entry. */
export function stackTop({ convention, stackPointer }: Entry, { registers }: MachineState, at: string): number {
  const offset = offsetFrom(stackPointer, registers[convention.stackPointer]);
  return constantOf(offset) ?? undecided(`${at}: the stack pointer is no constant`);
}

/** A value of which nothing is known. */
export function unknownValue(state: MachineState, width: number): readonly [MachineState, Term] {
  const { prefix, count } = state.unknown;
  return [
    { ...state, unknown: { prefix, count: count + 1 } },
    t.variable(`${prefix}.u${count}w${width}`, `BV${width}`),
  ];
}

/** The term whose bytes these are, from some byte of it on. */
function wholeOf(parts: readonly Term[]): Term | undefined {
  const [first] = parts;
  if (first.kind !== 'apply') return undefined;
  const [, from] = /^\(_ extract \d+ (\d+)\)$/.exec(first.operator) ?? [];
  if (from === undefined) return undefined;
  const low = Number(from);
  const whole = first.operands[0];
  const isNext = (part: Term, i: number): boolean =>
    part.kind === 'apply' &&
    part.operands[0] === whole &&
    part.operator === `(_ extract ${low + 8 * i + 7} ${low + 8 * i})`;
  return parts.every(isNext) ? extract(whole, low, parts.length * 8) : undefined;
}

/** Bytes in a row as one value, the first one lowest. */
export function joined(parts: readonly Term[]): Term {
  const width = parts.length * 8;
  const whole = wholeOf(parts);
  if (whole !== undefined) return whole;
  return parts
    .map((byte, i) => terms.operate('bvshl', terms.zeroExtend(byte, width), t.bitConstant(BigInt(8 * i), width)))
    .reduce((a, b) => terms.operate('bvor', a, b));
}

/** Bytes at a place. A register that was saved comes back as the term that it was. */
export function readAt(
  entry: Entry,
  state: MachineState,
  place: Place,
  count: number,
  at: string,
): readonly [MachineState, Term] {
  if (place.kind === 'region') {
    const region = state.regions.get(place.region)!;
    const checks = [...state.checks, liesWithin(region, place.offset, count)];
    return [{ ...state, checks }, readBytes(region, place.offset, count)];
  }
  if (place.offset < stackTop(entry, state, at)) undecided(`${at}: a read below the stack pointer`);
  let now = state;
  const parts: Term[] = [];
  for (let i = 0; i < count; i++) {
    let byte = now.stack.get(place.offset + i);
    if (byte === undefined) {
      if (place.offset + i >= 0) undecided(`${at}: a read of the caller's stack`);
      [now, byte] = unknownValue(now, 8);
    }
    parts.push(byte);
  }
  return [now, joined(parts)];
}

/** The state with a value written at a place. */
export function writeAt(entry: Entry, state: MachineState, place: Place, value: Term, at: string): MachineState {
  const bytes = t.bitsOf(value) / 8;
  if (place.kind === 'region') {
    if (!entry.writable.has(place.region)) undecided(`${at}: a write to what is only read`);
    const region = state.regions.get(place.region)!;
    const checks = [...state.checks, liesWithin(region, place.offset, bytes)];
    const regions = new Map(state.regions).set(place.region, writeBytes(region, place.offset, value));
    return { ...state, checks, regions };
  }
  if (place.offset < stackTop(entry, state, at)) undecided(`${at}: a write below the stack pointer`);
  if (place.offset + bytes > 0) undecided(`${at}: a write to the caller's stack`);
  const stack = new Map(state.stack);
  for (let i = 0; i < bytes; i++) stack.set(place.offset + i, extract(value, 8 * i, 8));
  return { ...state, stack };
}

/** A place so many bytes further. */
export const further = (place: Place, by: number): Place =>
  place.kind === 'stack'
    ? { kind: 'stack', offset: place.offset + by }
    : { ...place, offset: terms.operate('bvadd', place.offset, word(by)) };
