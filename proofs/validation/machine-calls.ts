/**
 * Calls in machine code: which arguments a callee finds where (convention.ts), and what it leaves.
 *
 * Behind a call the registers that callees may change hold anything, what lies below the stack pointer is lost, results
 * are where the ABI puts them, and what the callee may modify is as calls.ts says, wherever it lies. What the callee
 * writes must be apart from everything else that it is given; on the stack that is checked here, elsewhere regions are.
 * `memset` and `memcpy`, which compilers call on their own, are taken for what C says that they are.
 */
import type { FunctionIr } from '../../analyzers/ir.ts';
import type { Type } from '../../analyzers/types.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, terms, word } from './algebra.ts';
import { arrayAfter, arrayTag, callTag, fieldsAfter, resultOf } from './calls.ts';
import {
  LARGEST_BY_VALUE,
  resultInMemory,
  returnBytes,
  type Shape,
  type Slot,
  shapeOf,
  slotsOf,
} from './convention.ts';
import { type Entry, wordAbove } from './entry.ts';
import { layoutOf, type RecordLayout, scalarBytes } from './layout.ts';
import {
  constantOf,
  further,
  type MachineState,
  type Place,
  placeOf,
  readAt,
  stackTop,
  unknownValue,
  writeAt,
} from './machine-memory.ts';
import type { SourceProgram } from './source.ts';
import { undecided } from './undecided.ts';
import type { UsedWords } from './unused.ts';

/** A parameter as the callee finds it. */
export type Passed =
  | { readonly kind: 'scalar'; readonly type: Type; readonly word: Term }
  /** Without a length that the callee does not use. */
  | { readonly kind: 'array'; readonly place: Place; readonly length: Term | undefined; readonly elementBytes: number }
  | { readonly kind: 'object'; readonly place: Place; readonly layout: RecordLayout }
  /** In registers. */
  | { readonly kind: 'record'; readonly words: readonly Term[]; readonly layout: RecordLayout }
  | { readonly kind: 'reference'; readonly place: Place; readonly layout: RecordLayout }
  /** A scalar or a record that the callee does not use. */
  | { readonly kind: 'unused' };

const MOST_COPIED = 8192;
/** Of the stack pointer at a call, in bytes. */
const CALL_ALIGNMENT = 16;

const ADDRESS: Shape = { words: 1, onStack: false };

interface PassedAll {
  readonly state: MachineState;
  /** Where the result goes, if that is memory, and the address that says so. */
  readonly result?: { readonly place: Place; readonly address: Term };
  readonly passed: readonly Passed[];
  /** Where the arguments on the stack are, from the stack pointer at the entry. */
  readonly onStack: { readonly from: number; readonly to: number };
}

/** Where the first argument on the stack is; the stack pointer is where the ABI wants it. */
function stackArguments({ convention }: Entry, top: number, isTail: boolean, at: string): number {
  const pushed = returnBytes(convention);
  // At the entry there was one call before.
  if (isTail ? pushed > 0 && top !== 0 : (top + pushed) % CALL_ALIGNMENT !== 0)
    return undecided(`${at}: a call with a stack pointer that is not aligned`);
  return isTail ? top + pushed : top;
}

