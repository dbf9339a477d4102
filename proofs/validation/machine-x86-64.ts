/**
 * x86-64 instructions in a walk: the meanings of machine/semantics on terms, and what is not theirs to say.
 *
 * - The return address is the first word of the stack, above all that the function may write, so it is never overwritten.
 *   A return is one when the stack pointer is where it was at the entry. A jump to where a function begins, at such a
 *   moment, conditional or not, is a call and a return.
 * - Nothing below the stack pointer is used: images are compiled without a red zone.
 * - What moves with the code is an address from the slide on. An instruction with an absolute address in it, which a
 *   slide rewrites, has no meaning here.
 * - An instruction that traps is not validated: quotients must fit, and vectors in memory lie where their instruction
 *   wants them.
 * - What the processor leaves undefined may be anything. Instructions of which only the operands are known stop a walk.
 * Source: System V ABI for x86-64, 3.2.
 */
import { BODY, execute } from '../../machine/semantics/x86-64.ts';
import { createOperationReader } from '../../machine/semantics/x86-64-code.ts';
import { addressOf, type Control, read, type X8664Machine } from '../../machine/semantics/x86-64-machine.ts';
import {
  LANES,
  type Operand,
  type Operation,
  RAX,
  RDX,
  type Refusal,
  RSP,
} from '../../machine/semantics/x86-64-operations.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { alike, negation, terms, word } from './algebra.ts';
import type { Entry } from './entry.ts';
import { type Beside, type MachineState, placeOf, readAt, stackTop, unknownValue, writeAt } from './machine-memory.ts';
import { undecided } from './undecided.ts';
import { branched, type CodeImage, calledThere, hex, type Instructions, slid, unslid, type Walk } from './walk.ts';

const VECTORS = 16;
/** Number of a register behind the general ones that holds how far the image was moved. */
const SLIDE = 16;

/** A place that moves with the code is one from the slide on. */
const slidOperand = (operand: Operand): Operand =>
  operand.kind === 'memory' && operand.isRelative ? { ...operand, base: SLIDE } : operand;

type Reader = (address: number) => Operation | Refusal;

const readers = new WeakMap<CodeImage, Reader>();

/** The operations of some code, each decoded once. */
function readerOf(code: CodeImage): Reader {
  const found = readers.get(code);
  if (found !== undefined) return found;
  const plain = createOperationReader([code]);
  const known = new Map<number, Operation | Refusal>();
  const reader: Reader = (address) => {
    let operation = known.get(address);
    if (operation === undefined) {
      operation = plain(address);
      if (!('refused' in operation)) operation = { ...operation, operands: operation.operands.map(slidOperand) };
      known.set(address, operation);
    }
    return operation;
  };
  readers.set(code, reader);
  return reader;
}

/** The machine on terms in one step: what it is left with is the state behind the step. */
interface Step {
  readonly machine: X8664Machine<Term, Term>;
  readonly after: () => MachineState;
  /** Holds a further condition to be met. */
  readonly check: (condition: Term) => void;
}

/** The state with names for what nothing is known of. */
function withBeside(state: MachineState): MachineState & { readonly beside: Beside } {
  if (state.beside !== undefined) return { ...state, beside: state.beside };
  let now = state;
  const unknown = (): Term => {
    const [next, value] = unknownValue(now, 64);
    now = next;
    return value;
  };
  const vectors = Array.from({ length: VECTORS }, () => Array.from({ length: LANES }, unknown));
  return { ...now, beside: { flags: { kind: 'bits', from: [] }, vectors } };
}

function begin(entry: Entry, state: MachineState, at: string): Step {
  let { beside, ...now }: MachineState & { readonly beside: Beside } = withBeside(state);
  const machine: X8664Machine<Term, Term> = {
    algebra: terms,
    general: [...state.registers, entry.slide],
    vectors: [...beside.vectors],
    flags: beside.flags,
    opaque: (_, width) => {
      const [next, value] = unknownValue(now, width);
      now = next;
      return value;
    },
    load: (address, bytes) => {
      const [next, value] = readAt(entry, now, placeOf(entry, address, at), bytes, at);
      now = { ...next };
      return value;
    },
    store: (address, value) => {
      now = writeAt(entry, now, placeOf(entry, address, at), value, at);
    },
    segmentBase: (segment) => undecided(`${at}: memory of the segment ${segment}`),
  };
  return {
    machine,
    after: () => ({
      ...now,
      registers: machine.general.slice(0, SLIDE),
      beside: { flags: machine.flags, vectors: machine.vectors },
    }),
    check: (condition) => {
      now = { ...now, checks: [...now.checks, condition] };
    },
  };
}

/** Vector moves without VEX that take any address, and those with it that do not. */
const takesAny = new Set(['movups', 'movupd', 'movdqu', 'lddqu']);
const wantsAligned = new Set('vmovaps vmovapd vmovdqa vmovntdq vmovntps vmovntpd vmovntdqa'.split(' '));

/** Holds vectors in memory to their alignment: of the stack it is known, of arguments it is not. */
function holdToAlignment(
  entry: Entry,
  { machine }: Step,
  { name, operands, clearsUpper }: Operation,
  at: string,
): void {
  if (clearsUpper ? !wantsAligned.has(name) : takesAny.has(name)) return;
  for (const operand of operands) {
    if (operand.kind !== 'memory' || operand.width < 128) continue;
    const place = placeOf(entry, addressOf(machine, operand), at);
    // At the entry the return address is 8 bytes below a multiple of 16.
    if (place.kind !== 'stack' || operand.width !== 128 || (place.offset + 8) % 16 !== 0)
      undecided(`${at}: ${name} of memory whose alignment is not known`);
  }
}

