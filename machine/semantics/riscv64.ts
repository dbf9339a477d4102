/**
 * What instructions of RV64IMC do: each as plain data, and what those that compute leave in their register, written over
 * an abstract arithmetic (algebra.ts).
 *
 * An instruction is here or it has no meaning: `operationAt` gives undefined for what is not, and whoever proves
 * something about the code around it then proves nothing. Who needs less than every bit of a result finds floating point,
 * atomics and fences in riscv64-extensions.ts. Memory, the program counter and the registers are the
 * caller's: here is what an instruction asks of them.
 * Source: RISC-V unprivileged ISA 20191213, chapters 2 ("RV32I"), 5 ("RV64I"), 7 ("M").
 */
import type { BitOperator } from '../../base/bits.ts';
import type { MachineAlgebra } from './algebra.ts';
import { expandCompressed } from './riscv64-compressed.ts';

export type Computation =
  | 'add'
  | 'sub'
  | 'sll'
  | 'slt'
  | 'sltu'
  | 'xor'
  | 'srl'
  | 'sra'
  | 'or'
  | 'and'
  | 'mul'
  | 'mulh'
  | 'mulhsu'
  | 'mulhu'
  | 'div'
  | 'divu'
  | 'rem'
  | 'remu'
  | 'addw'
  | 'subw'
  | 'sllw'
  | 'srlw'
  | 'sraw'
  | 'mulw'
  | 'divw'
  | 'divuw'
  | 'remw'
  | 'remuw';

export type BranchCondition = 'beq' | 'bne' | 'blt' | 'bge' | 'bltu' | 'bgeu';

/** Registers by number. Offsets and immediates are numbers with their sign. */
export type MachineOperation =
  /** rd = rs1 `computation` rs2 */
  | {
      readonly kind: 'registers';
      readonly computation: Computation;
      readonly rd: number;
      readonly rs1: number;
      readonly rs2: number;
    }
  /** rd = rs1 `computation` immediate */
  | {
      readonly kind: 'immediate';
      readonly computation: Computation;
      readonly rd: number;
      readonly rs1: number;
      readonly immediate: number;
    }
  /** rd = value, of 32 bits with a sign; `relative`: to the instruction's address. */
  | { readonly kind: 'upper'; readonly rd: number; readonly value: number; readonly relative: boolean }
  /** rd = `bytes` bytes at rs1 + offset. */
  | {
      readonly kind: 'load';
      readonly rd: number;
      readonly rs1: number;
      readonly offset: number;
      readonly bytes: number;
      readonly signed: boolean;
    }
  /** `bytes` bytes at rs1 + offset = rs2. */
  | {
      readonly kind: 'store';
      readonly rs1: number;
      readonly rs2: number;
      readonly offset: number;
      readonly bytes: number;
    }
  /** To the instruction's address + offset, where the condition holds. */
  | {
      readonly kind: 'branch';
      readonly condition: BranchCondition;
      readonly rs1: number;
      readonly rs2: number;
      readonly offset: number;
    }
  /** rd = the next instruction's address; to the instruction's address + offset. */
  | { readonly kind: 'jump'; readonly rd: number; readonly offset: number }
  /** rd = the next instruction's address; to rs1 + offset, without its lowest bit. */
  | { readonly kind: 'jumpRegister'; readonly rd: number; readonly rs1: number; readonly offset: number };

export interface DecodedOperation {
  readonly operation: MachineOperation;
  /** Bytes: 2 or 4. */
  readonly length: number;
}

const plain: readonly Computation[] = ['add', 'sll', 'slt', 'sltu', 'xor', 'srl', 'or', 'and'];
const multiplied: readonly Computation[] = ['mul', 'mulh', 'mulhsu', 'mulhu', 'div', 'divu', 'rem', 'remu'];
const plainWords: readonly (Computation | undefined)[] = ['addw', 'sllw', undefined, undefined, undefined, 'srlw'];
const multipliedWords: readonly (Computation | undefined)[] = [
  'mulw',
  undefined,
  undefined,
  undefined,
  'divw',
  'divuw',
  'remw',
  'remuw',
];
const branches: readonly (BranchCondition | undefined)[] = [
  'beq',
  'bne',
  undefined,
  undefined,
  'blt',
  'bge',
  'bltu',
  'bgeu',
];

