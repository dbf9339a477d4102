/**
 * x86-64 instructions in a walk: the meanings of machine/semantics on terms, and what is not theirs to say.
 *
 * - The return address is the first word of the stack, above all that the function may write, so it is never overwritten.
 *   A return is one when the stack pointer is where it was at the entry. A jump to where a function begins, at such a
 *   moment, conditional or not, is a call and a return.
 * - Nothing below the stack pointer is used: images are compiled without a red zone.
 * - What moves with the code is an address from the slide on: a place relative to the instruction, and a field that holds
 *   an address, which whoever moves the image rewrites (CodeImage.absolute).
 * - An instruction that traps is not validated: quotients must fit, and vectors in memory lie where their instruction
 *   wants them.
 * - Of memory through a segment only the stack protector's word is known: what the thread's block has 0x28 bytes from fs.
 * - What the processor leaves undefined may be anything. Instructions of which only the operands are known stop a walk.
 * Source: System V ABI for x86-64, 3.2; clang and gcc, -mstack-protector-guard=tls.
 */
import { BODY, execute } from '../../machine/semantics/x86-64.ts';
import { createOperationReader, type Field, fieldsAt } from '../../machine/semantics/x86-64-code.ts';
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
import { alike, negation, offsetFrom, terms, word } from './algebra.ts';
import type { Entry } from './entry.ts';
import {
  type Beside,
  constantOf,
  type MachineState,
  placeOf,
  readAt,
  stackTop,
  unknownValue,
  writeAt,
} from './machine-memory.ts';
import { THREAD_GUARD_OFFSET } from './run-x86-64.ts';
import { undecided } from './undecided.ts';
import {
  type AddressField,
  branched,
  type CodeImage,
  calledThere,
  guardWord,
  hex,
  type Instructions,
  slid,
  unslid,
  type Walk,
} from './walk.ts';

const VECTORS = 16;
/** Bytes. */
const WORD = 8;
/** Numbers of registers behind the general ones: how far the image was moved, and what a field of the instruction says. */
const SLIDE = 16;
const MEANT = 17;

/** The thread's block, and the stack protector's word in it: the word has a value that nobody knows or changes. */
const THREAD = t.variable('thread', 'BV64');
const THREAD_GUARD = t.variable('thread.guard', 'BV64');

/** What a word is of which stack protectors know the place: in the thread's block, or in the image. */
function protectorWord({ code, entry }: Walk, address: Term): Term | undefined {
  const inThread = constantOf(offsetFrom(THREAD, address)) === THREAD_GUARD_OFFSET;
  return inThread ? THREAD_GUARD : guardWord(entry, code, address);
}

/** A place that moves with the code is one from the slide on. */
const slidOperand = (operand: Operand): Operand =>
  operand.kind === 'memory' && operand.isRelative ? { ...operand, base: SLIDE } : operand;

/** What MEANT holds while an instruction is executed: an address of the image and, with it, another register. */
interface Meant {
  readonly address: bigint;
  readonly base?: number;
}

type Placed = Operation & { readonly meant?: Meant };

const fieldBytes: Readonly<Record<AddressField, number>> = { word: 8, unsigned: 4, signed: 4, other: 0 };

/** The address of the image that an immediate is, in as many bits as the instruction makes of the field. */
function withImmediate(operation: Operation, kind: AddressField): Placed | undefined {
  const { name, operands } = operation;
  const [to] = operands;
  const i = operands.findIndex((operand) => operand.kind === 'immediate');
  const operand = operands[i];
  if (operand?.kind !== 'immediate') return undefined;
  const { value: address, width } = operand;
  const replaced = (by: Operand): Operand[] => operands.map((old, j) => (j === i ? by : old));
  const meant = { address };
  // Zeros are above what is moved, as they are above the address.
  if (name === 'mov' && width === 32 && kind === 'unsigned' && to.kind === 'register')
    return {
      ...operation,
      operands: [
        { ...to, width: 64 },
        { kind: 'register', number: MEANT, low: 0, width: 64 },
      ],
      meant,
    };
  const isWhole = width === 64 && kind !== 'unsigned';
  if (!isWhole && width !== 32) return undefined;
  return { ...operation, operands: replaced({ kind: 'register', number: MEANT, low: 0, width }), meant };
}

