/**
 * Markdown for a CI job's summary page: the verdict, a table of what did not pass, and how to mend it.
 *
 * Every text of the evidence is escaped, so that a symbol's name cannot add a link, an image or HTML to the page. GitHub
 * cuts a summary off at 1 MiB; a long table is ended before, with a count of the rest.
 */
import type { Decision, Verdict } from '../gate.ts';
import { fixOf, type RulePages } from '../rule-page.ts';
import { statusWord } from '../verdict-text.ts';
import { inert, markdownText } from './inert.ts';

const MOST_ROWS = 200;

const marks: Readonly<Record<Decision['result'], string>> = {
  failed: '❌ failed',
  undecided: '❓ undecided',
  warned: '⚠️ warning',
  waived: '🕗 waived',
  known: 'known before',
  passed: '✅ passed',
};

function row(decision: Decision): string {
  const { result, id, message, waiver, isExpired, unapproved } = decision;
  const until = waiver && result === 'waived' ? ` (until ${waiver.expires}, ${waiver.owner})` : '';
  const expired = waiver && isExpired ? ` (its waiver expired on ${waiver.expires})` : '';
  const late = `${expired}${unapproved === undefined ? '' : ` (its waiver does not count: ${unapproved})`}`;
  return `| ${marks[result]} | ${markdownText(inert(id, 120))} | ${markdownText(inert(`${message}${until}${late}`, 400))} |`;
}

function fixes(decisions: readonly Decision[], pages: RulePages): string[] {
  const wanted = decisions.filter(({ result }) => result === 'failed' || result === 'undecided');
  const lines = new Map(wanted.map((one) => [one.rule, fixOf(one, pages)]));
  const known = [...lines].filter(([, fix]) => fix !== '');
  if (known.length === 0) return [];
  return ['', '### How to fix', '', ...known.map(([rule, fix]) => `- **${markdownText(rule)}**: ${markdownText(fix)}`)];
}

export function markdown(verdict: Verdict, pages: RulePages): string {
  const { image, policy, now, evidence, decisions, expired, stale } = verdict;
  const open = decisions.filter(({ result }) => result !== 'passed');
  const trust = evidence.trust.kind === 'signed' ? `signed by ${evidence.trust.key}` : '**unsigned**';
  const more = open.length > MOST_ROWS ? ['', `... and ${open.length - MOST_ROWS} more`] : [];
  const table =
    open.length === 0
      ? []
      : [
          '',
          '| Result | Finding | What was found |',
          '| --- | --- | --- |',
          ...open.slice(0, MOST_ROWS).map(row),
          ...more,
        ];
  return [
    `## casemate: ${markdownText(image.name)}: ${statusWord(verdict.status)}`,
    '',
    `Policy ${markdownText(policy.name)} (\`${policy.sha256.slice(0, 12)}\`), ${now}; evidence \`${evidence.sha256.slice(0, 12)}\`, ${trust}; image \`${image.sha256.slice(0, 12)}\`. ${decisions.length - open.length} of ${decisions.length} passed.`,
    ...table,
    ...fixes(decisions, pages),
    ...(expired.length === 0 ? [] : ['', `${expired.length} waivers have expired.`]),
    ...(stale.length === 0 ? [] : ['', `${stale.length} waivers are needed by nothing: remove them.`]),
    '',
  ].join('\n');
}
