/**
 * The page of a rule, docs/rules/ID.md, as data: what is wrong, how to mend it, when to waive it.
 *
 * A failure that only says what was found leaves its reader to search; so verdicts and reports quote the page. One text
 * serves people who read the documentation and those who read a failure.
 */
export interface RulePage {
  readonly rule: string;
  /** What holds when it passes. */
  readonly title: string;
  readonly problem: string;
  readonly fix: string;
  readonly waive: string;
  /** The whole page. */
  readonly text: string;
}

/** Pages by rule. */
export type RulePages = ReadonlyMap<string, RulePage>;

/** Paragraphs of a section in one line each. */
function sectionOf(text: string, name: string): string {
  const from = text.indexOf(`\n## ${name}\n`);
  if (from < 0) return '';
  const start = from + name.length + 5;
  const end = text.indexOf('\n## ', start);
  return text.slice(start, end < 0 ? undefined : end).trim();
}

/** The first paragraph of a section as one line of plain text: Markdown's marks are left out. */
export function firstParagraph(section: string): string {
  const paragraph = section.split(/\n\s*\n/)[0] ?? '';
  return paragraph
    .replace(/\s+/g, ' ')
    .replace(/`([^`]*)`/g, '$1')
    .replace(/(^|[ (])_([^_]+)_/g, '$1$2')
    .trim();
}

/** Reads a page; undefined when it is none of the agreed form. */
export function parseRulePage(text: string): RulePage | undefined {
  const heading = /^# ([a-z][a-z0-9-]*): (.+)\n/.exec(text);
  if (heading === null) return undefined;
  const [problem, fix, waive] = ['Problem', 'Fix by', 'Waive if'].map((name) => sectionOf(text, name)) as [
    string,
    string,
    string,
  ];
  return { rule: heading[1]!, title: heading[2]!, problem, fix, waive, text };
}

/** How to mend what a decision found. */
export const fixOf = (decision: { readonly rule: string; readonly fix?: string }, pages: RulePages): string =>
  decision.fix ?? firstParagraph(pages.get(decision.rule)?.fix ?? '');

/** Why it matters. */
export const whyOf = ({ rule }: { readonly rule: string }, pages: RulePages): string =>
  firstParagraph(pages.get(rule)?.problem ?? '');
