/**
 * What has changed since the release before: what is worse on top, then each part as a table of before and after.
 *
 * It is diff.ts that says what changed and what of it is worse; nothing is judged here. A release without one before it
 * says so, since a reader would take a page without the section for a release in which nothing changed.
 */
import { type Change, diffEvidence, type EvidenceDiff, type FindingChange, type Named } from '../diff.ts';
import { type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import {
  badge,
  code,
  facts,
  fold,
  grouped,
  hashText,
  lines,
  outcomeBadge,
  plural,
  type Section,
  sizeText,
  type Tone,
  table,
  word,
} from './parts.ts';
import { trustText } from './verdict.ts';

/** Rows of a table that is open from the start. */
const MOST_AT_ONCE = 12;

const changeWord = ({ before, after }: Change<unknown>): string =>
  before === undefined ? 'new' : after === undefined ? 'gone' : 'changed';

/** A table, folded where it is long; nothing where there is nothing. */
function part(caption: string, columns: readonly string[], rows: readonly (readonly Part[])[]): Html | undefined {
  if (rows.length === 0) return undefined;
  const whole = table({ caption: html`<strong>${caption}</strong>`, columns, rows });
  return rows.length <= MOST_AT_ONCE ? whole : fold(`${caption}: ${plural(rows.length, 'change')}`, whole, false);
}

const named = <T>(title: string, all: readonly Named<T>[], show: (value: T) => Part): Html | undefined =>
  part(
    title,
    ['What', 'Change', 'Before', 'After'],
    all.map((one) => [
      code(one.name),
      word(changeWord(one)),
      one.before === undefined ? '' : show(one.before),
      one.after === undefined ? '' : show(one.after),
    ]),
  );

const tones: Readonly<Record<FindingChange['change'], Tone>> = {
  ...{ new: 'plain', gone: 'plain', worse: 'bad', better: 'good', changed: 'plain' },
};

const order: readonly FindingChange['change'][] = ['worse', 'gone', 'new', 'changed', 'better'];

const findingRow = ({ id, change, isWorse, before, after }: FindingChange): Part[] => [
  code(id),
  badge(isWorse ? 'bad' : tones[change], isWorse && change !== 'worse' ? `${change}, worse` : change),
  before && html`${outcomeBadge(before.outcome)} ${before.state}`,
  after && html`${outcomeBadge(after.outcome)} ${after.state}`,
  (after ?? before)!.message,
];

function findingsPart({ findings }: EvidenceDiff): Html | undefined {
  const sorted = order.flatMap((wanted) => findings.filter(({ change }) => change === wanted));
  const rows = [...sorted.filter(({ isWorse }) => isWorse), ...sorted.filter(({ isWorse }) => !isWorse)];
  return part('Findings', ['Finding', 'Change', 'Before', 'After', 'What is found'], rows.map(findingRow));
}

function assumptionsPart({ assumptions: { added, removed } }: EvidenceDiff): Html | undefined {
  const row =
    (change: string) =>
    ({ kind, about, text }: (typeof added)[number]): Part[] => [
      word(change),
      kind,
      html`${about === undefined ? undefined : html`${code(about)}: `}${text}`,
    ];
  return part('Assumptions', ['Change', 'Kind', 'Assumption'], [...added.map(row('new')), ...removed.map(row('gone'))]);
}

const sizes = (title: string, all: readonly Named<number>[]): Html | undefined =>
  named(title, all, (value) => grouped(value));

export function changesSection({ evidence, before }: ReportInput): Section {
  const base = { id: 'changes', title: 'Changes' };
  if (before === undefined)
    return {
      ...base,
      sum: badge('plain', 'not compared'),
      body: html`<p>No release before this one was given (${code('--against')}), so this page does not say what has changed.</p>`,
    };
  const diff = diffEvidence(before.evidence, evidence);
  const { worse, devices, functions, segments, tcb, inputs, tools, kernel, numbers } = diff;
  const old = diff.before;
  const body = html`${facts([
    ['The release before', html`${old.name}, ${hashText(old.sha256)}, ${sizeText(old.size)}`],
    ['Its evidence', html`${hashText(before.sha256)}, ${trustText(before)}`],
    [
      'The image',
      diff.isSameImage ? 'is the same' : `is another: ${grouped(old.size)} bytes then, ${grouped(diff.after.size)} now`,
    ],
    old.project === diff.after.project ? undefined : ['Project', html`<strong>another one: ${old.project}</strong>`],
  ])}
<h3>Worse than before</h3>
${worse.length === 0 ? html`<p>Nothing.</p>` : html`<div class="worse">${lines(worse, 20)}</div>`}
<h3>All that changed</h3>
${named('Devices that the image asks for', devices ?? [], (value) => value)}
${devices === undefined ? html`<p>This release does not say which devices it asks for; the one before did.</p>` : undefined}
${findingsPart(diff)}${assumptionsPart(diff)}${named('Kernel', kernel, (value) => value)}${sizes('Numbers', numbers)}
${named('Segments', segments, ({ count, memorySize }) => `${plural(count, 'segment')}, ${sizeText(memorySize)}`)}
${sizes('Bytes of code, by component', tcb)}${sizes('Functions, in bytes', functions ?? [])}
${functions === undefined ? html`<p class="note">Functions cannot be compared: one of the images has no symbol table.</p>` : undefined}
${named('Inputs, by SHA-256', inputs, (value) => code(value.slice(0, 12)))}${named('Tools', tools, (value) => value)}`;
  const sum =
    worse.length === 0 ? badge('good', 'nothing is worse') : badge('bad', `${plural(worse.length, 'thing')} worse`);
  return { ...base, sum, body };
}