/** Holds a division to what does not trap. */
function holdToQuotient({ machine, check }: Step, { name, operands: [operand] }: Operation, at: string): void {
  const divisor = read(machine, operand);
  const width = t.bitsOf(divisor);
  const part = (number: number, low = 0): Term => read(machine, { kind: 'register', number, low, width });
  const [low, high] = width === 8 ? [part(RAX), part(RAX, 8)] : [part(RAX), part(RDX)];
  if (name === 'div') {
    check(terms.compare('bvult', high, divisor));
    return;
  }
  if (!alike(high, terms.operate('bvashr', low, t.bitConstant(BigInt(width - 1), width))))
    undecided(`${at}: a division of more than its width`);
  const smallest = t.bitConstant(1n << BigInt(width - 1), width);
  check(negation(terms.compare('=', divisor, t.bitConstant(0n, width))));
  check(
    t.any([
      negation(terms.compare('=', low, smallest)),
      negation(terms.compare('=', divisor, t.bitConstant(-1n, width))),
    ]),
  );
}

/** Where a jump or a call goes. */
function targetOf(entry: Entry, { machine }: Step, { name, target, operands }: Operation, at: string): number {
  if (target !== undefined) return target;
  if (operands[0].kind === 'memory') return undecided(`${at}: a ${name} through memory`);
  return unslid(entry, read(machine, operands[0])) ?? undecided(`${at}: a ${name} to where nobody knows`);
}

/** The state with a value pushed. */
function pushed(entry: Entry, state: MachineState, value: Term, at: string): MachineState {
  const bytes = t.bitsOf(value) / 8;
  const registers = [...state.registers];
  registers[RSP] = terms.operate('bvsub', registers[RSP], word(bytes));
  const lowered = { ...state, registers };
  return writeAt(entry, lowered, { kind: 'stack', offset: stackTop(entry, lowered, at) }, value, at);
}

/** The ways on behind a jump that was gone. */
function arrived(walk: Walk, state: MachineState, at: string): readonly MachineState[] {
  const isTail = stackTop(walk.entry, state, at) === 0;
  return (isTail ? calledThere(walk, state, state.pc, undefined, at) : undefined) ?? [state];
}

function returned(walk: Walk, state: MachineState, { operands }: Operation, at: string): readonly MachineState[] {
  const { entry, stops } = walk;
  if (operands.length > 0) return undecided(`${at}: a return that takes arguments away`);
  const top = stackTop(entry, state, at);
  const [now, target] = readAt(entry, state, { kind: 'stack', offset: top }, 8, at);
  if (target === entry.returnAddress) {
    if (top !== 0) return undecided(`${at}: a return with the stack pointer elsewhere`);
    stops.push({ kind: 'return', state });
    return [];
  }
  const pc = unslid(entry, target) ?? undecided(`${at}: a return to where nobody knows`);
  const registers = [...now.registers];
  registers[RSP] = terms.operate('bvadd', registers[RSP], word(8));
  return [{ ...now, pc, registers }];
}

/** The ways on from where control goes behind an instruction. */
function controlled(walk: Walk, state: MachineState, control: Control<Term, Term>, after: number, at: string) {
  if (control === undefined) return [{ ...state, pc: after }];
  if (control.kind === 'goto') return [{ ...state, pc: control.to }];
  if (control.kind === 'branch')
    return branched(state, control.condition, control.to, after).flatMap((way) =>
      way.pc === after ? [way] : arrived(walk, way, at),
    );
  return undecided(`${at}: the program stops`);
}

function step(walk: Walk, state: MachineState): readonly MachineState[] {
  const { code, entry } = walk;
  const { pc } = state;
  const at = hex(pc);
  const address = Math.floor(pc);
  const operation = readerOf(code)(address);
  if ('refused' in operation) return undecided(`${at}: ${operation.refused}`);
  const { name, length, opaque, isRepeated } = operation;
  if (opaque !== undefined) return undecided(`${at}: ${name}`);
  for (let i = address; i < address + length; i++)
    if (code.absolute?.has(i) === true) return undecided(`${at}: ${name} with an absolute address`);
  const one = begin(entry, state, at);
  const after = address + length;
  const isBody = pc !== address;
  switch (isBody ? undefined : name) {
    case 'ret':
      return returned(walk, state, operation, at);
    case 'call': {
      const target = targetOf(entry, one, operation, at);
      const called = calledThere(walk, one.after(), target, after, at);
      return called ?? [{ ...pushed(entry, one.after(), slid(entry, after), at), pc: target }];
    }
    case 'jmp':
      return arrived(walk, { ...one.after(), pc: targetOf(entry, one, operation, at) }, at);
    case 'push': {
      const value = read(one.machine, operation.operands[0]);
      return [{ ...pushed(entry, one.after(), value, at), pc: after }];
    }
    case 'div':
    case 'idiv':
      holdToQuotient(one, operation, at);
  }
  holdToAlignment(entry, one, operation, at);
  const control = execute(one.machine, operation, isBody);
  return controlled(walk, one.after(), control, isRepeated && !isBody ? pc + BODY : after, at);
}

function following(code: CodeImage, start: number, pc: number): readonly number[] {
  const operation = readerOf(code)(pc);
  if ('refused' in operation) return [];
  const { name, length, target } = operation;
  const after = pc + length;
  const isOther = (to: number): boolean =>
    to !== start && (code.functions?.has(to) === true || code.library?.has(to) === true);
  if (['ret', 'hlt', 'ud2', 'int3'].includes(name)) return [];
  if (name === 'call') return [after];
  const there = target === undefined || isOther(target) ? [] : [target];
  return name === 'jmp' ? there : [after, ...there];
}

export const x8664Instructions: Instructions = { step, following };
