/**
 * What sections of the page are put together from: badges, tables, hashes, sizes, folds.
 *
 * Each is the same wherever it stands, so that a reader learns it once: an outcome is a word with a sign and a border of
 * its own, never a colour alone; a table has a caption and its headings their scope; a section is a landmark whose
 * heading folds it.
 */
import type { Outcome } from '../../hardening/finding.ts';
import { attributes, folded, type Html, html, type Part } from './html.ts';

/** How grave something is to a reader. */
export type Tone = 'good' | 'bad' | 'open' | 'plain';

/** A word for how grave something is; the style puts a sign beside it that readers who hear the page are not told. */
export const badge = (tone: Tone, word: string): Html => html`<span class="badge ${tone}">${word}</span>`;

const tones: Readonly<Record<Outcome, Tone>> = { pass: 'good', fail: 'bad', unknown: 'open' };

export const toneOf = (outcome: Outcome): Tone => tones[outcome];

const outcomeWords = [
  ['fail', 'failed'],
  ['unknown', 'unknown'],
  ['pass', 'passed'],
] as const;

export const outcomeBadge = (outcome: Outcome): Html =>
  badge(toneOf(outcome), outcomeWords.find(([one]) => one === outcome)![1]);

/** Several outcomes in one badge, the gravest first. */
export function outcomesBadge(outcomes: readonly Outcome[]): Html {
  const sums = outcomeWords.flatMap(([wanted, word]) => {
    const n = outcomes.filter((one) => one === wanted).length;
    return n === 0 ? [] : [`${grouped(n)} ${word}`];
  });
  return sums.length === 0 ? badge('open', 'nothing found out') : badge(gravest(outcomes.map(toneOf)), sums.join(', '));
}

/** A word that is not broken over lines; of ours. */
export const word = (text: string): Html => html`<span class="whole">${text}</span>`;

/** Of several, the one that a reader must see. */
export function gravest(tones: readonly Tone[]): Tone {
  return (['bad', 'open', 'good', 'plain'] as const).find((tone) => tones.includes(tone)) ?? 'plain';
}

export const code = (text: string | number): Html => html`<code>${text}</code>`;

/** A hash; all of it, but in small print. */
export const hashText = (hash: string): Html => html`<code class="hash">${hash}</code>`;

export const plural = (n: number, one: string, many = `${one}s`): string => `${grouped(n)} ${n === 1 ? one : many}`;

/** A whole number with its thousands apart. */
export const grouped = (n: number): string => String(n).replace(/\B(?=(?:\d{3})+(?!\d))/g, '\u202f');

/** A size as people read it, with the exact number where that says more. */
export function sizeText(bytes: number): string {
  if (bytes < 1024) return plural(bytes, 'byte');
  const [unit, name] = bytes < 1024 ** 2 ? [1024, 'KiB'] : bytes < 1024 ** 3 ? [1024 ** 2, 'MiB'] : [1024 ** 3, 'GiB'];
  const scaled = bytes / unit;
  return `${scaled >= 100 || Number.isInteger(scaled) ? scaled.toFixed(0) : scaled.toFixed(1)} ${name}`;
}

export const hexText = (value: number | bigint): string => `0x${value.toString(16)}`;

export interface Column {
  readonly title: string;
  /** Numbers, aligned to the right. */
  readonly isNumber?: boolean;
}

export interface Table {
  readonly caption: Part;
  readonly columns: readonly (string | Column)[];
  /** Cells; the first of each is the row's heading. */
  readonly rows: readonly (readonly Part[])[];
  readonly class?: string;
}

/** No table has more rows: a page has to open. */
const MOST_ROWS = 5000;

const titleOf = (column: string | Column): Column => (typeof column === 'string' ? { title: column } : column);

