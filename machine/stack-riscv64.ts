/**
 * What RV64GC instructions do to the stack pointer: see stack-use.ts.
 *
 * x2 is the stack pointer and x8 (s0) the frame pointer where it is made from it; any instruction that writes x2 and is not
 * listed is unknown, by the decoder's word on what is written. Immediates of 12 bits are small, so frames from 2 KiB on and
 * addresses come in two instructions, which the linker may have shortened to one from the global pointer. A link in
 * another register than ra, as GCC's save and restore routines use it, is not followed.
 *
 * Source: RISC-V unprivileged ISA 20191213, chapters 2, 5, 16; RISC-V psABI 1.0, "Integer Calling Convention".
 */
import {
  bits,
  createInstruction,
  decodeRiscv64,
  GP,
  type Instruction,
  Kind,
  RA,
  S0,
  SP,
  signed,
} from './decode-riscv64.ts';
import type { Held, Move } from './stack-registers.ts';
import type { Registers, StackEffect, Step } from './stack-use.ts';

const none: StackEffect = { kind: 'none' };
const unknown: StackEffect = { kind: 'unknown' };

/** s0 to s11, and gp, which nothing changes once the program runs. */
const KEPT: ReadonlySet<number> = new Set([0, GP, 8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27]);

/** What the convention says of registers; `globalPointer`: what gp holds, where that is known. */
export const riscvRegisters = (globalPointer: number | undefined): Registers => {
  const initial: Held = new Map([
    [0, { kind: 'number', value: 0 }],
    ...(globalPointer === undefined ? [] : [[GP, { kind: 'number', value: globalPointer }] as const]),
  ]);
  return { initial, kept: KEPT };
};

/** Operations that the decoder calls `other`. */
type Arithmetic =
  | { readonly kind: 'add' | 'subtract'; readonly a: number; readonly b: number }
  | { readonly kind: 'addWord' | 'and'; readonly from: number; readonly value: number };

function arithmeticOf(word: number, length: number): Arithmetic | undefined {
  const rs1 = (word >>> 15) & 31;
  if (length === 4) {
    const funct3 = (word >>> 12) & 7;
    const value = word >> 20;
    if ((word & 0x7f) === 0x1b && funct3 === 0) return { kind: 'addWord', from: rs1, value };
    if ((word & 0x7f) === 0x13 && funct3 === 7) return { kind: 'and', from: rs1, value };
    if ((word & 0xfe00707f) === 0x33) return { kind: 'add', a: rs1, b: (word >>> 20) & 31 };
    if ((word & 0xfe00707f) >>> 0 === 0x40000033) return { kind: 'subtract', a: rs1, b: (word >>> 20) & 31 };
    return undefined;
  }
  const rd = (word >>> 7) & 31;
  const rs2 = (word >>> 2) & 31;
  // c.addiw, c.add
  if ((word & 0xe003) === 0x2001)
    return { kind: 'addWord', from: rd, value: signed(bits(word, 12, 1, 5) | bits(word, 2, 5, 0), 5) };
  return (word & 0xf003) === 0x9002 && rs2 !== 0 ? { kind: 'add', a: rd, b: rs2 } : undefined;
}

/** An instruction that writes x2. */
function stackEffect({ kind, rs1, imm }: Instruction, arithmetic: Arithmetic | undefined): StackEffect {
  if (kind === Kind.addi && rs1 === SP) return { kind: 'grow', bytes: -imm };
  if (kind === Kind.addi && rs1 === S0) return { kind: 'restore', bytes: -imm };
  switch (arithmetic?.kind) {
    case 'add': {
      const { a, b } = arithmetic;
      if (a !== SP && b !== SP) return unknown;
      return { kind: 'growBy', register: a === SP ? b : a, sign: -1 };
    }
    case 'subtract':
      return arithmetic.a === SP ? { kind: 'growBy', register: arithmetic.b, sign: 1 } : unknown;
    case 'and': {
      const bytes = -arithmetic.value;
      return arithmetic.from === SP && bytes > 0 && (bytes & (bytes - 1)) === 0 ? { kind: 'align', bytes } : unknown;
    }
    default:
      return unknown;
  }
}

