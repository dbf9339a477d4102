/**
 * The small interface behind which machines differ.
 *
 * A machine is: its ELF number and page sizes, what each of its relocation types needs of the linker (a GOT slot, a
 * dynamic relocation, ...), how a section's relocations are applied, and how an IPLT entry looks. One file each.
 */
import { MOST_TYPES } from '../kernels/layout.ts';
import type { Program } from '../program.ts';

export { MOST_TYPES };

/** What a relocation type asks for besides arithmetic; the scan phase acts on it. */
export const Need = {
  Nothing: 0,
  /** A 64-bit absolute address: a dynamic relocation in a PIE. */
  Address: 1,
  /** A narrower absolute address: not possible against an address in a PIE. */
  NarrowAddress: 2,
  /** PC-relative to the symbol: branches and data. */
  Relative: 3,
  /** A GOT slot holding the address. */
  Got: 4,
  /** As Got, unless the instruction can be rewritten. */
  GotRelaxable: 5,
  /** A GOT slot holding the offset from the thread pointer, unless the instruction can be rewritten. */
  GotTp: 6,
  /** General dynamic TLS: rewritten on x86-64 and AArch64, a pair of GOT slots on RISC-V. */
  TlsGd: 7,
  /** Local dynamic TLS (x86-64, AArch64): always rewritten. */
  TlsLd: 8,
  /** The GOT's own address. */
  GotBase: 9,
  /** Offset from the thread pointer: the symbol must be TLS. */
  TpOffset: 10,
  /** TLS descriptor: always rewritten. */
  TlsDesc: 11,
  Unknown: 255,
} as const;

/** Bits that mark symbols whose address is not simply a number; see RelocationJob.special. */
export const Special = {
  /** In a merged section: the addend decides which piece is meant. */
  Merge: 1,
  /** In a section that is not in the output. */
  Dead: 2,
  /** Undefined and weak (or tolerated): address 0. */
  Undefined: 4,
  Tls: 8,
  /** Does not move with the image. */
  Absolute: 16,
  /** In .eh_frame or another section whose offsets were edited: the addend decides. */
  Edited: 32,
} as const;

/** One section's relocations, ready to be applied. Reused from section to section. */
export interface RelocationJob {
  readonly program: Program;
  /** Names of the machine's relocation types, for messages. */
  readonly typeNames: readonly (string | undefined)[];
  section: number;
  /** Relocation records: `count` RELA entries at `relocs` of `view`. */
  view: DataView;
  relocs: number;
  count: number;
  /** The section's bytes in the output: view over the file, its offset there, its size and address. */
  out: DataView;
  /** The same bytes as `out`. */
  file: Uint8Array;
  outOffset: number;
  size: number;
  address: number;
  /** Part of the loaded image (debug sections are not). */
  alloc: boolean;
  /** Value for references to dropped code from debug sections. */
  tombstone: number;
  /** By symbol index of the object. */
  symbolAddress: Float64Array;
  special: Uint8Array;
  symbolCount: number;
  /** Where each relocation now stands (-1: dropped), for sections whose contents were edited; else undefined. */
  places: Int32Array | undefined;
  readonly tables: AddressTables;
}

/** Addresses that the slow paths ask for. */
export interface AddressTables {
  /** Position-independent output. */
  readonly pie: boolean;
  readonly relax: boolean;
  gotAddress: number;
  /** Thread pointer minus address: tpoff = address - tlsBase + tlsBias, in the machine's variant. */
  tlsStart: number;
  tlsSize: number;
  tlsAlign: number;
  globalPointer: number;
  /** Address of the slot for symbol `sym` of the job's object. */
  gotSlot(job: RelocationJob, sym: number): number;
  gotTpSlot(job: RelocationJob, sym: number): number;
  tlsGdSlot(job: RelocationJob, sym: number): number;
  /** Address of the veneer that relocation `r` of the job's section was given; undefined when it has none. */
  veneer(job: RelocationJob, r: number): number | undefined;
  /** Address of (symbol + addend) for Merge and Edited symbols. */
  pieceAddress(job: RelocationJob, sym: number, addend: number): number;
  symbolSize(job: RelocationJob, sym: number): number;
}

export interface Architecture {
  readonly machine: Program['machine'];
  readonly elfMachine: number;
  readonly maxPageSize: number;
  readonly commonPageSize: number;
  /** Default load address of ET_EXEC. */
  readonly imageBase: number;
  readonly relocationNames: readonly (string | undefined)[];
  /** Need by relocation type (MOST_TYPES entries). */
  readonly needs: Uint8Array;
  /** Numbers of R_*_RELATIVE and R_*_IRELATIVE. */
  readonly relativeType: number;
  readonly irelativeType: number;
  /** Slots at the start of the GOT whose first holds _DYNAMIC. */
  readonly gotHeaderSlots: number;
  /** `_GLOBAL_OFFSET_TABLE_` minus the start of .got. */
  readonly ipltEntrySize: number;
  /** What gaps of code are filled with; and of code that falls through them (.init, .fini). */
  readonly trapBytes: readonly number[];
  readonly nopBytes: readonly number[];
  writeIplt(out: DataView, offset: number, address: number, slotAddress: number): void;
  /**
   * Whether this GOT-using relocation is rewritten so that it needs no slot. The section is [start, end) of `bytes`, the
   * relocated field at `at`.
   */
  rewritesGot(bytes: Uint8Array, start: number, end: number, at: number, type: number, addend: number): boolean;
  rewritesGotTp(bytes: Uint8Array, start: number, end: number, at: number, type: number): boolean;
  /** A TLSGD or TLSLD whose next relocation (the call of __tls_get_addr) is consumed by the rewrite. */
  readonly consumesCall: boolean;
  /** Applies relocation `r` of the job's section; returns the next that is to be applied. */
  applyRelocation(job: RelocationJob, r: number): number;
  /** tpoff of an address. */
  threadOffset(tables: AddressTables, address: number): number;
  /** What a GOT slot of an executable holds for dtpoff. */
  readonly dtpBias: number;
  /** e_flags of the output from those of the inputs; errors on ABI conflicts. */
  mergeFlags(program: Program): number;
}

/** Name of a relocation type for messages. */
export function relocationName(architecture: Architecture, type: number): string {
  return architecture.relocationNames[type] ?? `type ${type}`;
}
