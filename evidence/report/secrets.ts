/**
 * What functions leave of their secrets: for each part of the machine what is left, the instruction that left it, and the
 * line of its source where debug information knows one and the bundle has the file.
 */
import type { Evidence, EvidenceErasure } from '../evidence.ts';
import { type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, gravest, lines, plural, type Section, sizeText, type Tone, table } from './parts.ts';

const tones: Readonly<Record<EvidenceErasure['outcome'], Tone>> = { erased: 'good', residue: 'bad', unknown: 'open' };

/** A source's name and line, as lines of verdicts end with them: `0x1234 (f+0x10), main.ts:7`. */
const place = /, ([^,;:]{1,200}):(\d{1,7})(?=[,; ]|$)/g;

/** An instruction's address, as lines of verdicts have it: `at 0x1234 (f+0x10)`. */
const instructionPlace = /(?<![\w.])(0x[0-9a-f]{1,16}) \(/g;

/** Addresses of instructions that are named as leaving something. */
export const namedInstructions = ({ erasure = [] }: Pick<Evidence, 'erasure'>): string[] =>
  erasure.flatMap(({ parts }) =>
    parts.flatMap(({ details }) =>
      details.flatMap((line) => [...line.matchAll(instructionPlace)].map(([, at]) => at!)),
    ),
  );

/** The instructions and the lines of bundled sources that a text names. */
function quoted(text: string, { sources, instructions }: Quotable): Html[] {
  const code = [...text.matchAll(instructionPlace)].flatMap(([, at]) => {
    const found = instructions?.get(at!);
    return found === undefined ? [] : [html`<br><code class="quote">${at}: ${found}</code>`];
  });
  return [...code, ...quotedLines(text, sources)];
}

interface Quotable {
  readonly sources: ReadonlyMap<string, readonly string[]>;
  readonly instructions: ReportInput['instructions'];
}

function quotedLines(text: string, sources: Quotable['sources']): Html[] {
  return [...text.matchAll(place)].flatMap(([, file, line]) => {
    const found = [...sources].find(
      ([name]) => name === file || name.endsWith(`/${file}`) || file!.endsWith(`/${name}`),
    );
    const quote = found?.[1][Number(line) - 1];
    return quote === undefined ? [] : [html`<br><code class="quote">${file}:${line} ${quote.trim()}</code>`];
  });
}

function row(one: EvidenceErasure, quotable: Quotable): Part[] {
  const left = one.parts.filter((part) => part.outcome !== 'erased');
  const clear = one.parts.filter((part) => part.outcome === 'erased').map(({ part }) => part);
  const told = left.flatMap(({ part, outcome, details }) =>
    details.length === 0 ? [html`${part}: ${outcome}`] : details.map((line) => html`${line}${quoted(line, quotable)}`),
  );
  return [
    html`${code(one.function)}${one.address === undefined ? undefined : html` at ${code(one.address)}`}`,
    html`${badge(tones[one.outcome], one.outcome)}${one.waived ? html` ${badge('plain', 'let pass by the manifest')}` : undefined}`,
    html`${lines(told, 20, 'place')}${clear.length === 0 ? undefined : html`<p class="note">Clear: ${clear.join(', ')}</p>`}`,
    one.depth === undefined ? '' : sizeText(one.depth),
    one.origin,
  ];
}

export function secretsSection({ evidence, sources, instructions }: ReportInput): Section {
  const { erasure, wiped, proofs } = evidence;
  const base = { id: 'secrets', title: 'Secrets' };
  const texts = new Map(
    (proofs?.sources ?? []).flatMap(({ file, sha256 }) => {
      const text = sources.get(sha256);
      return text === undefined ? [] : [[file, text.split('\n')] as const];
    }),
  );
  const wipes =
    wiped.length === 0
      ? undefined
      : table({
          caption: 'Functions after which stack and registers are wiped',
          columns: ['Function', { title: 'Stack wiped', isNumber: true }, 'Depth'],
          rows: wiped.map(({ function: name, depth, isProved }) => [
            code(name),
            sizeText(depth),
            isProved ? badge('good', 'worked out') : badge('open', 'declared, and watched'),
          ]),
        });
  if (erasure === undefined)
    return {
      ...base,
      sum: badge('plain', 'none declared'),
      body: html`<p>No input says that a function handles secrets, so nobody looked for what is left of them.</p>${wipes}`,
    };
  const number = (wanted: string): number => erasure.filter(({ outcome }) => outcome === wanted).length;
  const tone = gravest(erasure.map(({ outcome }) => tones[outcome]));
  const order: readonly EvidenceErasure['outcome'][] = ['residue', 'unknown', 'erased'];
  const rows = order.flatMap((wanted) => erasure.filter(({ outcome }) => outcome === wanted));
  const body = html`<p>The machine code of each function with secrets is followed from its entry to its end: whatever may still depend
on a secret then is residue.</p>
${
  rows.length === 0
    ? html`<p>No function of the image has a record of secrets.</p>`
    : table({
        caption: 'Functions that handle secrets, worst first',
        columns: ['Function', 'Verdict', 'What is left, and where', { title: 'Stack', isNumber: true }, 'Said by'],
        rows: rows.map((one) => row(one, { sources: texts, instructions })),
      })
}
${wipes}`;
  const sums = order.flatMap((wanted) => (number(wanted) === 0 ? [] : [`${number(wanted)} ${wanted}`]));
  return { ...base, sum: badge(tone, sums.join(', ') || plural(0, 'function')), body };
}
