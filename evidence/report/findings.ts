/**
 * What the rules say, as a table that can be narrowed down: by outcome, rule, ground and text.
 *
 * With a policy its rows are the gate's decisions, gravest first; else all that can be decided on. Proved obligations and
 * functions of which nothing is wrong are thousands in a large image and have sections of their own: here they are
 * counted. Whatever is not good is a row.
 */
import { type Decidable, decidables } from '../decidable.ts';
import { type Decision, type Result, results } from '../gate.ts';
import type { Waiver } from '../policy.ts';
import { fixOf, type RulePages, whyOf } from '../rule-page.ts';
import { attributes, type Html, html, type Part, textOfHtml } from './html.ts';
import type { ReportInput } from './input.ts';
import {
  badge,
  code,
  filterOf,
  gravest,
  grouped,
  lines,
  plural,
  restOf,
  type Section,
  type Tone,
  toneOf,
  word,
} from './parts.ts';

/** No page has more rows. */
const MOST_ROWS = 5000;

interface Row {
  readonly id: string;
  readonly rule: string;
  readonly tone: Tone;
  /** In a word. */
  readonly result: string;
  readonly state?: string;
  readonly message: string;
  readonly details: readonly string[];
  readonly more: readonly Html[];
  /** What there is advice for. */
  readonly decision?: Pick<Decision, 'rule' | 'fix'>;
}

const resultTones: Readonly<Record<Result, Tone>> = {
  failed: 'bad',
  undecided: 'open',
  warned: 'open',
  waived: 'plain',
  known: 'plain',
  passed: 'good',
};

const resultWords: Readonly<Record<Result, string>> = {
  failed: 'failed',
  undecided: 'undecided',
  warned: 'warning',
  waived: 'waived',
  known: 'known before',
  passed: 'passed',
};

const outcomeWords = { fail: 'failed', unknown: 'unknown', pass: 'passed' } as const;

const waiverText = ({ owner, expires, reason }: Waiver, isExpired: boolean, unapproved?: string): Html =>
  unapproved !== undefined
    ? html`A waiver by ${owner} does not count: ${unapproved}`
    : html`${isExpired ? 'A waiver expired' : 'Waived'} by ${owner}, ${isExpired ? 'on' : 'until'} ${expires}: ${reason}`;

/** Why it matters and how to mend it. */
function advice(of: Pick<Decision, 'rule' | 'fix'>, pages: RulePages): Html[] {
  const [why, fix] = [whyOf(of, pages), fixOf(of, pages)];
  return [
    ...(why === '' ? [] : [html`<strong>Why</strong> ${why}`]),
    ...(fix === '' ? [] : [html`<strong>Fix by</strong> ${fix}`]),
  ];
}

function ofDecision(decision: Decision): Row {
  const { id, rule, result, state, message, details, waiver, isExpired, unapproved, baseline } = decision;
  const decides = result === 'failed' || result === 'undecided' || result === 'warned';
  return {
    ...{ id, rule, message, details, tone: resultTones[result], result: resultWords[result] },
    ...(state && { state }),
    more: [
      ...(waiver ? [waiverText(waiver, isExpired === true, unapproved)] : []),
      ...(baseline && baseline !== 'unchanged' ? [html`Against the release before: ${baseline}`] : []),
    ],
    ...(decides && { decision }),
  };
}

function ofDecidable({ id, rule, outcome, state, message, details }: Decidable): Row {
  return {
    ...{ id, rule, state, message, details, tone: toneOf(outcome), result: outcomeWords[outcome] },
    more: [],
    ...(outcome !== 'pass' && { decision: { rule } }),
  };
}

/** Adds why it matters and how to mend it to the first of each rule's findings that are not good. */
function advised(pages: RulePages): (row: Row) => Row {
  const told = new Set<string>();
  return (row) => {
    const all = row.decision === undefined ? [] : advice(row.decision, pages);
    const fresh = all.filter((one) => !told.has(textOfHtml(one)));
    for (const one of fresh) told.add(textOfHtml(one));
    return { ...row, more: [...row.more, ...fresh] };
  };
}

/** Rules whose subjects are functions and obligations, which have sections of their own. */
const ofFunctions = new Set(['proof', 'coq', 'verified', 'validation', 'erasure']);

function rowsOf({ evidence, verdict, pages }: ReportInput): { rows: Row[]; counted: ReadonlyMap<string, number> } {
  const all = verdict === undefined ? decidables(evidence).map(ofDecidable) : verdict.decisions.map(ofDecision);
  const counted = new Map<string, number>();
  const rows = all.filter(({ rule, result, more }) => {
    if (!ofFunctions.has(rule) || result !== 'passed' || more.length > 0) return true;
    counted.set(rule, (counted.get(rule) ?? 0) + 1);
    return false;
  });
  const order: readonly Tone[] = ['bad', 'open', 'plain', 'good'];
  return { rows: order.flatMap((tone) => rows.filter((one) => one.tone === tone)).map(advised(pages)), counted };
}