/** What a callee is given. */
function passedTo(
  entry: Entry,
  state: MachineState,
  callee: FunctionIr,
  used: UsedWords,
  isTail: boolean,
  at: string,
): PassedAll {
  const { convention } = entry;
  const first = stackArguments(entry, stackTop(entry, state, at), isTail, at);
  const hidden = resultInMemory(callee.result) === undefined ? [] : [ADDRESS];
  const shapes = callee.parameters.map(
    ({ type }) => shapeOf(convention, type) ?? undecided(`a parameter of kind ${type.kind}`),
  );
  const slots = slotsOf(convention, [...hidden, ...shapes]);
  let now = state;
  const wordAt = (slot: Slot): Term => {
    if (slot.kind === 'register') return now.registers[slot.register];
    const [after, value] = readAt(entry, now, { kind: 'stack', offset: first + slot.offset }, 8, at);
    now = after;
    return value;
  };
  const placeAt = (slot: Slot): Place => placeOf(entry, wordAt(slot), at);
  const passed = callee.parameters.map(({ id, type }, i): Passed => {
    const own = slots[i + hidden.length];
    const isUsed = used.get(callee.key)?.has(id) !== false;
    if (type.kind === 'array') {
      const elementBytes = scalarBytes(type.element) ?? undecided('a list');
      return { kind: 'array', place: placeAt(own[0]), length: isUsed ? wordAt(own[1]) : undefined, elementBytes };
    }
    if (type.kind !== 'object' && !isUsed) return { kind: 'unused' };
    const layout =
      layoutOf(type.kind === 'object' ? type.record : type) ?? undecided(`a parameter of kind ${type.kind}`);
    if (type.kind === 'object') return { kind: 'object', place: placeAt(own[0]), layout };
    if (type.kind !== 'record') return { kind: 'scalar', type, word: wordAt(own[0]) };
    if (layout.size <= LARGEST_BY_VALUE) return { kind: 'record', words: own.map(wordAt), layout };
    const [slot] = own;
    const copy: Place =
      shapes[i].onStack && slot.kind === 'stack' ? { kind: 'stack', offset: first + slot.offset } : placeAt(slot);
    return { kind: 'reference', place: copy, layout };
  });
  const onStack = slots.flat().flatMap((slot) => (slot.kind === 'stack' ? [first + slot.offset + 8] : []));
  const address = hidden.length === 0 ? undefined : wordAt(slots[0][0]);
  return {
    ...{ state: now, passed, onStack: { from: first, to: Math.max(first, ...onStack) } },
    ...(address === undefined ? {} : { result: { place: placeOf(entry, address, at), address } }),
  };
}

interface Extent {
  readonly place: Place;
  /** Undefined: unknown. */
  readonly size: number | undefined;
  readonly written: boolean;
}

/** Whether two are different memory for certain. */
function apart(a: Extent, b: Extent): boolean {
  if (a.place.kind !== b.place.kind) return true;
  if (a.place.kind === 'region' || b.place.kind === 'region')
    return a.place.kind === 'region' && b.place.kind === 'region' && a.place.region !== b.place.region;
  if (a.size === undefined || b.size === undefined) return false;
  return a.place.offset + a.size <= b.place.offset || b.place.offset + b.size <= a.place.offset;
}

function requireApart(callee: FunctionIr, passed: readonly Passed[], result: Place | undefined, at: string): void {
  const extents = passed.flatMap((one, i): Extent[] => {
    if (one.kind === 'scalar' || one.kind === 'record' || one.kind === 'unused') return [];
    const written = callee.modifies.includes(callee.parameters[i].id);
    if (one.kind !== 'array') return [{ place: one.place, size: one.layout.size, written }];
    const length = constantOf(one.length);
    return [{ place: one.place, size: length === undefined ? undefined : length * one.elementBytes, written }];
  });
  if (result !== undefined) extents.push({ place: result, size: resultInMemory(callee.result), written: true });
  for (const [i, a] of extents.entries())
    for (const b of extents.slice(i + 1))
      if ((a.written || b.written) && !apart(a, b)) undecided(`${at}: a call that may write what it is given twice`);
}

/** What any callee may change: registers, and what lies below the stack pointer. */
function clobbered(entry: Entry, state: MachineState, at: string): MachineState {
  const top = stackTop(entry, state, at);
  const { beside: _, ...others } = state;
  let now: MachineState = { ...others, stack: new Map([...state.stack].filter(([offset]) => offset >= top)) };
  const registers = [...state.registers];
  for (const register of entry.convention.changed) [now, registers[register]] = unknownValue(now, 64);
  return { ...now, registers };
}

/** The state with a scalar's part of a register; what is above it may be anything. */
function withPart(state: MachineState, register: number, part: Term): MachineState {
  const open = 64 - t.bitsOf(part);
  const [now, above] = open === 0 ? [state, undefined] : unknownValue(state, open);
  return inRegister(now, register, wordAbove(above, part));
}

const inRegister = (state: MachineState, register: number, value: Term): MachineState => ({
  ...state,
  registers: state.registers.map((old, i) => (i === register ? value : old)),
});

