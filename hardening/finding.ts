/**
 * What a rule says about an image.
 *
 * Today's checkers answer yes or no and so must guess where they cannot know. A finding has three outcomes, and unknown
 * is never a pass; and it says on which ground it stands, because an image's flags alone prove nothing about a machine
 * that ignores them: what the file _declares_, what tables or a kernel _enforce_, and what a probe that ran has
 * _exercised_ are three different things.
 */

export type Outcome = 'pass' | 'fail' | 'unknown';

/** declared: the ELF says so; enforced: page tables, a kernel or a tender do it; exercised: a probe ran and faulted. */
export type State = 'declared' | 'enforced' | 'exercised';

export interface Finding {
  /** Id and version of the rule: a result is comparable only with one of the same version. */
  readonly rule: string;
  readonly version: number;
  /** The image, by its (printable) file name. */
  readonly subject: string;
  /** Which of its rule's questions it answers, in a few words that stay the same; absent: the rule has one. */
  readonly about?: string;
  readonly outcome: Outcome;
  readonly state: State;
  /** One line that names section, symbol or address and shows both compared values. Safe to print. */
  readonly message: string;
  /** One line for each place, at most MOST_DETAILS and one that counts the rest. Safe to print. */
  readonly details: readonly string[];
  /** The number that the rule measures, where it measures one: for `canary` per cent, rounded down. */
  readonly measured?: number;
  /** Of the functions that it is about, where it is about instructions: a hash that linking does not change (code-identity.ts). */
  readonly maskedCode?: string;
}

export const MOST_DETAILS = 12;

/** The first lines of a list that may be long, and how many more there are. */
export function capped(lines: readonly string[], total = lines.length): readonly string[] {
  if (total <= MOST_DETAILS) return lines;
  return [...lines.slice(0, MOST_DETAILS), `... and ${total - MOST_DETAILS} more`];
}

/** "1 site", "2 sites". */
export function count(n: number, one: string, many = `${one}s`): string {
  return `${n} ${n === 1 ? one : many}`;
}

/** The gravest of several outcomes: fail, then unknown, then pass. */
export function worst(outcomes: readonly Outcome[]): Outcome {
  if (outcomes.includes('fail')) return 'fail';
  return outcomes.includes('unknown') ? 'unknown' : 'pass';
}
