/**
 * Veneers that erase: what is asked for one function, and what its veneer is made of.
 *
 * A function that uses a secret leaves it in the stack that it has given back and in registers that callers do not
 * expect to be kept, however carefully its source is written: compilers spill, callees save. Behind its back nobody
 * knows where. But everything that it and its callees left lies within a known depth below the stack pointer and in a
 * known set of registers, so code that is run right after it can clear all of that without knowing what it holds.
 *
 * A veneer is called instead of the function. It calls the function, clears the stack below its own stack pointer down to
 * the function's depth, then the caller-saved registers that carry no result, and returns. Each machine has a file that
 * writes one: veneer-x86-64.ts, veneer-riscv64.ts.
 */
import type { Item } from '../../machine/assemble/listing.ts';

/**
 * Where a function's arguments may lie. `registers`: none is on the stack, and the veneer has a frame of its own.
 * `stack`: some may be, so they must lie at the function's entry where they lay at the veneer's; the address that the
 * veneer returns to then waits in a shadow stack of the image's data.
 */
export type ArgumentPlace = 'registers' | 'stack';

/** What one function is wiped by. */
export interface WipeRequest {
  readonly function: string;
  /** Bytes below the stack pointer at the entry (of x86-64: below the return address) that it writes at most, callees included. */
  readonly depth: number;
  /**
   * How many bytes below that are watched: painted before the call and looked at after it. 0 where the depth is proved.
   * The veneer traps if one of them has changed.
   */
  readonly watched: number;
  /** Registers that carry the result, by their ABI names. */
  readonly results: readonly string[];
  /**
   * Bytes of the first of them that it returns, where its result is of that type and of no more: what a calling convention
   * leaves open above is cleared, too. Absent: all of the register.
   */
  readonly resultBytes?: number;
  /**
   * Registers in which something of the function's may be left, by name: all that the convention gives away where this is
   * absent (clobbers-x86-64.ts).
   */
  readonly clears?: ReadonlySet<string>;
  /** Callers that know the function's code may rely on all others, so the veneer must not change them. */
  readonly keepsOthers: boolean;
  readonly arguments: ArgumentPlace;
}

/** Code with fields that a linker fills in. */
export interface VeneerCode<Field> {
  readonly items: readonly Item[];
  readonly fields: readonly Field[];
}

/** Nothing wipes more; deeper functions are refused by name. */
export const MOST_DEPTH = 1 << 20;

/** Symbols that the veneers share. */
export const SHADOW_TOP = '__casemate_wipe_shadow_top';
export const SHADOW = '__casemate_wipe_shadow';
export const SHADOW_SPILL = '__casemate_wipe_spill';
export const SHADOW_ENTRIES = 64;

/** What the function is called behind its veneer. */
export const originalName = (name: string): string => `__unwiped_${name}`;
export const veneerName = (name: string): string => `__casemate_wipe_${name}`;