function arrayWritten(
  entry: Entry,
  state: MachineState,
  { place, length, elementBytes }: Passed & { kind: 'array' },
  tag: string,
  i: number,
  at: string,
): MachineState {
  if (place.kind === 'region') {
    if (constantOf(place.offset) !== 0) return undecided(`${at}: a part of an array as an argument`);
    if (!entry.writable.has(place.region)) return undecided(`${at}: a call that writes what is only read`);
    const region = state.regions.get(place.region)!;
    return { ...state, regions: new Map(state.regions).set(place.region, arrayAfter(region, tag, i)) };
  }
  const size =
    (constantOf(length) ?? undecided(`${at}: an array on the stack without a constant length`)) * elementBytes;
  if (size < 0 || size > MOST_COPIED) return undecided(`${at}: an array on the stack of ${size} bytes`);
  if (place.offset < stackTop(entry, state, at) || place.offset + size > 0)
    return undecided(`${at}: an array outside of the stack's frame`);
  const stack = new Map(state.stack);
  for (let j = 0; j < size; j++) stack.set(place.offset + j, t.call(`m.${arrayTag(tag, i)}`, [word(j)], 'BV8'));
  return { ...state, stack };
}

export interface MachineCall {
  readonly callee: FunctionIr;
  readonly passed: readonly Passed[];
  /** When it is called. */
  readonly state: MachineState;
}

/** A call that is an event: what it is called with, and the state behind it, but for the program counter. */
export function callEvent(
  program: SourceProgram,
  segment: string,
  entry: Entry,
  state: MachineState,
  callee: FunctionIr,
  isTail: boolean,
  at: string,
): { readonly call: MachineCall; readonly after: MachineState } {
  const { convention } = entry;
  const { state: called, passed, result, onStack } = passedTo(entry, state, callee, program.used, isTail, at);
  requireApart(callee, passed, result?.place, at);
  const tag = callTag(segment, state.history.length, program.places.get(callee.key)!);
  let now = clobbered(entry, { ...called, checks: [], history: [...state.history, callee.key] }, at);
  // Its arguments are the callee's to change.
  if (!isTail) now = { ...now, stack: new Map([...now.stack].filter(([at]) => at < onStack.from || at >= onStack.to)) };
  for (const [i, one] of passed.entries()) {
    if (!callee.modifies.includes(callee.parameters[i].id)) continue;
    if (one.kind === 'array') now = arrayWritten(entry, now, one, tag, i, at);
    if (one.kind !== 'object') continue;
    for (const { offset, bytes } of fieldsAfter(callee, one, tag, i).writes)
      now = writeAt(entry, now, further(one.place, offset), bytes, at);
  }
  const { words, bytes } = resultOf(callee, tag);
  const isRecord = callee.result.kind === 'record';
  for (const [i, value] of words.entries()) {
    const part = isRecord ? value : convention.resultPart(terms, value, callee.result);
    now = withPart(now, convention.results[i], part);
  }
  if (bytes !== undefined)
    for (const [i, byte] of bytes.entries()) now = writeAt(entry, now, further(result!.place, i), byte, at);
  if (result !== undefined && convention.givesAddress) now = inRegister(now, convention.results[0], result.address);
  return { call: { callee, passed, state: called }, after: now };
}

export type LibraryFunction = 'memset' | 'memcpy';

/** A call of what C's library promises, with a constant length. */
export function callLibrary(
  entry: Entry,
  state: MachineState,
  which: LibraryFunction,
  isTail: boolean,
  at: string,
): MachineState {
  const { convention } = entry;
  stackArguments(entry, stackTop(entry, state, at), isTail, at);
  const [to, what, length] = convention.arguments.map((register) => state.registers[register]);
  const count = constantOf(length) ?? undecided(`${at}: a ${which} without a constant length`);
  if (count < 0 || count > MOST_COPIED) return undecided(`${at}: a ${which} of ${count} bytes`);
  const target = placeOf(entry, to, at);
  let now = state;
  const bytes: Term[] = [];
  if (which === 'memcpy') {
    const source = placeOf(entry, what, at);
    if (!apart({ place: source, size: count, written: false }, { place: target, size: count, written: true }))
      return undecided(`${at}: a memcpy that may overlap`);
    for (let i = 0; i < count; i++) {
      const [after, byte] = readAt(entry, now, further(source, i), 1, at);
      now = after;
      bytes.push(byte);
    }
  } else for (let i = 0; i < count; i++) bytes.push(extract(what, 0, 8));
  for (const [i, byte] of bytes.entries()) now = writeAt(entry, now, further(target, i), byte, at);
  return inRegister(clobbered(entry, now, at), convention.results[0], to);
}
