/**
 * Calling conventions: where each machine has what a function is given and gives back, and what a function owes its caller.
 *
 * Everything that validation asks of a machine's registers is here, as data; what instructions do is in machine-*.ts.
 * Values lie in memory alike on all machines here (layout.ts).
 * Sources: RISC-V ELF psABI 1.0, "Integer Calling Convention" (lp64); System V ABI for x86-64, 3.2.1 to 3.2.3.
 */

import type { Type } from '../../analyzers/types.ts';
import type { BitAlgebra } from '../../base/bits.ts';
import { isSigned, layoutOf, scalarBytes } from './layout.ts';

export type MachineName = 'riscv64' | 'x86-64';

/** Bytes of the largest record that comes in registers, on all machines here. */
export const LARGEST_BY_VALUE = 16;

/** The lower bits of a register that a scalar fills, from its bytes; what is above them may be anything. */
type PartOf = <V, B>(algebra: BitAlgebra<V, B>, bytes: V, type: Type) => V;

export interface Convention {
  /** General registers of 64 bits, by number. */
  readonly registers: number;
  /** The one that is always zero. */
  readonly zero?: number;
  readonly stackPointer: number;
  readonly arguments: readonly number[];
  readonly results: readonly [number, number];
  /** Registers that a callee keeps, but for the stack pointer. */
  readonly kept: readonly number[];
  /** Registers that a callee may change. */
  readonly changed: readonly number[];
  /** Registers that no function changes, not even for a moment. */
  readonly unchanged: readonly number[];
  /** The register of the return address, or the first word of the stack. */
  readonly returnAddress: number | 'stack';
  /** What the stack pointer is a multiple of at all times, in bytes; at a call it is 16. */
  readonly alignment: number;
  /** Larger records are copied to memory of which the address is passed, or to the stack. */
  readonly largeRecords: 'reference' | 'stack';
  /** Whether an argument may come in the last register and on the stack. */
  readonly splits: boolean;
  /** Whether the address of a result in memory is given back. */
  readonly givesAddress: boolean;
  /** How operations on 32 bits leave the rest of a register. */
  readonly wordExtension: 'sign' | 'zero';
  readonly argumentPart: PartOf;
  readonly resultPart: PartOf;
}

/** To the whole register: u32 by its sign, what is narrower and has no sign by zeros. */
const extendedToRegister: PartOf = (algebra, bytes, type) => {
  const isWide = type.kind === 'integer' && (isSigned(type.name) || type.name === 'u32');
  return isWide ? algebra.signExtend(bytes, 64) : algebra.zeroExtend(bytes, 64);
};

/**
 * To 32 bits where it is narrower. The ABI's text promises that of no argument; clang and gcc extend so wherever they
 * call, and clang's functions rely on it. Calls in code that is validated are held to it.
 */
const extendedToWord: PartOf = (algebra, bytes, type) => {
  if (algebra.widthOf(bytes) >= 32) return bytes;
  const isNegative = type.kind === 'integer' && isSigned(type.name);
  return isNegative ? algebra.signExtend(bytes, 32) : algebra.zeroExtend(bytes, 32);
};

const riscv64: Convention = {
  registers: 32,
  zero: 0,
  stackPointer: 2,
  arguments: [10, 11, 12, 13, 14, 15, 16, 17],
  results: [10, 11],
  // s0 to s11.
  kept: [8, 9, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27],
  // ra, t0 to t2, a0 to a7, t3 to t6.
  changed: [1, 5, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 28, 29, 30, 31],
  // gp and tp.
  unchanged: [3, 4],
  returnAddress: 1,
  alignment: 16,
  largeRecords: 'reference',
  splits: true,
  givesAddress: false,
  wordExtension: 'sign',
  argumentPart: extendedToRegister,
  resultPart: extendedToRegister,
};

/** Registers as encoded: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15. */
const x8664: Convention = {
  registers: 16,
  stackPointer: 4,
  arguments: [7, 6, 2, 1, 8, 9],
  results: [0, 2],
  kept: [3, 5, 12, 13, 14, 15],
  changed: [0, 1, 2, 6, 7, 8, 9, 10, 11],
  unchanged: [],
  returnAddress: 'stack',
  alignment: 8,
  largeRecords: 'stack',
  splits: false,
  givesAddress: true,
  wordExtension: 'zero',
  argumentPart: extendedToWord,
  resultPart: (_, bytes) => bytes,
};

export const conventions: Readonly<Record<MachineName, Convention>> = { riscv64, 'x86-64': x8664 };

/** Bytes that a call puts onto the stack. */
export const returnBytes = ({ returnAddress }: Convention): number => (returnAddress === 'stack' ? 8 : 0);

/** Where a word of 64 bits is passed: on the stack, so many bytes from the first one there. */
export type Slot =
  | { readonly kind: 'register'; readonly register: number }
  | { readonly kind: 'stack'; readonly offset: number };

/** What a parameter is passed as: so many words; on the stack in any case, or where registers are left. */
export interface Shape {
  readonly words: number;
  readonly onStack: boolean;
}

/** A parameter's; undefined for a type that has no form in C. */
export function shapeOf({ largeRecords }: Convention, type: Type): Shape | undefined {
  if (type.kind === 'array') return scalarBytes(type.element) === undefined ? undefined : { words: 2, onStack: false };
  if (type.kind === 'object') return { words: 1, onStack: false };
  const size = layoutOf(type)?.size;
  if (size === undefined) return undefined;
  if (size <= LARGEST_BY_VALUE) return { words: Math.ceil(size / 8), onStack: false };
  return largeRecords === 'reference' ? { words: 1, onStack: false } : { words: Math.ceil(size / 8), onStack: true };
}

/** The bytes of a result that goes to memory, whose address is a first argument; undefined where it does not. */
export function resultInMemory(type: Type): number | undefined {
  if (type.kind !== 'record') return undefined;
  const size = layoutOf(type)?.size ?? 0;
  return size > LARGEST_BY_VALUE ? size : undefined;
}

/** The words of arguments, each with where it is. */
export function placedWords<T>(
  convention: Convention,
  given: readonly { readonly shape: Shape; readonly words: readonly T[] }[],
): { readonly slot: Slot; readonly value: T }[] {
  const slots = slotsOf(
    convention,
    given.map(({ shape }) => shape),
  );
  return given.flatMap(({ words }, i) => words.map((value, j) => ({ slot: slots[i][j], value })));
}

/** Where the words of arguments are, by argument. */
export function slotsOf(convention: Convention, shapes: readonly Shape[]): Slot[][] {
  const registers = [...convention.arguments];
  let offset = 0;
  const onStack = (): Slot => {
    const slot: Slot = { kind: 'stack', offset };
    offset += 8;
    return slot;
  };
  return shapes.map((shape) => {
    const isWhole = !shape.onStack && (convention.splits || shape.words <= registers.length);
    return Array.from({ length: shape.words }, (): Slot => {
      const register = isWhole ? registers.shift() : undefined;
      return register === undefined ? onStack() : { kind: 'register', register };
    });
  });
}
