/**
 * How releases develop: a row for each, in the order in which they are given, of the numbers that bounds are about.
 */
import { decidables } from './decidable.ts';
import type { Evidence } from './evidence.ts';

export interface TrendRow {
  readonly image: string;
  readonly sha256: string;
  readonly imageBytes: number;
  readonly tcbBytes: number;
  readonly pass: number;
  readonly fail: number;
  readonly unknown: number;
  readonly assumptions: number;
  /** Findings that fail or are unknown now and were not, or were not there, in the row before. */
  readonly worse: readonly string[];
  readonly better: readonly string[];
}

const openOf = (evidence: Evidence): Set<string> =>
  new Set(decidables(evidence).flatMap(({ id, outcome }) => (outcome === 'pass' ? [] : [id])));

function rowOf(evidence: Evidence, before: Evidence | undefined): TrendRow {
  const all = decidables(evidence);
  const number = (wanted: string): number => all.filter(({ outcome }) => outcome === wanted).length;
  const [open, old] = [openOf(evidence), before && openOf(before)];
  const { name, sha256, size } = evidence.image;
  return {
    ...{
      image: name,
      sha256,
      imageBytes: size,
      pass: number('pass'),
      fail: number('fail'),
      unknown: number('unknown'),
    },
    tcbBytes: evidence.tcb.reduce((sum, one) => sum + (one.component === 'verified' ? 0 : one.codeBytes), 0),
    assumptions: evidence.assumptions.length,
    worse: old === undefined ? [] : [...open].filter((id) => !old.has(id)),
    better: old === undefined ? [] : [...old].filter((id) => !open.has(id)),
  };
}

export const trendOf = (releases: readonly Evidence[]): TrendRow[] =>
  releases.map((one, i) => rowOf(one, i === 0 ? undefined : releases[i - 1]));