/** The memory whose displacement is an address of the image. */
function withDisplacement(operation: Operation, kind: AddressField): Placed | undefined {
  const { operands } = operation;
  const found = operands.find((operand) => operand.kind === 'memory');
  // The processor extends four bytes by their sign.
  if (found?.kind !== 'memory' || found.isRelative || kind === 'unsigned') return undefined;
  return {
    ...operation,
    operands: operands.map((operand) => (operand === found ? { ...found, base: MEANT, displacement: 0n } : operand)),
    meant: { address: found.displacement, ...(found.base >= 0 && { base: found.base }) },
  };
}

/** The operation with what its fields of addresses say; a text where that is not understood. */
function withFields(code: CodeImage, operation: Operation): Placed | Refusal {
  const { address, length, name } = operation;
  const own: (readonly [number, AddressField])[] = [];
  for (let i = 0; i < length; i++) {
    const kind = code.absolute?.get(address + i);
    if (kind !== undefined) own.push([i, kind]);
  }
  if (own.length === 0) return operation;
  const [[offset, kind]] = own;
  const { displacement, immediate } = fieldsAt(code, address);
  const isThere = (field: Field): boolean => field.offset === offset && field.size === fieldBytes[kind];
  let placed: Placed | undefined;
  if (own.length === 1 && isThere(immediate)) placed = withImmediate(operation, kind);
  else if (own.length === 1 && isThere(displacement)) placed = withDisplacement(operation, kind);
  return placed ?? { refused: `${name} with an absolute address` };
}

type Reader = (address: number) => Placed | Refusal;

const readers = new WeakMap<CodeImage, Reader>();

/** The operations of some code, each decoded once. */
function readerOf(code: CodeImage): Reader {
  const found = readers.get(code);
  if (found !== undefined) return found;
  const plain = createOperationReader([code]);
  const known = new Map<number, Placed | Refusal>();
  const reader: Reader = (address) => {
    let placed = known.get(address);
    if (placed === undefined) {
      const operation = plain(address);
      placed = 'refused' in operation ? operation : withFields(code, operation);
      if (!('refused' in placed)) placed = { ...placed, operands: placed.operands.map(slidOperand) };
      known.set(address, placed);
    }
    return placed;
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

/** What the register MEANT holds; where nothing is meant, it is in no operand. */
function meantValue({ slide }: Entry, { registers }: MachineState, { meant }: Placed): Term {
  if (meant === undefined) return slide;
  const address = terms.operate('bvadd', slide, word(meant.address));
  return meant.base === undefined ? address : terms.operate('bvadd', address, registers[meant.base]);
}

function begin(walk: Walk, state: MachineState, placed: Placed, at: string): Step {
  const { entry } = walk;
  let { beside, ...now }: MachineState & { readonly beside: Beside } = withBeside(state);
  const machine: X8664Machine<Term, Term> = {
    algebra: terms,
    general: [...state.registers, entry.slide, meantValue(entry, state, placed)],
    vectors: [...beside.vectors],
    flags: beside.flags,
    opaque: (_, width) => {
      const [next, value] = unknownValue(now, width);
      now = next;
      return value;
    },
    load: (address, bytes) => {
      const guard = bytes === WORD ? protectorWord(walk, address) : undefined;
      if (guard !== undefined) return guard;
      const [next, value] = readAt(entry, now, placeOf(entry, address, at), bytes, at);
      now = { ...next };
      return value;
    },
    store: (address, value) => {
      now = writeAt(entry, now, placeOf(entry, address, at), value, at);
    },
    segmentBase: (segment) => (segment === 'fs' ? THREAD : undecided(`${at}: memory of the segment ${segment}`)),
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
  const one = begin(walk, state, operation, at);
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