/** A table; it scrolls sideways by itself where the window is too narrow for it. */
export function table({ caption, columns, rows, class: name }: Table): Html {
  const heads = columns.map(titleOf);
  const cell = (part: Part, i: number): Html =>
    i === 0
      ? html`<th scope="row">${part}</th>`
      : html`<td ${attributes({ class: heads[i]?.isNumber ? 'number' : undefined })}>${part}</td>`;
  return html`<div class="scroll"><table ${attributes({ class: name })}>
<caption>${caption}</caption>
<thead><tr>${heads.map(
    ({ title, isNumber }) =>
      html`<th scope="col" ${attributes({ class: isNumber ? 'number' : undefined })}>${title}</th>`,
  )}</tr></thead>
<tbody>${rows.slice(0, MOST_ROWS).map((row) => html`<tr>${row.map(cell)}</tr>\n`)}</tbody>
</table></div>${restOf(rows.length, MOST_ROWS)}`;
}

/** What is said where a list was cut short. */
export const restOf = (all: number, most: number): Html | undefined =>
  all > most ? html`<p class="note">${plural(all - most, 'more row')}: evidence.json has all of them.</p>` : undefined;

/** Lines as a list; long ones fold behind their number. */
export function lines(all: readonly Part[], most = 4, word = 'line'): Html | undefined {
  if (all.length === 0) return undefined;
  const list = html`<ul class="lines">${all.slice(0, MOST_ROWS).map((one) => html`<li>${one}</li>`)}</ul>${restOf(all.length, MOST_ROWS)}`;
  return all.length <= most
    ? list
    : html`<details class="more"><summary>${plural(all.length, word)}</summary>${list}</details>`;
}

/** Facts as pairs of a name and what it is. */
export const facts = (pairs: readonly (readonly [string, Part] | undefined)[]): Html =>
  html`<dl class="facts">${pairs.map((pair) => pair && html`<div><dt>${pair[0]}</dt><dd>${pair[1]}</dd></div>`)}</dl>`;

/** A section of the page. */
export interface Section {
  /** Of its anchor: letters and dashes. */
  readonly id: string;
  readonly title: string;
  /** What stands beside its heading: the section in a few words. */
  readonly sum?: Html;
  readonly body: Html;
  /** Whether it is open when the page is. */
  readonly isOpen?: boolean;
}

export function sectionOf({ id, title, sum, body, isOpen = true }: Section): Html {
  return html`<section id="${id}" aria-labelledby="${id}-title"><details class="section" ${attributes({ open: isOpen })}>
<summary><h2 id="${id}-title">${title}</h2>${sum && html` <span class="sum">${sum}</span>`}</summary>
<div class="body">
${body}
</div></details></section>
`;
}

/** What is folded away at first; `isLater`: the browser does not even look at it until it is opened. */
export const fold = (summary: Part, body: Html, isLater: boolean, more = attributes({})): Html =>
  html`<details ${more}><summary>${summary}</summary>${isLater ? folded(body) : body}</details>`;

/** Choices of a filter: the name of the rows' attribute, its label, and the values. */
export type Choice = readonly [
  attribute: string,
  label: string,
  values: readonly (readonly [value: string, label: string])[],
];

/** Values that a filter offers. */
const MOST_VALUES = 200;

/** Controls that narrow down the rows with `data-list` of the name; the page's script shows and runs them. */
export function filterOf(list: string, what: string, choices: readonly Choice[]): Html {
  const id = (of: string): string => `${list}-${of}`;
  return html`<div class="filter" role="search" aria-label="Filter ${what}" data-filter="${list}" hidden>
<label for="${id('text')}">Text <input type="search" id="${id('text')}" data-by="text"></label>
${choices.map(
  ([attribute, label, values]) =>
    html`<label for="${id(attribute)}">${label} <select id="${id(attribute)}" data-by="${attribute}"><option value="">all</option>${values
      .slice(0, MOST_VALUES)
      .map(([value, text]) => html`<option value="${value}">${text}</option>`)}</select></label>`,
)}
<output aria-live="polite" id="${id('count')}"></output>
</div>`;
}
