/**
 * Obligations: what is claimed of a piece of code, each claim as a query, and all of them proved together.
 *
 * A claim may assume the goals of others, so as not to reason about everything at once; that is sound because one
 * verdict stands over all, and no claim may rest on itself. Beside the claims stands one more question, whether what
 * they assume can be true at all: from a contradiction anything follows, and a proof that rests on one is no proof.
 */
import type { Query } from './print.ts';
import { proveAll, type Verdict } from './prove.ts';
import type { Limits, Solver } from './solver.ts';
import { type Term, truth } from './terms.ts';

export interface Claim {
  /** What is claimed, in words that can be shown; each one once. */
  readonly name: string;
  readonly given: readonly Term[];
  readonly goal: Term;
}

export interface Obligations {
  /** Each is to be proved. */
  readonly queries: readonly Query[];
  /** Not to be proved: that everything the queries assume is false together. */
  readonly contradiction: Query;
}

export interface Proof {
  /** Proved when every obligation is; refuted when one is; else unknown. */
  readonly status: Verdict['status'];
  readonly verdicts: readonly Verdict[];
}

/** Claims as queries; `definitions` are assumed by each (symbolic.ts). */
export function obligationsOf(definitions: readonly Term[], claims: readonly Claim[]): Obligations {
  const assumed = new Set([...definitions, ...claims.flatMap(({ given }) => given)]);
  return {
    queries: claims.map(({ name, given, goal }) => ({ name, assumptions: [...definitions, ...given], goal })),
    contradiction: { name: 'what is assumed contradicts itself', assumptions: [...assumed], goal: truth(false) },
  };
}

/** The verdict that assumptions can be true, from the one that they contradict themselves. */
function noContradiction(verdict: Verdict): Verdict {
  const opposite = { proved: 'refuted', refuted: 'proved', unknown: 'unknown' } as const;
  const { name: _, counterexample: __, ...kept } = verdict;
  return { ...kept, name: 'what is assumed can be true', status: opposite[verdict.status] };
}

/** Asks about every obligation. Nothing to prove is not a proof: no claims are unknown. */
export async function proveObligations(
  solvers: readonly Solver[],
  { queries, contradiction }: Obligations,
  limits?: Limits,
): Promise<Proof> {
  const asked = await proveAll(solvers, [...queries, contradiction], limits);
  const verdicts = [...asked.slice(0, -1), noContradiction(asked[queries.length])];
  const has = (status: Verdict['status']): boolean => verdicts.some((verdict) => verdict.status === status);
  const undecided = has('unknown') || queries.length === 0;
  return { status: has('refuted') ? 'refuted' : undecided ? 'unknown' : 'proved', verdicts };
}
