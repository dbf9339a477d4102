/**
 * The machine's side: linked riscv64 code executed on terms, on every path, from where a segment begins to each stop.
 *
 * Stops are as the source has them (source.ts): a return, a call that is an event, the head of a loop that is cut. The
 * code of a short callee is followed; what other calls leave behind is in machine-calls.ts, memory in machine-memory.ts.
 * A jump to where a function begins, with the return address of this one still in its register, is a call and a return.
 */
import type { FunctionIr } from '../../analyzers/ir.ts';
import { branchComparison, compute, type MachineOperation, operationAt } from '../../machine/semantics/riscv64.ts';
import type { Term } from '../smt/terms.ts';
import { extract, isFalse, negation, offsetFrom, terms, word } from './algebra.ts';
import { isFollowed } from './calls.ts';
import type { Entry } from './entry.ts';
import { callEvent, callLibrary, type LibraryFunction, type MachineCall } from './machine-calls.ts';
import { constantOf, type MachineState, placeOf, readAt, stackTop, writeAt } from './machine-memory.ts';
import type { SourceProgram } from './source.ts';
import { undecided } from './undecided.ts';

export type { MachineState } from './machine-memory.ts';

/** Linked code at its addresses. */
export interface CodeImage {
  readonly address: number;
  readonly bytes: Uint8Array;
  /** Keys of the program's functions by the addresses of their code; those without a body, too. */
  readonly functions?: ReadonlyMap<number, string>;
  /** Where the functions are that compilers call on their own. */
  readonly library?: ReadonlyMap<number, LibraryFunction>;
}

/** Bounds of the walk through one segment. */
const MOST_STEPS = 20_000;
const MOST_STOPS = 256;

const SP = 2;
/** gp and tp. */
const UNCHANGED = [3, 4];
const STACK_ALIGNMENT = 16;

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

interface Walk {
  readonly program: SourceProgram;
  readonly code: CodeImage;
  /** Where the function begins. */
  readonly start: number;
  readonly entry: Entry;
  readonly segment: string;
  readonly cuts: readonly MachineCut[];
  readonly stops: MachineStop[];
}

const hex = (address: number): string => `0x${address.toString(16)}`;

function withRegister(state: MachineState, rd: number, value: Term): readonly Term[] {
  return rd === 0 ? state.registers : state.registers.map((old, i) => (i === rd ? value : old));
}

function load({ entry }: Walk, state: MachineState, operation: MachineOperation & { kind: 'load' }, at: string) {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const [now, value] = readAt(entry, state, placeOf(entry, address, at), operation.bytes, at);
  const wide = operation.signed ? terms.signExtend(value, 64) : terms.zeroExtend(value, 64);
  return { ...now, registers: withRegister(now, operation.rd, wide) };
}

function store({ entry }: Walk, state: MachineState, operation: MachineOperation & { kind: 'store' }, at: string) {
  const address = terms.operate('bvadd', state.registers[operation.rs1], word(operation.offset));
  const value = extract(state.registers[operation.rs2], 0, operation.bytes * 8);
  return writeAt(entry, state, placeOf(entry, address, at), value, at);
}

/** The event that a jump to an address is, if it is one. */
function eventAt({ code, program }: Walk, target: number): FunctionIr | undefined {
  const key = code.functions?.get(target);
  return key === undefined || isFollowed(program.byKey, key) ? undefined : program.byKey.get(key);
}

/** An address of the image as registers hold it. */
const slid = ({ slide }: Entry, address: number): Term => terms.operate('bvadd', slide, word(address));

/** A jump: to code, or a call. `link`: the register that gets the address behind it. */
function jump(walk: Walk, state: MachineState, target: number, link: number, after: number, at: string) {
  const { code, entry, program, segment } = walk;
  const isCall = link === 1;
  const isTail = link === 0 && state.registers[1] === entry.returnAddress;
  const event = isCall || (isTail && target !== walk.start) ? eventAt(walk, target) : undefined;
  const library = isCall || isTail ? code.library?.get(target) : undefined;
  if (event === undefined && library === undefined)
    return [{ ...state, pc: target, registers: withRegister(state, link, slid(entry, after)) }];
  let now: MachineState;
  if (library !== undefined) now = callLibrary(entry, state, library, at);
  else {
    const made = callEvent(program, segment, entry, state, event!, at);
    walk.stops.push({ kind: 'call', ...made.call });
    now = made.after;
  }
  if (isCall) return [{ ...now, pc: after }];
  walk.stops.push({ kind: 'return', state: now });
  return [];
}

