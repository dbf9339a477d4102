/** Pages of rules from docs/rules, read when something is to be said of them. */
import { join } from 'node:path';
import { readFileIfPresent } from '../base/files.ts';
import { parseRulePage, type RulePage, type RulePages } from '../evidence/rule-page.ts';
import { casemateHome } from './target-parts.ts';

/** The page of a rule; undefined when there is none. */
export function readRulePage(rule: string): RulePage | undefined {
  // A rule's id may come from evidence, and would be a path.
  if (!/^[a-z][a-z0-9-]{0,63}$/.test(rule)) return undefined;
  const bytes = readFileIfPresent(join(casemateHome, 'docs/rules', `${rule}.md`));
  return bytes && parseRulePage(Buffer.from(bytes).toString('utf8'));
}

/** The pages that there are of these rules. */
export function readRulePages(rules: Iterable<string>): RulePages {
  const pages = [...new Set(rules)].map((rule) => readRulePage(rule));
  return new Map(pages.flatMap((page) => (page === undefined ? [] : [[page.rule, page]])));
}
