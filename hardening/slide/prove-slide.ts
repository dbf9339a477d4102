/**
 * The proof over all slides of one image: every obligation of its form, asked of the solvers.
 *
 * The obligations leave sizes, addresses and memory open, so the proof is of every image with as many segments; that
 * this image is one of them is what layout.ts checks on its numbers, with the same rules. Beside each obligation stands
 * the question whether what it assumes can be true at all: from a contradiction anything follows, and a proof that
 * rests on one is no proof.
 */
import { proveAll, type Verdict } from '../../proofs/smt/prove.ts';
import type { Limits, Solver } from '../../proofs/smt/solver.ts';
import { roomOf, type SlideProblem, shapeOf } from './layout.ts';
import { type SlideCode, type SlideForm, slideObligations } from './obligations.ts';
import * as space from './space.ts';

export interface SlideProof {
  /** Proved when every obligation is; refuted when one is; else unknown. */
  readonly status: Verdict['status'];
  readonly verdicts: readonly Verdict[];
}

/** What of a problem the proof depends on. */
export function formOf(problem: SlideProblem): SlideForm {
  const { sizes, signedAddresses, text } = shapeOf(problem);
  const shuffled = text === undefined ? {} : { text: { segment: text.segment, granule: text.granule } };
  return { segments: sizes.length, signedAddresses, ...shuffled };
}

/** The verdict that assumptions can be true, from the one that they contradict themselves. */
function noContradiction(verdict: Verdict): Verdict {
  const opposite = { proved: 'refuted', refuted: 'proved', unknown: 'unknown' } as const;
  const { name: _, counterexample: __, ...kept } = verdict;
  return { ...kept, name: 'what is assumed can be true', status: opposite[verdict.status] };
}

/** Proves a form of image. `code` is what runs; tests give others, to see them fail. */
export async function proveForm(
  solvers: readonly Solver[],
  form: SlideForm,
  limits?: Limits,
  code: SlideCode = space,
): Promise<SlideProof> {
  const { obligations, contradiction } = slideObligations(code, form);
  const verdicts = await proveAll(solvers, [...obligations, contradiction], limits);
  const possible = noContradiction(verdicts.pop()!);
  const all = [...verdicts, possible];
  const has = (status: Verdict['status']): boolean => all.some((verdict) => verdict.status === status);
  return { status: has('refuted') ? 'refuted' : has('unknown') ? 'unknown' : 'proved', verdicts: all };
}

/** Proves that all slides of an image are sound. A problem that cannot be slid is a 'layout' error. */
export async function proveSlide(
  solvers: readonly Solver[],
  problem: SlideProblem,
  limits?: Limits,
): Promise<SlideProof> {
  roomOf(shapeOf(problem));
  return proveForm(solvers, formOf(problem), limits);
}
