/**
 * x86-64 instructions as plain data: what x86-64-decode.ts makes of machine code once for each address, and what the
 * meanings in x86-64.ts and its neighbours are functions of.
 *
 * An instruction is here or it has no meaning: whoever proves something about the code around it then proves nothing.
 * Two kinds of meaning exist. Most instructions say what they leave in each bit. The others are opaque: what they
 * write is some function of what they read, by the decoder's tables. That is enough for whoever follows secrets, and
 * refused by whoever needs the value.
 */

/** A general register, or a part of it. Bits. */
export interface RegisterOperand {
  readonly kind: 'register';
  /** 0 to 15, as encoded: RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8 to R15. */
  readonly number: number;
  /** 8 for AH, CH, DH, BH; 0 otherwise. */
  readonly low: number;
  readonly width: number;
}

/** The lower part of a vector register, 0 to 31; width in bits: 128, 256 or 512. */
export interface VectorOperand {
  readonly kind: 'vector';
  readonly number: number;
  readonly width: number;
}

/** Memory at segment + base + index * scale + displacement. */
export interface MemoryOperand {
  readonly kind: 'memory';
  /** Number of a general register; -1 for none. */
  readonly base: number;
  readonly index: number;
  readonly scale: number;
  /** Without a sign, of 64 bits. Where code names a place relative to itself: the address. */
  readonly displacement: bigint;
  readonly segment?: 'fs' | 'gs';
  /** Code names the place by how far it is from itself, so that it moves with the code. */
  readonly isRelative: boolean;
  /** The sum is one of 32 bits. */
  readonly isNarrow: boolean;
  /** Bits at that place; 0 where only the address is meant. */
  readonly width: number;
}

/** `value` without a sign, of `width` bits. */
export interface ImmediateOperand {
  readonly kind: 'immediate';
  readonly value: bigint;
  readonly width: number;
}

export type Operand = RegisterOperand | VectorOperand | MemoryOperand | ImmediateOperand;

/** Numbered as encoded: an odd one is the negation of the one before it. */
export const conditions = [
  ...['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a'],
  ...['s', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'],
] as const;

/** What an opaque instruction writes; an operand whose old value matters is among what it reads, too. */
export interface OpaqueEffects {
  readonly reads: readonly Operand[];
  readonly writes: readonly Operand[];
  readonly readsFlags: boolean;
  readonly writesFlags: boolean;
  /** Floating point: it may raise flags in MXCSR, which stay until somebody clears them. */
  readonly raises: boolean;
}

export interface Operation {
  /** The mnemonic, in lower case: which meaning. */
  readonly name: string;
  readonly address: number;
  /** Bytes. */
  readonly length: number;
  readonly operands: readonly Operand[];
  /** VEX or EVEX: what is above a written vector becomes zero. Otherwise it stays. */
  readonly clearsUpper: boolean;
  /** Index in `conditions`. */
  readonly condition?: number;
  /** Where a direct jump, branch or call goes. */
  readonly target?: number;
  /** With a prefix to repeat it: see BODY in x86-64.ts. */
  readonly isRepeated: boolean;
  readonly opaque?: OpaqueEffects;
}

export type { Refusal } from './code.ts';

export const RAX = 0;
export const RCX = 1;
export const RDX = 2;
export const RSP = 4;
export const RBP = 5;
export const RSI = 6;
export const RDI = 7;

/** Lanes of 64 bits that a vector register has. */
export const LANES = 8;
