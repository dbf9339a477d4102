/**
 * The machine's side: linked riscv64 code executed on terms, on every path, from a function's entry to its return.
 *
 * Memory is told apart by bases: an address is the stack pointer at the entry and a constant, or the beginning of one of
 * the caller's regions and any offset, which must be shown to lie in it. An address that is neither is not understood.
 * Of the stack only what is at or above the stack pointer of the moment is used: below it anything may change at any time.
 * Calls are followed into the callee's code; nothing is believed of it.
 */
import { branchComparison, compute, type MachineOperation, operationAt } from '../../machine/semantics/riscv64.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, isFalse, negation, offsetFrom, terms, word } from './algebra.ts';
import { type Entry, RESULT } from './entry.ts';
import { liesWithin, type Region, readBytes, writeBytes } from './memory.ts';
import { undecided } from './undecided.ts';

/** Linked code at its addresses. */
export interface CodeImage {
  readonly address: number;
  readonly bytes: Uint8Array;
}

/** Bounds of the walk through one function. */
const MOST_STEPS = 20_000;
const MOST_PATHS = 256;

export interface MachineState {
  readonly pc: number;
  readonly registers: readonly Term[];
  /** Bytes by their offset from the stack pointer at the entry. */
  readonly stack: ReadonlyMap<number, Term>;
  readonly regions: ReadonlyMap<string, Region>;
  readonly conditions: readonly Term[];
  /** What must hold for every access to be where it may be. */
  readonly checks: readonly Term[];
}

const SP = 2;
const hex = (address: number): string => `0x${address.toString(16)}`;

function withRegister(state: MachineState, rd: number, value: Term): readonly Term[] {
  return rd === 0 ? state.registers : state.registers.map((old, i) => (i === rd ? value : old));
}

/** A constant with its sign; undefined if the term is none. */
const constantOf = (term: Term | undefined): number | undefined =>
  term?.kind === 'bits' ? Number(BigInt.asIntN(64, term.value)) : undefined;

type Place =
  | { readonly kind: 'stack'; readonly offset: number }
  | { readonly kind: 'region'; readonly region: Region; readonly offset: Term };

function placeOf(entry: Entry, state: MachineState, address: Term, at: string): Place {
  const fromStack = offsetFrom(entry.stackPointer, address);
  if (fromStack !== undefined) {
    const offset = constantOf(fromStack) ?? undecided(`${at}: an address on the stack that is no constant`);
    return { kind: 'stack', offset };
  }
  for (const [name, base] of entry.bases) {
    const offset = offsetFrom(base, address);
    if (offset !== undefined) return { kind: 'region', region: state.regions.get(name)!, offset };
  }
  return undecided(`${at}: an address that belongs to no argument`);
}

/** Where the stack pointer is, from where it was at the entry. */
function stackTop(entry: Entry, { registers }: MachineState, at: string): number {
  return (
    constantOf(offsetFrom(entry.stackPointer, registers[SP])) ?? undecided(`${at}: the stack pointer is no constant`)
  );
}

function load(
  entry: Entry,
  state: MachineState,
  operation: MachineOperation & { kind: 'load' },
  at: string,
): MachineState {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const place = placeOf(entry, state, address, at);
  const { bytes } = operation;
  let value: Term | undefined;
  let { checks } = state;
  if (place.kind === 'region') {
    checks = [...checks, liesWithin(place.region, place.offset, bytes)];
    value = readBytes(place.region, place.offset, bytes);
  } else {
    if (place.offset < stackTop(entry, state, at)) undecided(`${at}: a read below the stack pointer`);
    value = stackValue(state, place.offset, bytes, at);
  }
  const wide = operation.signed ? terms.signExtend(value, 64) : terms.zeroExtend(value, 64);
  return { ...state, checks, registers: withRegister(state, operation.rd, wide) };
}

/** Bytes of the stack that were written, or carry arguments. A register that was saved comes back as the term that it was. */
function stackValue({ stack }: MachineState, offset: number, bytes: number, at: string): Term {
  const parts = Array.from(
    { length: bytes },
    (_, i) => stack.get(offset + i) ?? undecided(`${at}: a read of the stack that nothing wrote`),
  );
  const whole = wholeOf(parts);
  if (whole !== undefined) return whole;
  return parts
    .map((byte, i) =>
      terms.operate('bvshl', terms.zeroExtend(byte, bytes * 8), t.bitConstant(BigInt(8 * i), bytes * 8)),
    )
    .reduce((a, b) => terms.operate('bvor', a, b));
}