/** The ways on from an instruction; stops are noted. */
function step(walk: Walk, state: MachineState): readonly MachineState[] {
  const { code, entry } = walk;
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
      const value = operation.relative ? slid(entry, pc + operation.value) : word(operation.value);
      return [{ ...state, pc: after, registers: withRegister(state, operation.rd, value) }];
    }
    case 'load':
      return [{ ...load(walk, state, operation, at), pc: after }];
    case 'store':
      return [{ ...store(walk, state, operation, at), pc: after }];
    case 'branch': {
      const [a, b] = [registers[operation.rs1], registers[operation.rs2]];
      const { holds, negated } = branchComparison(terms, operation.condition, a, b);
      const taken = negated ? negation(holds) : holds;
      const way = (condition: Term, target: number): readonly MachineState[] =>
        isFalse(condition) ? [] : [{ ...state, pc: target, conditions: [...state.conditions, condition] }];
      return [...way(taken, pc + operation.offset), ...way(negation(taken), after)];
    }
    case 'jump':
      return jump(walk, state, pc + operation.offset, operation.rd, after, at);
    case 'jumpRegister': {
      const target = terms.operate('bvadd', registers[operation.rs1], word(operation.offset));
      if (target === entry.returnAddress && operation.rd === 0) {
        walk.stops.push({ kind: 'return', state });
        return [];
      }
      const known = constantOf(offsetFrom(entry.slide, target));
      if (known === undefined || known % 2 !== 0) return undecided(`${at}: a jump to where nobody knows`);
      return jump(walk, state, known, operation.rd, after, at);
    }
  }
}

/**
 * The state behind an instruction, held to what the ABI wants at all times and not only of a return: the stack pointer is
 * aligned and never above where it was at the entry, since what lies below it may be overwritten whenever a handler runs;
 * so what it moves past is lost. gp and tp stay as they are.
 */
function settled(entry: Entry, before: MachineState, state: MachineState): MachineState {
  const { registers, stack } = state;
  const at = hex(before.pc);
  for (const register of UNCHANGED)
    if (registers[register] !== entry.registers[register]) undecided(`${at}: a change of x${register}`);
  if (registers[SP] === before.registers[SP]) return state;
  const top = stackTop(entry, state, at);
  if (top > 0) undecided(`${at}: a stack pointer above the caller's`);
  if (top % STACK_ALIGNMENT !== 0) undecided(`${at}: a stack pointer that is not aligned`);
  if (top <= stackTop(entry, before, at)) return state;
  return { ...state, stack: new Map([...stack].filter(([offset]) => offset >= top)) };
}

/** All ways from where a segment begins to their stops. */
export function machineStops(
  program: SourceProgram,
  code: CodeImage,
  start: number,
  entry: Entry,
  cuts: readonly MachineCut[],
  from: { readonly segment: string; readonly state: MachineState },
): MachineStop[] {
  const walk: Walk = { program, code, start, entry, segment: from.segment, cuts, stops: [] };
  const pending: MachineState[] = [from.state];
  let steps = 0;
  for (let state = pending.pop(); state !== undefined; state = pending.pop()) {
    const { pc } = state;
    const cut = steps === 0 ? undefined : cuts.find(({ head }) => head === pc);
    steps++;
    if (steps > MOST_STEPS) undecided(`more than ${MOST_STEPS} instructions: a loop`);
    if (cut !== undefined) walk.stops.push({ kind: 'cut', cut: cut.number, state });
    else pending.push(...step(walk, state).map((next) => settled(entry, state, next)));
    if (walk.stops.length + pending.length > MOST_STOPS) undecided(`more than ${MOST_STOPS} ways through the code`);
  }
  return walk.stops;
}

/** The state at a function's entry. */
export const entryState = (entry: Entry, start: number, segment: string): MachineState => ({
  pc: start,
  ...{ registers: entry.registers, stack: entry.stack, regions: entry.regions, conditions: [], checks: [] },
  history: [],
  unknown: { prefix: segment, count: 0 },
});

/** What the ABI wants of a return: the stack pointer and the registers that callees keep are as they were. */
export function restored(entry: Entry, { registers }: MachineState): Term[] {
  const kept = [SP, 3, 4, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27];
  return kept.map((register) => terms.compare('=', registers[register], entry.registers[register]));
}
