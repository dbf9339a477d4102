/**
 * Instructions of RV64GC beyond the integers (riscv64.ts): floating point, atomics, fences, traps, as plain data.
 *
 * What moves bits says which: loads and stores, moves between register files, signs. What computes with floating point is
 * opaque: its result is some function of what it reads and of the rounding mode, which no instruction here changes. It may
 * raise flags in a control register, which no instruction here reads.
 * Whatever is left has no meaning and is refused, by its name where it has one: the environment, control registers,
 * code that changes (FENCE.I), and a conditional store (SC), which depends on what else happened to a reservation.
 * Source: RISC-V unprivileged ISA 20191213, chapters 2.7 ("FENCE"), 8 ("A"), 11 ("F"), 12 ("D"), 24 (listings).
 */
import type { Refusal } from './code.ts';

/** What an atomic instruction leaves in memory, of what was there and a register. */
export type AtomicComputation = 'swap' | 'add' | 'xor' | 'and' | 'or' | 'min' | 'max' | 'minu' | 'maxu';

/** Registers by number, of the file that is named. Bits are 32 or 64. */
export type ExtensionOperation =
  /** Floating-point rd = `bytes` bytes at rs1 + offset. */
  | {
      readonly kind: 'floatLoad';
      readonly rd: number;
      readonly rs1: number;
      readonly offset: number;
      readonly bytes: number;
    }
  /** `bytes` bytes at rs1 + offset = floating-point rs2. */
  | {
      readonly kind: 'floatStore';
      readonly rs1: number;
      readonly rs2: number;
      readonly offset: number;
      readonly bytes: number;
    }
  /** Integer rd = the low bits of floating-point rs1, with their sign. */
  | { readonly kind: 'fromFloat'; readonly rd: number; readonly rs1: number; readonly bits: number }
  /** Floating-point rd = the low bits of integer rs1. */
  | { readonly kind: 'toFloat'; readonly rd: number; readonly rs1: number; readonly bits: number }
  /** rd = rs1 of 64 bits with the sign of rs2: as it is, the opposite, or both signs' exclusive or. */
  | {
      readonly kind: 'sign';
      readonly rd: number;
      readonly rs1: number;
      readonly rs2: number;
      readonly how: 'copied' | 'opposite' | 'combined';
    }
  /** Floating-point rd = some function of registers; `bits` of it, under ones if they are 32. */
  | {
      readonly kind: 'float';
      readonly rd: number;
      readonly floats: readonly number[];
      readonly integers: readonly number[];
      readonly bits: number;
    }
  /** Integer rd = some function of floating-point registers: a number below 2 ** `bits`. */
  | { readonly kind: 'floatToInteger'; readonly rd: number; readonly floats: readonly number[]; readonly bits: number }
  /** rd = the memory at rs1, with its sign; the memory = `computation` of what was there and rs2. */
  | {
      readonly kind: 'atomic';
      readonly computation: AtomicComputation;
      readonly rd: number;
      readonly rs1: number;
      readonly rs2: number;
      readonly bytes: number;
    }
  /** rd = the memory at rs1, with its sign; and a reservation of it, of which nothing here makes use. */
  | { readonly kind: 'loadReserved'; readonly rd: number; readonly rs1: number; readonly bytes: number }
  /** Orders memory accesses, of which others see no order here. */
  | { readonly kind: 'fence' }
  /** Nothing comes after it: what compilers end a program with. */
  | { readonly kind: 'trap' };

const refuse = (name: string): Refusal => ({ refused: `${name}: it has no meaning here` });
const nothing = (word: number): Refusal =>
  refuse(`0x${(word >>> 0).toString(16).padStart(8, '0')}, no instruction of RV64GC`);

const atomics: Readonly<Record<number, AtomicComputation>> = {
  0: 'add',
  1: 'swap',
  4: 'xor',
  8: 'or',
  12: 'and',
  16: 'min',
  20: 'max',
  24: 'minu',
  28: 'maxu',
};

function atomicOperation(word: number): ExtensionOperation | Refusal {
  const [rd, rs1, rs2] = [(word >>> 7) & 31, (word >>> 15) & 31, (word >>> 20) & 31];
  const funct3 = (word >>> 12) & 7;
  if (funct3 !== 2 && funct3 !== 3) return nothing(word);
  const bytes = funct3 === 2 ? 4 : 8;
  const funct5 = word >>> 27;
  if (funct5 === 2) return rs2 === 0 ? { kind: 'loadReserved', rd, rs1, bytes } : nothing(word);
  if (funct5 === 3) return refuse(`sc.${bytes === 4 ? 'w' : 'd'}`);
  const computation = atomics[funct5];
  return computation === undefined ? nothing(word) : { kind: 'atomic', computation, rd, rs1, rs2, bytes };
}

/** Whether a rounding mode is one: five of them, and the one that a control register says. */
const isRounding = (mode: number): boolean => mode < 5 || mode === 7;