function computationOf(isWord: boolean, funct3: number, funct7: number): Computation | undefined {
  if (funct7 === 0) return (isWord ? plainWords : plain)[funct3];
  if (funct7 === 1) return (isWord ? multipliedWords : multiplied)[funct3];
  if (funct7 !== 0x20) return undefined;
  if (funct3 === 0) return isWord ? 'subw' : 'sub';
  return funct3 === 5 ? (isWord ? 'sraw' : 'sra') : undefined;
}

function immediateOperation(word: number, isWord: boolean): MachineOperation | undefined {
  const rd = (word >>> 7) & 31;
  const funct3 = (word >>> 12) & 7;
  const rs1 = (word >>> 15) & 31;
  const isShift = funct3 === 1 || funct3 === 5;
  if (!isShift) {
    const computation = isWord ? (funct3 === 0 ? 'addw' : undefined) : plain[funct3];
    return computation && { kind: 'immediate', computation, rd, rs1, immediate: word >> 20 };
  }
  const [high, places] = isWord ? [word >>> 25, (word >>> 20) & 31] : [(word >>> 26) << 1, (word >>> 20) & 63];
  if (high !== 0 && !(high === 0x20 && funct3 === 5)) return undefined;
  const computation = computationOf(isWord, funct3, high);
  return computation && { kind: 'immediate', computation, rd, rs1, immediate: places };
}

const bits = (word: number, low: number, count: number, to: number): number =>
  ((word >>> low) & ((1 << count) - 1)) << to;
const signed = (value: number, sign: number): number => (value << (31 - sign)) >> (31 - sign);

function wordOperation(word: number): MachineOperation | undefined {
  const rd = (word >>> 7) & 31;
  const funct3 = (word >>> 12) & 7;
  const rs1 = (word >>> 15) & 31;
  const rs2 = (word >>> 20) & 31;
  switch (word & 0x7f) {
    case 0x37:
      return { kind: 'upper', rd, value: word & ~0xfff, relative: false };
    case 0x17:
      return { kind: 'upper', rd, value: word & ~0xfff, relative: true };
    case 0x6f: {
      const offset = bits(word, 31, 1, 20) | bits(word, 12, 8, 12) | bits(word, 20, 1, 11) | bits(word, 21, 10, 1);
      return { kind: 'jump', rd, offset: signed(offset, 20) };
    }
    case 0x67:
      return funct3 === 0 ? { kind: 'jumpRegister', rd, rs1, offset: word >> 20 } : undefined;
    case 0x63: {
      const condition = branches[funct3];
      const offset = bits(word, 31, 1, 12) | bits(word, 7, 1, 11) | bits(word, 25, 6, 5) | bits(word, 8, 4, 1);
      return condition && { kind: 'branch', condition, rs1, rs2, offset: signed(offset, 12) };
    }
    case 0x03:
      if (funct3 === 7) return undefined;
      return { kind: 'load', rd, rs1, offset: word >> 20, bytes: 1 << (funct3 & 3), signed: funct3 < 4 };
    case 0x23:
      if (funct3 > 3) return undefined;
      return { kind: 'store', rs1, rs2, offset: ((word >> 25) << 5) | rd, bytes: 1 << funct3 };
    case 0x13:
      return immediateOperation(word, false);
    case 0x1b:
      return immediateOperation(word, true);
    case 0x33:
    case 0x3b: {
      const computation = computationOf((word & 8) !== 0, funct3, word >>> 25);
      return computation && { kind: 'registers', computation, rd, rs1, rs2 };
    }
    default:
      return undefined;
  }
}

/**
 * The instruction at `offset` in 32 bits, and how many bytes of it are there; undefined if it is reserved, or does not end
 * within `code`.
 */
