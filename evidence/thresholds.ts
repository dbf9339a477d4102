/**
 * Bounds of a policy on what evidence counts: each a measured number, the bound, and which of them may be greater.
 *
 * What the evidence does not say is undecided and never within bounds.
 */
import type { Decidable } from './decidable.ts';
import { bitsOfAddress, type Evidence } from './evidence.ts';
import type { Thresholds } from './policy.ts';

export type ThresholdName = Exclude<keyof Thresholds, '$comment'>;

export interface Measured {
  readonly name: ThresholdName;
  readonly bound: number;
  /** undefined: the evidence does not say. */
  readonly found: number | undefined;
  /** Whether the bound is the least that is allowed; otherwise it is the most. */
  readonly isLeast: boolean;
  /** What was counted, to stand before a number. */
  readonly what: string;
  /** Said when it is out of bounds, or not known. */
  readonly fix: string;
}

interface Gauge {
  readonly what: string;
  readonly isLeast: boolean;
  readonly fix: string;
  readonly read: (evidence: Evidence, unknowns: number) => number | undefined;
}

/** The share that the canary's rule measured. */
function canaryPercent({ findings }: Evidence): number | undefined {
  const found = findings.filter(({ rule, version }) => rule === 'canary' && version === 1);
  return found.length === 1 && found[0]!.outcome !== 'unknown' ? found[0]!.measured : undefined;
}

const gauges: Readonly<Record<ThresholdName, Gauge>> = {
  entropyBits: {
    what: "bits of entropy of the image's address",
    isLeast: true,
    fix: 'harden it: for hvt so that it can be slid, for riscv64 with "require": ["entropy"]; for sel4 give a seed of your own',
    read: bitsOfAddress,
  },
  canaryPercent: {
    what: 'per cent of the functions that need a canary have one',
    isLeast: true,
    fix: 'compile everything, libraries too, with -fstack-protector-strong',
    read: canaryPercent,
  },
  unknowns: {
    what: 'findings that are unknown and not waived',
    isLeast: false,
    fix: 'make what is unknown decidable, or waive each of it',
    read: (_, unknowns) => unknowns,
  },
  coqOpen: {
    what: 'statements that Coq has not proved',
    isLeast: false,
    fix: 'build with --coq, and prove what is open by hand: docs/coq.md',
    read: ({ proofs }) => {
      if (proofs?.coq === undefined) return proofs === undefined ? 0 : undefined;
      const { claims, refusals } = proofs.coq;
      return refusals.length + claims.filter(({ status }) => status === 'open').length;
    },
  },
  assumptions: {
    what: 'entries of the ledger of assumptions',
    isLeast: false,
    fix: 'prove or validate what is assumed; casemate build --strict names it',
    read: ({ assumptions }) => assumptions.length,
  },
  imageBytes: {
    what: "bytes of the image's file",
    isLeast: false,
    fix: 'link with gcSections, strip debug sections, or raise the bound',
    read: ({ image }) => image.size,
  },
  tcbBytes: {
    what: 'bytes of code that have to be right',
    isLeast: false,
    fix: 'remove libraries, prove more of the code, or raise the bound',
    read: ({ tcb }) =>
      tcb.length === 0
        ? undefined
        : tcb.reduce((sum, { component, codeBytes }) => sum + (component === 'verified' ? 0 : codeBytes), 0),
  },
};

/** The bounds of a policy, in a fixed order; `undecided`: the findings that are unknown and count. */
export function measure(thresholds: Thresholds, evidence: Evidence, undecided: readonly Decidable[]): Measured[] {
  return (Object.keys(gauges) as ThresholdName[]).flatMap((name): Measured[] => {
    const bound = thresholds[name];
    if (bound === undefined) return [];
    const { what, isLeast, fix, read } = gauges[name];
    return [{ name, bound, what, isLeast, fix, found: read(evidence, undecided.length) }];
  });
}

/** Whether a number keeps to its bound. */
export const keeps = ({ isLeast, bound }: Measured, found: number): boolean =>
  isLeast ? found >= bound : found <= bound;
