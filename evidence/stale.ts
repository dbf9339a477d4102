/**
 * Why a waiver covers nothing of this evidence: what it was written for is gone, passes, or is another thing now.
 *
 * A waiver that quietly stops to count looks to its owner like a gate that is broken. So it is said what became of the
 * finding that it names; whether it counts is decided by its subject alone.
 */
import type { Decidable } from './decidable.ts';
import type { Waiver } from './policy.ts';

export interface StaleWaiver extends Waiver {
  readonly why: string;
}

const short = (hash: string | undefined): string => hash?.slice(0, 12) ?? 'not known';

function whyOf({ id, code }: Waiver, found: Decidable | undefined): string {
  if (id === undefined) return 'no finding has this subject';
  if (found === undefined) return 'there is no finding of this id';
  if (found.outcome === 'pass') return 'it passes';
  if (code !== undefined && code !== found.maskedCode)
    return `the code that it is about changed, from ${short(code)} to ${short(found.maskedCode)}: read it, then waive it anew`;
  return 'it is about other places, or has another outcome, ground or version: read it, then waive it anew';
}

/** Of waivers that nothing needs. */
export function staleWaivers(waivers: readonly Waiver[], all: readonly Decidable[]): StaleWaiver[] {
  const byId = new Map(all.map((one) => [one.id, one]));
  return waivers.map((waiver) => ({
    ...waiver,
    why: whyOf(waiver, waiver.id === undefined ? undefined : byId.get(waiver.id)),
  }));
}
