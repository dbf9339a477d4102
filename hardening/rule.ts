/**
 * What every rule is: a pure function from a subject to findings, with a name that waivers and policies refer to.
 *
 * `version` changes whenever the same image may get another outcome, so that a gate can tell a changed image from a
 * changed rule. Each rule has a page, docs/rules/<id>.md.
 */
import { capped, type Finding, type Outcome, type State } from './finding.ts';
import type { Subject } from './subject.ts';

export interface RuleIdentity {
  readonly id: string;
  readonly version: number;
  /** What holds when the rule passes, in a few words. */
  readonly title: string;
}

export interface Rule extends RuleIdentity {
  /** One finding for each thing that is decided by itself, at least one. Never throws for a subject that was read. */
  readonly run: (subject: Subject) => readonly Finding[];
}

/** A function that makes this rule's findings on `subject`. */
export type Report = (
  outcome: Outcome,
  state: State,
  message: string,
  details?: readonly string[],
  total?: number,
) => Finding;

/** `about`: which of the rule's questions the findings answer, where it has several. */
export function reporter(rule: RuleIdentity, subject: Subject, about?: string): Report {
  return (outcome, state, message, details = [], total = details.length) => ({
    rule: rule.id,
    version: rule.version,
    subject: subject.name,
    ...(about !== undefined && { about }),
    outcome,
    state,
    message,
    details: capped(details, total),
  });
}
