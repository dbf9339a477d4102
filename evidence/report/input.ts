/**
 * What a report is made of: evidence, and what goes with it in a bundle or was worked out from its image.
 *
 * All of it is plain data, so that the page is a function of it: no clock, no files, and the same bytes for the same
 * release. Whatever is absent is said to be absent on the page, never left out in silence.
 */
import type { Address, Evidence, Measurements, Sha256 } from '../evidence.ts';
import type { Trust, Verdict } from '../gate.ts';
import type { RulePages } from '../rule-page.ts';

/** Memory with one set of rights once the image protects itself, by its own tables. */
export interface EnforcedRegion {
  readonly start: bigint;
  readonly end: bigint;
  /** Of hardening: execute, read-execute, read, write... */
  readonly kind: string;
}

/** What the image's own start-up code will enforce, read from its bytes. */
export interface Enforced {
  readonly regions: readonly EnforcedRegion[];
  /** Most bytes of its stack. */
  readonly stack: number;
  /** How addresses are drawn at each start, in words. */
  readonly addresses?: string;
}

/** Bits, not less than `low` nor more than `high`. */
export interface Bits {
  readonly low: number;
  readonly high: number;
}

/** Slides of this very image, worked out. */
export interface Slides {
  /** Bytes of the guest's memory and of the least heap. */
  readonly memory: number;
  readonly heapMin: number;
  /** First address that a base may have, the bytes between two, and how many there are. */
  readonly lowest: number;
  readonly step: number;
  readonly slots: number;
  /** Of each slide. */
  readonly bases: readonly number[];
  readonly entries: readonly number[];
  /** Exact, of the base; bounds for the entry function's address. */
  readonly baseBits: number;
  readonly minimum: Bits;
  readonly shannon: Bits;
  /** Units of code that change places, and those that stay. */
  readonly units: number;
  readonly pinned: number;
}

export interface ReportInput {
  readonly evidence: Evidence;
  /** Of evidence.json. */
  readonly sha256: Sha256;
  readonly trust: Trust;
  /** Number of the release, where it is signed along. */
  readonly release?: number;
  /** Whether the image was at hand, and is the one that was checked. */
  readonly hasImage: boolean;
  /** By a policy; absent: nobody has decided. */
  readonly verdict?: Verdict;
  readonly pages: RulePages;
  /** Texts of the bundled sources by SHA-256. */
  readonly sources: ReadonlyMap<Sha256, string>;
  /** Steps of the solvers for each obligation, in the order of the evidence; undefined where none is known. */
  readonly steps?: readonly (number | undefined)[];
  /** Instructions of the image that evidence names as those that left something, in words, by address. */
  readonly instructions?: ReadonlyMap<Address, string>;
  readonly measurements?: Measurements;
  readonly enforced?: Enforced;
  readonly slides?: Slides;
  /** Why there are none. */
  readonly slidesAbsent?: string;
  /** Evidence of the release before. */
  readonly before?: { readonly evidence: Evidence; readonly sha256: Sha256; readonly trust: Trust };
}