/** The term whose bytes these are, from the lowest on. */
function wholeOf(parts: readonly Term[]): Term | undefined {
  const sources = parts.map((part) =>
    part.kind === 'apply' && part.operator.startsWith('(_ extract') ? part.operands[0] : undefined,
  );
  const [first] = sources;
  if (first === undefined || t.bitsOf(first) < parts.length * 8) return undefined;
  const matches = parts.every(
    (part, i) => sources[i] === first && part.kind === 'apply' && part.operator === `(_ extract ${8 * i + 7} ${8 * i})`,
  );
  return matches ? extract(first, 0, parts.length * 8) : undefined;
}

function store(
  entry: Entry,
  state: MachineState,
  operation: MachineOperation & { kind: 'store' },
  at: string,
): MachineState {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const place = placeOf(entry, state, address, at);
  const { bytes } = operation;
  const value = extract(state.registers[operation.rs2], 0, bytes * 8);
  if (place.kind === 'region')
    return {
      ...state,
      checks: [...state.checks, liesWithin(place.region, place.offset, bytes)],
      regions: new Map(state.regions).set(place.region.name, writeBytes(place.region, place.offset, value)),
    };
  if (place.offset < stackTop(entry, state, at)) undecided(`${at}: a write below the stack pointer`);
  if (place.offset + bytes > 0) undecided(`${at}: a write to the caller's stack`);
  const stack = new Map(state.stack);
  for (let i = 0; i < bytes; i++) stack.set(place.offset + i, extract(value, 8 * i, 8));
  return { ...state, stack };
}

/** All ways from a function's entry to its return, each in the state in which it returns. */
export function machinePaths(code: CodeImage, start: number, entry: Entry): MachineState[] {
  const ended: MachineState[] = [];
  const pending: MachineState[] = [
    { pc: start, registers: entry.registers, stack: entry.stack, regions: entry.regions, conditions: [], checks: [] },
  ];
  let steps = 0;
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    steps++;
    if (steps > MOST_STEPS) undecided(`more than ${MOST_STEPS} instructions: a loop`);
    const next = step(code, entry, state);
    if (next === 'returned') ended.push(state);
    else pending.push(...next);
    if (ended.length + pending.length > MOST_PATHS) undecided(`more than ${MOST_PATHS} ways through the code`);
  }
  return ended;
}

function step(code: CodeImage, entry: Entry, state: MachineState): 'returned' | readonly MachineState[] {
  const { pc, registers } = state;
  const at = hex(pc);
  const decoded = operationAt(code.bytes, pc - code.address);
  if (decoded === undefined) return undecided(`${at}: an instruction without a meaning here`);
  const { operation, length } = decoded;
  const after = pc + length;
  switch (operation.kind) {
    case 'registers': {
      const value = compute(terms, operation.computation, registers[operation.rs1], registers[operation.rs2]);
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'immediate': {
      const value = compute(terms, operation.computation, registers[operation.rs1], word(operation.immediate));
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'upper': {
      const value = word(operation.relative ? pc + operation.value : operation.value);
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'load':
      return [{ ...load(entry, state, operation, at), pc: after }];
    case 'store':
      return [{ ...store(entry, state, operation, at), pc: after }];
    case 'branch': {
      const [a, b] = [registers[operation.rs1], registers[operation.rs2]];
      const { holds, negated } = branchComparison(terms, operation.condition, a, b);
      const taken = negated ? negation(holds) : holds;
      const way = (condition: Term, target: number): readonly MachineState[] =>
        isFalse(condition) ? [] : [{ ...state, pc: target, conditions: [...state.conditions, condition] }];
      return [...way(taken, pc + operation.offset), ...way(negation(taken), after)];
    }
    case 'jump':
      return [{ ...state, pc: pc + operation.offset, registers: withRegister(state, operation.rd, word(after)) }];
    case 'jumpRegister': {
      const target = terms.operate('bvadd', registers[operation.rs1], word(operation.offset));
      if (target === entry.returnAddress && operation.rd === 0) return 'returned';
      const known = constantOf(target) ?? undecided(`${at}: a jump to where nobody knows`);
      return [{ ...state, pc: known & ~1, registers: withRegister(state, operation.rd, word(after)) }];
    }
  }
}

/** What the ABI wants of a return: the stack pointer and the registers that callees keep are as they were. */
export function restored(entry: Entry, { registers }: MachineState): Term[] {
  const kept = [SP, 3, 4, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
  return kept.map((register) => terms.compare('=', registers[register], entry.registers[register]));
}

/** Regions that the machine wrote, but the result's. */
export const writtenRegions = ({ regions }: MachineState): string[] =>
  [...regions.values()].flatMap(({ name, writes }) => (writes.length > 0 && name !== RESULT ? [name] : []));
