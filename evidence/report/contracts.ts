/**
 * Verified functions: for each its source with its contract, whether the image's code is what was proved, and every
 * obligation with the clause, the verdict, who gave it and after how many steps.
 *
 * An auditor reads down the source and asks of a line what was shown of it; so lines have numbers and obligations name
 * them. A large image has tens of thousands of obligations: then functions are put into the page when they are opened, but
 * for those of which something is not proved, which are there from the start.
 */
import type { EvidenceObligation, EvidenceVerified } from '../evidence.ts';
import { excerptOf, type Line, type SourceText, sourceText } from './excerpt.ts';
import { attributes, type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import {
  badge,
  code,
  facts,
  filterOf,
  fold,
  gravest,
  grouped,
  hashText,
  plural,
  restOf,
  type Section,
  sizeText,
  type Tone,
  table,
} from './parts.ts';

/** Obligations of a page that holds them all from the start. */
const MOST_AT_ONCE = 3000;
/** Functions that have a fold of their own. */
const MOST_FUNCTIONS = 20_000;

const statuses: Readonly<Record<EvidenceVerified['status'], readonly [tone: Tone, word: string]>> = {
  proved: ['good', 'proved'],
  relying: ['good', 'proved, relying on others'],
  waived: ['open', 'waived, not proved'],
  absent: ['plain', 'no code of its own'],
  lost: ['open', 'proved, not as in the image'],
};

const verdicts: Readonly<Record<EvidenceObligation['status'], readonly [tone: Tone, word: string]>> = {
  proved: ['good', 'proved'],
  failed: ['bad', 'does not hold'],
  unknown: ['open', 'unknown'],
};

interface Owned {
  readonly obligation: EvidenceObligation;
  readonly steps: number | undefined;
}

/** Obligations by function. */
function byFunction({ evidence, steps = [] }: ReportInput): Map<string, Owned[]> {
  const all = new Map<string, Owned[]>();
  (evidence.proofs?.obligations ?? []).forEach((obligation, i) => {
    const one = { obligation, steps: steps[i] };
    const found = all.get(obligation.function);
    if (found === undefined) all.set(obligation.function, [one]);
    else found.push(one);
  });
  return all;
}

function obligationRow({ obligation, steps }: Owned): Part[] {
  const { line, kind, question, contract, status, by, text } = obligation;
  const [tone, word] = verdicts[status];
  return [
    html`${line}`,
    html`${kind}${question === 'exists' ? ' (one exists)' : undefined}`,
    code(contract),
    badge(tone, word),
    by,
    steps === undefined ? '' : grouped(steps),
    text === undefined ? '' : html`<code class="whole">${text.slice(0, 12)}</code>`,
  ];
}

/** Tags of doc comments that prove something. */
const clause =
  /^\s*(?:\/\*)?\*?\*?\s*@(?:requires|ensures|invariant|decreases|assigns|modifies|verified|trusted|secret)\b/;

function sourceLine({ number, text }: Line, marked: ReadonlyMap<number, Tone>): Html {
  const tone = marked.get(number);
  const name = [clause.test(text) ? 'clause' : '', tone === undefined ? '' : `on-${tone}`].join(' ').trim();
  return html`<li ${attributes({ value: number, class: name === '' ? undefined : name })}><code>${text}</code></li>`;
}

function sourceList(file: string, lines: readonly Line[], owned: readonly Owned[]): Html {
  const marked = new Map<number, Tone>();
  for (const { obligation } of owned) {
    if (obligation.file !== file) continue;
    const [tone] = verdicts[obligation.status];
    marked.set(obligation.line, gravest([tone, marked.get(obligation.line) ?? 'plain']));
  }
  return html`<ol class="source" aria-label="Source of ${file}">${lines.map((line) => sourceLine(line, marked))}</ol>`;
}

interface Job {
  /** By the file's name. */
  readonly sources: ReadonlyMap<string, SourceText>;
  readonly isLate: boolean;
}

function functionBody(fn: EvidenceVerified, owned: readonly Owned[], { sources }: Job): Html {
  const at = fn.function.lastIndexOf(':');
  const [file, name] = [fn.function.slice(0, at), fn.function.slice(at + 1)];
  const text = sources.get(file);
  const own = owned.flatMap(({ obligation }) => (obligation.file === file ? [obligation.line] : []));
  const excerpt = text === undefined ? undefined : excerptOf(text, name, own);
  const relies = fn.relies.length === 0 ? undefined : (['Relies on', html`${fn.relies.join(', ')}`] as const);
  return html`${excerpt ? sourceList(file, excerpt, owned) : html`<p class="note">Its source is not at hand.</p>`}
${facts([
  fn.reason === undefined ? undefined : ['Why', fn.reason],
  relies,
  fn.places.length === 0
    ? undefined
    : [
        'Code',
        html`${fn.places.map(({ symbol, address, size }, i) => html`${i === 0 ? '' : '; '}${code(symbol)} at ${code(address)}, ${sizeText(size)}`)}`,
      ],
  fn.code === undefined ? undefined : ['SHA-256 of it', hashText(fn.code)],
])}
${
  owned.length === 0
    ? undefined
    : table({
        caption: html`Obligations of ${fn.function}`,
        columns: ['Line', 'Kind', 'Clause', 'Verdict', 'By', { title: 'Steps', isNumber: true }, 'Question'],
        rows: owned.map(obligationRow),
      })
}`;
}

function functionFold(fn: EvidenceVerified, owned: readonly Owned[], job: Job): Html {
  const [tone, word] = statuses[fn.status];
  const grave = gravest([tone, ...owned.map(({ obligation }) => verdicts[obligation.status][0])]);
  const proved = owned.filter(({ obligation }) => obligation.status === 'proved').length;
  const isBad = grave === 'bad' || (grave === 'open' && proved < owned.length);
  const summary = html`<code class="name">${fn.function}</code> ${badge(tone, word)} <span class="sum">${
    proved === owned.length
      ? plural(owned.length, 'obligation')
      : `${grouped(proved)} of ${plural(owned.length, 'obligation')} proved`
  }</span>`;
  const data = { class: 'function', 'data-list': 'contracts', 'data-status': word, open: isBad };
  return html`${fold(summary, functionBody(fn, owned, job), job.isLate && !isBad, attributes(data))}
`;
}

/** Obligations of functions that the audit does not name: they are shown, too. */
function strays(
  owned: ReadonlyMap<string, readonly Owned[]>,
  functions: readonly EvidenceVerified[],
): Html | undefined {
  const known = new Set(functions.map((fn) => fn.function));
  const rest = [...owned].flatMap(([name, list]) => (known.has(name) ? [] : list));
  if (rest.length === 0) return undefined;
  return table({
    caption: 'Obligations of other functions, and of types',
    columns: ['Function', 'Line', 'Kind', 'Clause', 'Verdict', 'By', { title: 'Steps', isNumber: true }, 'Question'],
    rows: rest.map((one) => [code(one.obligation.function), ...obligationRow(one)]),
  });
}

/** How long all proofs took, where somebody measured. */
function provingTime({ measurements }: ReportInput): string {
  const phase = measurements?.phases.find((one) => one.phase === 'proving');
  return phase === undefined
    ? ''
    : `; all of them took ${(phase.milliseconds / 1000).toFixed(1)} s where they were proved`;
}

export function contractsSection(input: ReportInput): Section {
  const { proofs, tools } = input.evidence;
  const base = { id: 'contracts', title: 'Contracts' };
  if (proofs === undefined)
    return {
      ...base,
      sum: badge('plain', 'no verified TypeScript'),
      body: html`<p>The project has no verified TypeScript.</p>`,
    };
  const { functions, obligations, budget, sources } = proofs;
  const owned = byFunction(input);
  const job: Job = {
    sources: new Map(
      sources.flatMap(({ file, sha256 }) => {
        const text = input.sources.get(sha256);
        return text === undefined ? [] : [[file, sourceText(text)] as const];
      }),
    ),
    isLate: obligations.length > MOST_AT_ONCE,
  };
  const number = (wanted: string): number => obligations.filter(({ status }) => status === wanted).length;
  const [proved, failed, unknown] = [number('proved'), number('failed'), number('unknown')];
  const words = [...new Set(functions.map(({ status }) => statuses[status][1]))].sort();
  const tone = gravest([
    ...functions.map(({ status }) => statuses[status][0]),
    failed > 0 ? 'bad' : unknown > 0 ? 'open' : 'plain',
  ]);
  const body = html`<p>${plural(functions.length, 'function')} in ${plural(sources.length, 'file')}, with ${plural(obligations.length, 'obligation')}:
${grouped(proved)} proved, ${grouped(failed)} do not hold, ${grouped(unknown)} unknown. Each question is a file of the bundle,
${code('proofs/QUESTION….smt2')}, and was put to ${tools.solvers.length === 0 ? 'no solver' : tools.solvers.join(', ')} with ${grouped(budget)} steps
at most. A step is the solver's own measure of time, which no machine changes${provingTime(input)}.
What is decided by “its form” or “a run” needed no solver. A function without code of its own is part of its callers, or not needed.</p>
${filterOf('contracts', 'functions', [['status', 'Status', words.map((word) => [word, word] as const)]])}
<div class="functions">
${functions.slice(0, MOST_FUNCTIONS).map((fn) => functionFold(fn, owned.get(fn.function) ?? [], job))}</div>
${restOf(functions.length, MOST_FUNCTIONS)}${strays(owned, functions)}`;
  return {
    ...base,
    sum: badge(tone, `${grouped(proved)} of ${plural(obligations.length, 'obligation')} proved`),
    body,
  };
}