/** Of two operands of one size and a rounding mode. */
const ARITHMETIC = [0, 1, 2, 3];
const SQUARE_ROOT = 11;
const SIGN = 4;
const MINIMUM = 5;
const BETWEEN_SIZES = 8;
const COMPARISON = 20;
const TO_INTEGER = 24;
const FROM_INTEGER = 26;
const TO_BITS = 28;
const FROM_BITS = 30;
/** Classes of numbers, each a bit. */
const CLASSES = 10;

const signs = ['copied', 'opposite', 'combined'] as const;

/** OP-FP. */
function floatOperation(word: number): ExtensionOperation | Refusal {
  const [rd, rs1, rs2] = [(word >>> 7) & 31, (word >>> 15) & 31, (word >>> 20) & 31];
  const [mode, size, operation] = [(word >>> 12) & 7, (word >>> 25) & 3, word >>> 27];
  if (size > 1) return nothing(word);
  const bits = size === 0 ? 32 : 64;
  const float = (floats: readonly number[], integers: readonly number[] = []): ExtensionOperation => ({
    kind: 'float',
    rd,
    floats,
    integers,
    bits,
  });
  if (ARITHMETIC.includes(operation) && isRounding(mode)) return float([rs1, rs2]);
  if (operation === SQUARE_ROOT && rs2 === 0 && isRounding(mode)) return float([rs1]);
  if (operation === SIGN && mode < 3)
    // Of 32 bits only if what is above them says so: a value that is none becomes another.
    return bits === 32 ? float([rs1, rs2]) : { kind: 'sign', rd, rs1, rs2, how: signs[mode]! };
  if (operation === MINIMUM && mode < 2) return float([rs1, rs2]);
  if (operation === BETWEEN_SIZES && rs2 === 1 - size && isRounding(mode)) return float([rs1]);
  if (operation === COMPARISON && mode < 3) return { kind: 'floatToInteger', rd, floats: [rs1, rs2], bits: 1 };
  if (operation === TO_INTEGER && rs2 < 4 && isRounding(mode))
    return { kind: 'floatToInteger', rd, floats: [rs1], bits: 64 };
  if (operation === FROM_INTEGER && rs2 < 4 && isRounding(mode)) return float([], [rs1]);
  if (operation === TO_BITS && rs2 === 0 && mode === 0) return { kind: 'fromFloat', rd, rs1, bits };
  if (operation === TO_BITS && rs2 === 0 && mode === 1)
    return { kind: 'floatToInteger', rd, floats: [rs1], bits: CLASSES };
  if (operation === FROM_BITS && rs2 === 0 && mode === 0) return { kind: 'toFloat', rd, rs1, bits };
  return nothing(word);
}

/** Sums of a product and a third register. */
function fusedOperation(word: number): ExtensionOperation | Refusal {
  const size = (word >>> 25) & 3;
  if (size > 1 || !isRounding((word >>> 12) & 7)) return nothing(word);
  const floats = [(word >>> 15) & 31, (word >>> 20) & 31, word >>> 27];
  return { kind: 'float', rd: (word >>> 7) & 31, floats, integers: [], bits: size === 0 ? 32 : 64 };
}

const UNIMPLEMENTED = 0xc0001073;
const BREAK = 0x00100073;
const systemNames: Readonly<Record<number, string>> = {
  115: 'ecall',
  270532723: 'sret',
  807403635: 'mret',
  273678451: 'wfi',
};
const controlNames = ['', 'csrrw', 'csrrs', 'csrrc', '', 'csrrwi', 'csrrsi', 'csrrci'];

function systemOperation(word: number): ExtensionOperation | Refusal {
  const exact = word >>> 0;
  if (exact === UNIMPLEMENTED || exact === BREAK) return { kind: 'trap' };
  const name = systemNames[exact] ?? controlNames[(word >>> 12) & 7]!;
  if (name !== '') return refuse(name);
  return word >>> 25 === 9 ? refuse('sfence.vma') : nothing(word);
}

/** An instruction of 32 bits that is none of the integers. */
export function extensionOperation(word: number): ExtensionOperation | Refusal {
  const [rd, rs1, funct3] = [(word >>> 7) & 31, (word >>> 15) & 31, (word >>> 12) & 7];
  const isFloat = funct3 === 2 || funct3 === 3;
  switch (word & 0x7f) {
    case 0x07:
      return isFloat ? { kind: 'floatLoad', rd, rs1, offset: word >> 20, bytes: 1 << funct3 } : nothing(word);
    case 0x27: {
      const offset = ((word >> 25) << 5) | rd;
      return isFloat ? { kind: 'floatStore', rs1, rs2: (word >>> 20) & 31, offset, bytes: 1 << funct3 } : nothing(word);
    }
    case 0x0f:
      return funct3 === 0 ? { kind: 'fence' } : funct3 === 1 ? refuse('fence.i') : nothing(word);
    case 0x2f:
      return atomicOperation(word);
    case 0x43:
    case 0x47:
    case 0x4b:
    case 0x4f:
      return fusedOperation(word);
    case 0x53:
      return floatOperation(word);
    case 0x73:
      return systemOperation(word);
    default:
      return nothing(word);
  }
}
