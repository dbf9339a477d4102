/** A probe's verdict as a finding, the same for every target. */
import type { Finding } from '../hardening/finding.ts';

export interface Tried {
  /** What was tried, to stand after "a program that". */
  readonly tries: string;
  readonly outcome: Finding['outcome'];
  /** How it ended; one line. */
  readonly found: string;
  /** It got through, and nobody says that it cannot. */
  readonly limit: boolean;
}

/** What stands on the ground of having been tried. `subject` is printable. */
export function exercised(subject: string, outcome: Finding['outcome'], message: string): Finding {
  return { rule: 'probes', version: 1, state: 'exercised', subject, outcome, message, details: [] };
}

export function probeFinding(subject: string, { tries, outcome, found, limit }: Tried): Finding {
  return {
    ...exercised(subject, outcome, `${limit ? 'known limit: ' : ''}a program that ${tries}: ${found}`),
    about: tries,
  };
}
