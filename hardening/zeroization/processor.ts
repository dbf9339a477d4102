/**
 * What following a secret needs of a machine: one instruction at a time, and where control may go from one.
 *
 * All that differs between machines is here; states, memory, branches and verdicts are the same for all.
 */
import type { Control } from '../../machine/semantics/code.ts';
import type { Shown } from './facts.ts';
import type { Flow } from './flow.ts';
import type { State } from './state.ts';
import type { Truth, Value } from './values.ts';

/** Memory, as instructions reach it. */
export interface MemoryAccess {
  /** Bytes at an address. */
  readonly load: (address: Value, bytes: number) => Value;
  /** `isSave`: a register that its caller has to find again is put into the frame; undefined: that is for memory to tell. */
  readonly store: (address: Value, value: Value, isSave?: boolean) => void;
}

/** What flags may tell. */
export interface Status {
  /** Values that determine all flags: one such list after another. */
  readonly determiners: readonly (readonly Value[])[];
  /** Values of which each says one flag, or more. */
  readonly bits: readonly Value[];
}

export interface Processor {
  /** Executes the instruction at the state's pc on the state, but for the pc. A text says why it cannot. */
  readonly execute: (state: State, access: MemoryAccess) => Control<Value, Truth> | string;
  /** What is so where the branch at the state's pc is taken (`holds`), and where it is not. */
  readonly shownAt: (state: State) => Shown;
  /** The address after the instruction at an address. */
  readonly next: (pc: number) => number;
  /** `neverReturns`: functions whose calls do not come back. */
  readonly flowAt: (pc: number, neverReturns: ReadonlySet<number>) => Flow;
  /** Number of the stack pointer among general registers. */
  readonly stackPointer: number;
  /** General registers that carry arguments, in order. */
  readonly argumentRegisters: readonly number[];
  /** Names of general registers, and how many vectors of how many lanes there are. */
  readonly names: readonly string[];
  readonly vectors: { readonly count: number; readonly lanes: number; readonly name: (index: number) => string };
  /** Remainders, divided by 64, that the stack pointer may have at an entry. */
  readonly entryRemainders: readonly number[];
  /** Bytes from the stack pointer at the entry that the return address takes, on the stack; 0: it is in `link`. */
  readonly returnBytes: number;
  readonly link?: number;
  /** The register of results. */
  readonly result: number;
  /** Registers that functions leave as they were. */
  readonly keeps: { readonly general: ReadonlySet<number>; readonly vectors: ReadonlySet<number> };
  /** What general registers hold at every entry; of others nothing is known. */
  readonly atEntry: ReadonlyMap<number, Value>;
  /** What is believed of registers. */
  readonly assumptions: readonly string[];
  /** Registers of flags that instructions leave. */
  readonly statuses: readonly StatusRegister[];
}

export interface StatusRegister {
  readonly name: string;
  readonly of: (state: State) => Status;
}
