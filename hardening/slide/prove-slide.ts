/**
 * The proof over all slides of one image: every obligation of its form, asked of the solvers.
 *
 * The obligations leave sizes, addresses and memory open, so the proof is of every image with as many segments; that
 * this image is one of them is what layout.ts checks on its numbers, with the same rules.
 */
import { type Proof, proveObligations } from '../../proofs/smt/obligations.ts';
import type { Limits, Solver } from '../../proofs/smt/solver.ts';
import { roomOf, type SlideProblem, shapeOf } from './layout.ts';
import { type SlideCode, type SlideForm, slideObligations } from './obligations.ts';
import * as space from './space.ts';

/** What of a problem the proof depends on. */
export function formOf(problem: SlideProblem): SlideForm {
  const { sizes, signedAddresses, text } = shapeOf(problem);
  const shuffled = text === undefined ? {} : { text: { segment: text.segment, granule: text.granule } };
  return { segments: sizes.length, signedAddresses, ...shuffled };
}

/** Proves a form of image. `code` is what runs; tests give others, to see them fail. */
export function proveForm(
  solvers: readonly Solver[],
  form: SlideForm,
  limits?: Limits,
  code: SlideCode = space,
): Promise<Proof> {
  return proveObligations(solvers, slideObligations(code, form), limits);
}

/** Proves that all slides of an image are sound. A problem that cannot be slid is a 'layout' error. */
export async function proveSlide(solvers: readonly Solver[], problem: SlideProblem, limits?: Limits): Promise<Proof> {
  roomOf(shapeOf(problem));
  return proveForm(solvers, formOf(problem), limits);
}
