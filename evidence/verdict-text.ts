/**
 * A verdict for a terminal: what failed, why it matters, how to mend it, and how to waive it.
 */
import { inert } from './formats/inert.ts';
import { type Decision, type Result, results, type Verdict } from './gate.ts';
import type { Waiver } from './policy.ts';
import { fixOf, type RulePages, whyOf } from './rule-page.ts';

/** A status in a word. */
export const statusWord = (status: Verdict['status']): string => ({ 0: 'passed', 1: 'FAILED', 3: 'UNDECIDED' })[status];

const marks: Readonly<Record<Result, string>> = {
  failed: 'FAIL',
  undecided: 'unknown',
  warned: 'warning',
  waived: 'waived',
  known: 'known',
  passed: 'pass',
};

const INDENT = ' '.repeat(11);

function linesOf(decision: Decision, pages: RulePages): string[] {
  const { result, id, message, details, state, waiver, isExpired, unapproved, fingerprint, baseline } = decision;
  const tags = [state, baseline].filter((tag) => tag !== undefined).join(', ');
  const head = `  ${marks[result].padEnd(7)}  ${inert(id, 200)}${tags === '' ? '' : ` (${tags})`}: ${inert(message)}`;
  const decides = result === 'failed' || result === 'undecided';
  const [why, fix] = decides ? [whyOf(decision, pages), fixOf(decision, pages)] : ['', ''];
  return [
    head,
    ...(result === 'known' || result === 'waived' ? [] : details.map((line) => `${INDENT}${inert(line)}`)),
    ...(waiver && result === 'waived'
      ? [`${INDENT}waived by ${inert(waiver.owner)} until ${waiver.expires}: ${inert(waiver.reason)}`]
      : []),
    ...(waiver && isExpired
      ? [`${INDENT}its waiver by ${inert(waiver.owner)} expired on ${waiver.expires}: ${inert(waiver.reason)}`]
      : []),
    ...(waiver && unapproved !== undefined
      ? [`${INDENT}its waiver by ${inert(waiver.owner)} does not count: ${inert(unapproved)}`]
      : []),
    ...(why === '' ? [] : [`${INDENT}why: ${inert(why)}`]),
    ...(fix === '' ? [] : [`${INDENT}fix: ${inert(fix)}`]),
    ...(decides && fingerprint !== undefined && pages.has(decision.rule)
      ? [`${INDENT}more: casemate explain ${decision.rule}`]
      : []),
  ];
}

const waiverLine = ({ rule, id, subject, owner, expires }: Waiver): string =>
  `  ${inert(id ?? rule, 200)} (${subject.slice(0, 12)}), ${inert(owner)}, until ${expires}`;

function waiverLines(title: string, waivers: readonly Waiver[]): string[] {
  return waivers.length === 0 ? [] : [title, ...waivers.map(waiverLine)];
}

/** Of what does not decide, so many are shown unless all are asked for. */
const MOST_SHOWN = 20;

/** Decisions to show, and lines about those that are not. */
function shownOf(decisions: readonly Decision[], all: boolean): { shown: Decision[]; left: string[] } {
  if (all) return { shown: [...decisions], left: [] };
  const shown: Decision[] = [];
  const left: string[] = [];
  for (const result of results) {
    if (result === 'passed') continue;
    const own = decisions.filter((one) => one.result === result);
    const most = result === 'failed' || result === 'undecided' ? own.length : MOST_SHOWN;
    shown.push(...own.slice(0, most));
    if (own.length > most) left.push(`  ... and ${own.length - most} more that are ${result}: --all shows them`);
  }
  return { shown, left };
}

/** All lines; passes only when `all`. */
export function verdictLines(verdict: Verdict, pages: RulePages, all = false): string[] {
  const { image, policy, now, evidence, against, decisions, status, expired, stale, gone } = verdict;
  const { shown, left } = shownOf(decisions, all);
  const sums = results.flatMap((result) => {
    const n = decisions.filter((one) => one.result === result).length;
    return n === 0 ? [] : [`${n} ${result}`];
  });
  const trust =
    evidence.trust.kind === 'signed' ? `signed by ${evidence.trust.key}` : 'UNSIGNED: nobody vouches for it';
  return [
    `${inert(image.name)}: ${statusWord(status)}`,
    `  image     ${image.sha256}`,
    `  evidence  ${evidence.sha256}, ${trust}`,
    `  policy    ${policy.sha256}, ${inert(policy.name)}, on ${now}`,
    ...(against ? [`  against   ${against.sha256}, ${against.trust.kind}: only what is new or worse decides`] : []),
    ...shown.flatMap((decision) => linesOf(decision, pages)),
    ...left,
    `  ${sums.join(', ')}`,
    ...(gone.length === 0 ? [] : [`gone since the older release: ${gone.map((id) => inert(id, 200)).join(', ')}`]),
    ...(verdict.noApprovals ?? []).map((line) => `no approval: ${inert(line)}`),
    ...waiverLines('waivers that have expired and do not count:', expired),
    ...(stale.length === 0 ? [] : ['waivers that cover nothing here: remove them, or write them anew:']),
    ...stale.map((one) => `${waiverLine(one)}: ${inert(one.why)}`),
  ];
}