export function wordAt(
  code: Uint8Array,
  offset: number,
): { readonly word: number; readonly length: number } | undefined {
  if (offset < 0 || offset + 2 > code.length) return undefined;
  const half = code[offset]! | (code[offset + 1]! << 8);
  if ((half & 3) !== 3) {
    const word = expandCompressed(half);
    return word === undefined ? undefined : { word, length: 2 };
  }
  if (offset + 4 > code.length) return undefined;
  return { word: half | (code[offset + 2]! << 16) | (code[offset + 3]! << 24), length: 4 };
}

/** The instruction at `offset`; undefined if it has no meaning here, or does not end within `code`. */
export function operationAt(code: Uint8Array, offset: number): DecodedOperation | undefined {
  const found = wordAt(code, offset);
  const operation = found && wordOperation(found.word);
  return operation && { operation, length: found.length };
}

/** A quotient or a remainder where the divisor is 0 as the ISA has it; the least number by -1 wraps, as bits do. */
function divided<V, B>(v: MachineAlgebra<V, B>, operator: BitOperator, a: V, b: V): V {
  const width = v.widthOf(a);
  const isZero = v.compare('=', b, v.constant(0n, width));
  const isQuotient = operator === 'bvsdiv' || operator === 'bvudiv';
  return v.select(isZero, isQuotient ? v.constant(-1n, width) : a, v.operate(operator, a, b));
}

const simple: Readonly<Partial<Record<Computation, BitOperator>>> = {
  add: 'bvadd',
  sub: 'bvsub',
  xor: 'bvxor',
  or: 'bvor',
  and: 'bvand',
  mul: 'bvmul',
};
const shifts: Readonly<Partial<Record<Computation, BitOperator>>> = { sll: 'bvshl', srl: 'bvlshr', sra: 'bvashr' };
const divisions: Readonly<Partial<Record<Computation, BitOperator>>> = {
  div: 'bvsdiv',
  divu: 'bvudiv',
  rem: 'bvsrem',
  remu: 'bvurem',
};

/** What a computation leaves in its register of 64 bits. */
export function compute<V, B>(v: MachineAlgebra<V, B>, computation: Computation, a: V, b: V): V {
  if (computation === 'slt' || computation === 'sltu') {
    const isLess = v.compare(computation === 'slt' ? 'bvslt' : 'bvult', a, b);
    return v.select(isLess, v.constant(1n, 64), v.constant(0n, 64));
  }
  if (computation === 'mulh' || computation === 'mulhsu' || computation === 'mulhu') {
    const wide = (value: V, isSigned: boolean): V => (isSigned ? v.signExtend(value, 128) : v.zeroExtend(value, 128));
    const product = v.operate('bvmul', wide(a, computation !== 'mulhu'), wide(b, computation === 'mulh'));
    return v.extract(product, 64, 64);
  }
  if (computation.endsWith('w')) {
    const inner = computation.slice(0, -1) as Computation;
    return v.signExtend(computeIn(v, inner, v.truncate(a, 32), v.truncate(b, 32)), 64);
  }
  return computeIn(v, computation, a, b);
}

/** In registers, or their lower halves. */
function computeIn<V, B>(v: MachineAlgebra<V, B>, computation: Computation, a: V, b: V): V {
  const width = v.widthOf(a);
  const operator = simple[computation];
  if (operator !== undefined) return v.operate(operator, a, b);
  const shift = shifts[computation];
  if (shift !== undefined) return v.operate(shift, a, v.operate('bvand', b, v.constant(BigInt(width - 1), width)));
  const division = divisions[computation];
  if (division === undefined) throw new TypeError(`${computation} of ${width} bits`);
  return divided(v, division, a, b);
}

/** Whether a branch is taken. `holds`: whether the comparison's negation is meant is the second part. */
export function branchComparison<V, B>(
  v: MachineAlgebra<V, B>,
  condition: BranchCondition,
  a: V,
  b: V,
): { readonly holds: B; readonly negated: boolean } {
  switch (condition) {
    case 'beq':
    case 'bne':
      return { holds: v.compare('=', a, b), negated: condition === 'bne' };
    case 'blt':
    case 'bge':
      return { holds: v.compare('bvslt', a, b), negated: condition === 'bge' };
    case 'bltu':
    case 'bgeu':
      return { holds: v.compare('bvult', a, b), negated: condition === 'bgeu' };
  }
}