const countedWords: Readonly<Record<string, readonly [one: string, many: string, anchor: string]>> = {
  proof: ['obligation is proved', 'obligations are proved', 'contracts'],
  coq: ['statement is closed in Coq', 'statements are closed in Coq', 'coq'],
  verified: [
    'function is in the image as it was proved',
    'functions are in the image as they were proved',
    'contracts',
  ],
  validation: ['function does what its source says', 'functions do what their sources say', 'validation'],
  erasure: ['function leaves no secret behind', 'functions leave no secret behind', 'secrets'],
};

function countedLine(counted: ReadonlyMap<string, number>): Html | undefined {
  if (counted.size === 0) return undefined;
  const parts = [...counted].map(([rule, n]) => {
    const [one, many, anchor] = countedWords[rule]!;
    return html`<li><a href="#${anchor}">${plural(n, one, many)}</a></li>`;
  });
  return html`<p class="note">Not in the table, for nothing is wrong with them:</p><ul class="plain">${parts}</ul>`;
}

function tableRow({ id, rule, tone, result, state, message, details, more }: Row): Html {
  const data = { 'data-list': 'findings', 'data-outcome': result, 'data-rule': rule, 'data-state': state };
  const all: Part[] = [...details, ...more];
  return html`<tr ${attributes(data)}><td>${badge(tone, result)}</td><th scope="row">${code(id)}</th><td>${state && word(state)}</td><td>${message}${lines(all, 3, 'detail')}</td></tr>
`;
}

const waiverItem = ({ rule, id, subject, owner, expires }: Waiver): Html =>
  html`${code(id ?? rule)} (${subject.slice(0, 12)}), ${owner}, until ${expires}`;

/** Waivers of the policy that do nothing here, and what was wrong in the release before alone. */
function leftovers({ verdict }: ReportInput): Html | undefined {
  if (verdict === undefined) return undefined;
  const { expired, stale, gone } = verdict;
  const list = (title: string, all: readonly Part[]): Html | undefined =>
    all.length === 0 ? undefined : html`<h3>${title}</h3>${lines(all, 20)}`;
  return html`${list('Waivers that have expired and do not count', expired.map(waiverItem))}${list(
    'Waivers that cover nothing here',
    stale.map((one) => html`${waiverItem(one)}: ${one.why}`),
  )}${list('Gone since the release before', gone.map(code))}`;
}

const sorted = (values: Iterable<string>): string[] => [...new Set(values)].sort();

const choicesOf = (values: readonly string[]): [string, string][] => values.map((one) => [one, one]);

export function findingsSection(input: ReportInput): Section {
  const { rows, counted } = rowsOf(input);
  const outcomes = [...new Set(rows.map(({ result }) => result))];
  const words = input.verdict ? results.map((one) => resultWords[one]) : Object.values(outcomeWords);
  const used = words.filter((one) => outcomes.includes(one));
  const sums = used.map((one) => `${grouped(rows.filter(({ result }) => result === one).length)} ${one}`);
  const tone = gravest(rows.map((row) => row.tone));
  const body = html`<p>Each finding stands on a ground. <dfn>Declared</dfn>: the image's file says so. <dfn>Enforced</dfn>:
page tables, a kernel or a tender do it. <dfn>Exercised</dfn>: a probe, which is another program with the same protections, tried
and was stopped. Unknown is not a pass.</p>
${filterOf('findings', 'findings', [
  ['outcome', 'Outcome', choicesOf(used)],
  ['rule', 'Rule', choicesOf(sorted(rows.map(({ rule }) => rule)))],
  ['state', 'Ground', choicesOf(sorted(rows.flatMap(({ state }) => (state ? [state] : []))))],
])}
<div class="scroll"><table class="findings">
<caption>Findings, gravest first</caption>
<thead><tr><th scope="col">Outcome</th><th scope="col">Finding</th><th scope="col">Ground</th><th scope="col">What was found</th></tr></thead>
<tbody>
${rows.slice(0, MOST_ROWS).map(tableRow)}</tbody></table></div>
${restOf(rows.length, MOST_ROWS)}${countedLine(counted)}${leftovers(input)}`;
  return {
    id: 'findings',
    title: 'Findings',
    sum: badge(rows.length === 0 ? 'open' : tone, sums.join(', ') || 'none'),
    body,
  };
}