/** What another register holds then. */
function moveOf({ kind, rd: to, rs1, imm }: Instruction, arithmetic: Arithmetic | undefined, address: number): Move {
  switch (kind) {
    case Kind.lui:
      return { kind: 'number', to, value: imm };
    case Kind.auipc:
      return { kind: 'number', to, value: address + imm };
    case Kind.addi:
      return { kind: 'add', to, from: rs1, value: imm };
    case Kind.load:
      return { kind: 'load', to, from: rs1, offset: imm };
    default:
      if (arithmetic?.kind === 'add') return { kind: 'sum', to, a: arithmetic.a, b: arithmetic.b };
      if (arithmetic?.kind === 'addWord')
        return { kind: 'add', to, from: arithmetic.from, value: arithmetic.value, word: true };
      return { kind: 'forget', to };
  }
}

/** Where control goes from a jump, branch or call. */
function flowOf({ kind, rd, rs1, imm }: Instruction, address: number): Omit<Step, 'length' | 'effect' | 'move'> {
  const target = BigInt(address + imm);
  const through = { register: rs1, offset: imm };
  if (kind === Kind.branch) return { continues: true, jump: target };
  if (kind === Kind.jal) return rd === 0 ? { continues: false, jump: target } : { continues: true, call: target };
  if (rd !== 0) return { continues: true, call: 'indirect', through };
  return rs1 === RA && imm === 0
    ? { continues: false, returns: true }
    : { continues: false, jumpsAnywhere: {}, through };
}

/** Returns from traps go to where a control register says. */
const isTrapReturn = (word: number): boolean => word === 0x10200073 || word === 0x30200073;
/** c.unimp, unimp, ebreak, c.ebreak: what always traps, and is not come back from. */
const isTrap = (word: number, length: number): boolean =>
  length === 2 ? word === 0 || word === 0x9002 : word === 0xc0001073 >> 0 || word === 0x00100073;

/** The step of the instruction at an offset of a function's bytes, which begin at `base`; undefined: there is none. */
export function riscvStep(bytes: Uint8Array, offset: number, base: number): Step | undefined {
  if (offset < 0 || offset >= bytes.length) return undefined;
  const instruction = decodeRiscv64(bytes, offset, createInstruction());
  const { kind, length, rd } = instruction;
  if (kind === Kind.invalid || length > 4) return undefined;
  const low = bytes[offset] | (bytes[offset + 1] << 8);
  const word = length === 2 ? low : low | (bytes[offset + 2] << 16) | (bytes[offset + 3] << 24);
  const address = base + offset;
  const isFlow = kind === Kind.jal || kind === Kind.jalr || kind === Kind.branch;
  if (isFlow && rd !== 0 && rd !== RA) return { length, effect: otherLink, continues: true };
  if (isFlow) return { length, effect: none, ...flowOf(instruction, address), ...(rd === RA && linked) };
  if (kind === Kind.system && isTrapReturn(word)) return { length, effect: none, continues: false, jumpsAnywhere: {} };
  const arithmetic = kind === Kind.other ? arithmeticOf(word, length) : undefined;
  const step = { length, continues: !(kind === Kind.system && isTrap(word, length)) };
  if (rd === SP) return { ...step, effect: stackEffect(instruction, arithmetic) };
  if (rd === 0) return { ...step, effect: none };
  const move = moveOf(instruction, arithmetic, address);
  if (rd !== S0) return { ...step, effect: none, move };
  const isFrame = kind === Kind.addi && instruction.rs1 === SP;
  const effect: StackEffect = isFrame
    ? { kind: 'keep', register: 'frame', bytes: -instruction.imm }
    : { kind: 'forget', register: 'frame' };
  return { ...step, effect, move };
}

const otherLink: StackEffect = {
  kind: 'unknown',
  text: 'a call that leaves its return address in another register than ra, as -msave-restore makes it',
};
const linked: { readonly move: Move } = { move: { kind: 'forget', to: RA } };
