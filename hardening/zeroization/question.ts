/**
 * What is asked of a function, and what is answered: plain data on both sides.
 *
 * Each part of a verdict stands by itself: a function may clear its buffers and leave its registers full. `unknown` says
 * where the code could not be followed and why; it is never a pass.
 */
import type { CodeBytes } from '../../machine/semantics/code.ts';
import type { Allocator } from './blocks.ts';

/** What a register that carries an argument means; arguments are numbered from 0, as the ABI numbers its registers. */
export type Argument =
  /** Points to bytes that are secret at the entry. */
  | { readonly kind: 'secret'; readonly size: number }
  /** Is itself secret. */
  | { readonly kind: 'secret value' }
  /**
   * Points to memory of the caller's. What the function leaves there is meant to be seen (a ciphertext), or may be secret
   * and is the caller's to erase (a key schedule); otherwise it is residue.
   */
  | { readonly kind: 'buffer'; readonly size: number; readonly receives?: 'public' | 'secret' }
  | { readonly kind: 'value'; readonly value: bigint };

/** The first bytes of a variable of the image; what they hold at the entry, or at the return. */
export interface Variable {
  readonly name: string;
  readonly address: number;
  readonly size: number;
  /** `secret`: from the beginning. `public`: what is left there is meant to be seen. `state`: it is somebody else's to erase. */
  readonly holds: 'secret' | 'public' | 'state';
}

export interface Question {
  readonly function: string;
  /** Variables of the image of which something is said. */
  readonly variables?: readonly Variable[];
  readonly arguments: Readonly<Record<number, Argument>>;
  /** Bytes of the register of results that are meant to be seen; 0: it returns nothing. */
  readonly result: number;
  /** Whether the secret buffers themselves must be clear at the end. */
  readonly clears: boolean;
}

/** Memory that relocations change before code runs. */
export interface Relocated {
  /** Words of eight bytes by their address; undefined: nobody knows what they are. */
  readonly words: ReadonlyMap<number, bigint | undefined>;
  /** Memory of which nobody knows what it is. */
  readonly spans: readonly { readonly address: number; readonly size: number }[];
}

/** A linked image, as far as code sees it. */
export interface FollowedImage {
  /** As ELF numbers machines. */
  readonly machine: number;
  readonly code: readonly CodeBytes[];
  /** All memory that it has: bytes of the file, then zeros up to `size`. */
  readonly memory: readonly (CodeBytes & { readonly size: number; readonly isWritable: boolean })[];
  readonly symbols: ReadonlyMap<string, number>;
  /** What a register holds all the time for code to find its data by, where the machine has such a thing. */
  readonly globalPointer?: number;
  /** What dynamic relocations change; see relocated.ts. */
  readonly relocated?: Relocated;
  /** Names that several functions have; they are not among the symbols. */
  readonly ambiguous?: ReadonlyMap<string, ReadonlySet<number>>;
  /** Functions that allocate and free memory, by where they begin. */
  readonly allocators?: ReadonlyMap<number, Allocator>;
}

/** Memory that was allocated or freed. */
export interface ResidueBlock {
  /** What it is: `memory that malloc gave`, `argument 0`. */
  readonly name: string;
  /** Which it is in the analysis. */
  readonly region: number;
  /** The call that gave it, and where that returns to (-1: out of the function under question). */
  readonly allocatedAt?: number;
  readonly site?: number;
  /** The call that freed it; absent: it is still there. */
  readonly freedAt?: number;
}

/** Bytes that may depend on the secret. */
export interface Residue {
  /** Of the heap: where. */
  readonly block?: ResidueBlock;
  /** Of the stack: an offset from the stack pointer at the entry; of a buffer or the image: an offset, an address. */
  readonly from: number;
  readonly length: number;
  /** The instruction that wrote them last; absent for what was there from the beginning. */
  readonly at?: number;
  /** They are bytes of the secret as it was given, and not computed from it. */
  readonly isVerbatim: boolean;
  /** The calls that were being executed when they were written: their instructions, the outermost first. */
  readonly path?: readonly number[];
  readonly status?: Status;
}

/**
 * Whether two runs on numbers, of the function with different secrets, ended with different bytes there. What is not
 * reproduced may be there all the same. Absent: nobody ran it.
 */
export type Status = 'confirmed' | 'not reproduced';

export interface RegisterResidue {
  readonly register: string;
  readonly isVerbatim: boolean;
  readonly status?: Status;
}

export type Verdict<R> =
  | { readonly kind: 'erased' }
  | { readonly kind: 'residue'; readonly residue: readonly R[] }
  | { readonly kind: 'unknown'; readonly at: number; readonly reason: string };

/** What is left, by where. */
export interface Parts {
  readonly stack: Verdict<Residue>;
  readonly registers: Verdict<RegisterResidue>;
  /** Secret buffers, if they must be clear; by argument. */
  readonly buffers: Readonly<Record<number, Verdict<Residue>>>;
  /**
   * Secret variables, if they must be clear (`variable NAME`), the rest of the image's data, the thread's, and for each pointer argument what lies around its bytes, or in them where it is no
   * output: `image`, `thread`, or the argument's number. Offsets are addresses in the first two.
   */
  readonly elsewhere: Readonly<Record<string, Verdict<Residue>>>;
  /** Memory that was freed with something in it, which nobody can erase any more. */
  readonly freed: Verdict<Residue>;
  /** Memory that was allocated and is still there. */
  readonly kept: Verdict<Residue>;
}

/** Where a way of the function ends that does not return: what is left there, with all that is being executed. */
export interface Stop extends Parts {
  /** The instruction. */
  readonly at: number;
  /** The function that it calls; absent: it traps. */
  readonly callee?: string;
}

/** What is left when the function returns, and what else is known of it. */
export interface Answer extends Parts {
  readonly stops: readonly Stop[];
  /** Bytes below the stack pointer at the entry, at most; absent where the code was not followed to its end. */
  readonly depth?: number;
  /** Memory was allocated or freed. */
  readonly usesHeap?: true;
  /** Instructions that were executed. */
  readonly steps: number;
  /** Of residue: how many pairs of runs were compared, and what kept one from its end. */
  readonly replayed?: {
    readonly pairs: number;
    /** Some instructions' results were not computed but drawn from what they read. */
    readonly drew: boolean;
    readonly problem?: string;
  };
  /** What was believed and not shown. */
  readonly assumptions: readonly string[];
}

/** Why code was not followed on. */
export class GivenUp extends Error {
  readonly at: number;
  constructor(at: number, reason: string) {
    super(reason);
    this.at = at;
  }
}

export function giveUp(at: number, reason: string): never {
  throw new GivenUp(at, reason);
}
