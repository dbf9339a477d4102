/**
 * JUnit XML: what the test pages of CI systems show.
 *
 * Each decision is a test case, in a suite for each rule. A failure is a <failure>, what is undecided is an <error>, since
 * nothing was shown to be wrong; what is waived or known from the older release is <skipped> with the reason; a warning
 * passes and says so in its output.
 * Source: the schema of Jenkins' xUnit plug-in, which GitLab and others read.
 */
import { renderXml, type XmlElement } from '../../base/xml.ts';
import type { Decision, Verdict } from '../gate.ts';
import { fixOf, type RulePages } from '../rule-page.ts';
import { inert } from './inert.ts';

/** All that is said of a decision, line by line. */
function bodyOf(decision: Decision, pages: RulePages): string {
  const { message, details } = decision;
  const fix = fixOf(decision, pages);
  return [message, ...details, ...(fix === '' ? [] : [`Fix by: ${fix}`])].map((line) => inert(line)).join('\n');
}

function outcomeOf(decision: Decision, pages: RulePages): XmlElement[] {
  const { result, outcome, message, waiver, state, isExpired, unapproved } = decision;
  const expired = isExpired && waiver ? `; its waiver expired on ${waiver.expires}` : '';
  const late = `${expired}${unapproved === undefined ? '' : `; its waiver does not count: ${unapproved}`}`;
  const attributes = {
    message: inert(`${message}${late}`),
    type: `${outcome}${state === undefined ? '' : `, ${state}`}`,
  };
  switch (result) {
    case 'failed':
      return [{ name: 'failure', attributes, text: bodyOf(decision, pages) }];
    case 'undecided':
      return [{ name: 'error', attributes, text: bodyOf(decision, pages) }];
    case 'waived':
      return [
        {
          name: 'skipped',
          attributes: {
            message: inert(`waived by ${waiver?.owner} until ${waiver?.expires}: ${waiver?.reason}; ${message}`),
          },
        },
      ];
    case 'known':
      return [{ name: 'skipped', attributes: { message: inert(`the older release has it as well: ${message}`) } }];
    case 'warned':
      return [{ name: 'system-out', text: `warning: ${bodyOf(decision, pages)}` }];
    case 'passed':
      return [];
  }
}

const numberOf = (decisions: readonly Decision[], ...wanted: readonly Decision['result'][]): string =>
  String(decisions.filter(({ result }) => wanted.includes(result)).length);

const sums = (decisions: readonly Decision[]): Record<string, string> => ({
  tests: String(decisions.length),
  failures: numberOf(decisions, 'failed'),
  errors: numberOf(decisions, 'undecided'),
  skipped: numberOf(decisions, 'waived', 'known'),
});

export function junit(verdict: Verdict, pages: RulePages): string {
  const { image, decisions, policy } = verdict;
  const rules = [...new Set(decisions.map(({ rule }) => rule))];
  return renderXml({
    name: 'testsuites',
    attributes: { name: inert(`casemate: ${image.name} under ${policy.name}`), ...sums(decisions) },
    children: rules.map((rule) => {
      const own = decisions.filter((decision) => decision.rule === rule);
      return {
        name: 'testsuite',
        attributes: { name: inert(rule), ...sums(own) },
        children: own.map((decision) => ({
          name: 'testcase',
          attributes: { classname: `casemate.${inert(rule)}`, name: inert(decision.id) },
          children: outcomeOf(decision, pages),
        })),
      };
    }),
  });
}
