/**
 * What is new against an older release, in SARIF's words: new, unchanged, updated, absent.
 *
 * A team that takes the gate up with findings that it cannot mend at once still wants to stop the next one. Findings are
 * found again by their ids. One that changed is worse when its outcome is graver or when it names a place that it did
 * not name before; a list that was cut short may hide places, so then any change counts as worse.
 */
import type { Outcome } from '../hardening/finding.ts';
import type { Decidable } from './decidable.ts';
import { withoutAddresses } from './identity.ts';

export type BaselineState = 'new' | 'unchanged' | 'updated' | 'absent';

export interface Compared {
  readonly state: BaselineState;
  readonly isWorse: boolean;
}

const gravity: Readonly<Record<Outcome, number>> = { pass: 0, unknown: 1, fail: 2 };

const isCut = (details: readonly string[]): boolean => details.some((line) => /^\.\.\. and \d+ more$/.test(line));

/** Whether a list names something more often than another. */
function namesMore(details: readonly string[], old: readonly string[]): boolean {
  const left = new Map<string, number>();
  for (const line of old.map(withoutAddresses)) left.set(line, (left.get(line) ?? 0) + 1);
  return details.map(withoutAddresses).some((line) => {
    const n = left.get(line) ?? 0;
    left.set(line, n - 1);
    return n === 0;
  });
}

/** A finding against the one of the same id of an older release, or none. */
export function compare(now: Decidable, old: Decidable | undefined): Compared {
  if (old === undefined) return { state: 'new', isWorse: now.outcome !== 'pass' };
  // Another version of the rule asks another question: what it finds cannot be known from before.
  if (old.version !== now.version) return { state: 'updated', isWorse: now.outcome !== 'pass' };
  if (old.fingerprint === now.fingerprint && old.outcome === now.outcome) return { state: 'unchanged', isWorse: false };
  const graver = gravity[now.outcome] - gravity[old.outcome];
  if (graver !== 0) return { state: 'updated', isWorse: graver > 0 };
  const more = isCut(now.details) || isCut(old.details) || namesMore(now.details, old.details);
  return { state: 'updated', isWorse: now.outcome !== 'pass' && more };
}
