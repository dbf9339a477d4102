/**
 * The top of the page: what it comes to, who says so, and of what.
 *
 * With a policy that is the gate's verdict. Without one nobody has decided anything, and the page says so beside what the
 * findings say; that nothing failed is then the most that it can say, and what is unknown is never counted as good.
 */
import { type Decidable, decidables } from '../decidable.ts';
import { statusWord } from '../verdict-text.ts';
import { type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import { code, facts, grouped, hashText, plural, sizeText, type Tone } from './parts.ts';

export interface Outcome {
  readonly tone: Tone;
  readonly word: string;
  readonly text: string;
}

const count = (all: readonly Pick<Decidable, 'outcome'>[], wanted: string): number =>
  all.filter(({ outcome }) => outcome === wanted).length;

/** What it comes to. */
export function outcomeOf(
  { evidence, verdict }: ReportInput,
  all: readonly Decidable[] = decidables(evidence),
): Outcome {
  if (verdict !== undefined) {
    const number = (result: string): number => verdict.decisions.filter((one) => one.result === result).length;
    const [failed, undecided] = [number('failed'), number('undecided')];
    const tone = ({ 0: 'good', 1: 'bad', 3: 'open' } as const)[verdict.status];
    const text =
      verdict.status === 0
        ? `Of ${plural(verdict.decisions.length, 'decision')} none failed and none is undecided.`
        : `${plural(failed, 'decision')} failed, ${grouped(undecided)} undecided, of ${grouped(verdict.decisions.length)}.`;
    return { tone, word: `Policy: ${statusWord(verdict.status).toLowerCase()}`, text };
  }
  const [failed, unknown] = [count(all, 'fail'), count(all, 'unknown')];
  const rest = 'No policy was given, so nobody has decided whether this may be released.';
  const sums = `${grouped(failed)} failed, ${grouped(unknown)} unknown and ${grouped(all.length - failed - unknown)} passed. ${rest}`;
  if (all.length === 0) return { tone: 'open', word: 'Nothing was checked', text: rest };
  if (failed > 0) return { tone: 'bad', word: plural(failed, 'failure'), text: `Of what was checked, ${sums}` };
  if (unknown > 0) return { tone: 'open', word: `${grouped(unknown)} unknown`, text: `Of what was checked, ${sums}` };
  return { tone: 'plain', word: 'No failure found', text: `All ${grouped(all.length)} passed. ${rest}` };
}

export function trustText({ trust, release }: Pick<ReportInput, 'trust' | 'release'>): Part {
  if (trust.kind === 'unsigned') return html`<strong>nobody's signature was checked</strong>`;
  return html`signed by ${hashText(trust.key)}${release === undefined ? undefined : html`, as release ${release}`}`;
}

export function banner(input: ReportInput): Html {
  const { evidence, verdict, sha256, hasImage } = input;
  const { tone, word, text } = outcomeOf(input);
  const { image } = evidence;
  return html`<header>
<p class="kicker">casemate evidence report</p>
<h1>${evidence.project} <span class="target">${image.name}, ${image.target} on ${image.machine}</span></h1>
<div class="verdict ${tone}" id="verdict">
<p class="word">${word}</p>
<p>${text}</p>${
    verdict && input.trust.kind === 'unsigned'
      ? html`
<p><strong>Nobody's signature was checked</strong>: such a verdict is for one's own work.</p>`
      : undefined
  }
</div>
${facts([
  [
    'Image',
    html`${hashText(image.sha256)}, ${sizeText(image.size)}${hasImage ? undefined : html`; <strong>not at hand when this page was made</strong>`}`,
  ],
  ['Evidence', html`${hashText(sha256)}, ${trustText(input)}`],
  verdict && ['Policy', html`${verdict.policy.name}, ${hashText(verdict.policy.sha256)}, as of ${verdict.now}`],
  verdict?.against && [
    'Decided against',
    html`evidence ${hashText(verdict.against.sha256)}: only what is new or worse decides`,
  ],
])}
<p class="note">This page repeats what the evidence says, so that people can read it. Whether that is true,
${code('casemate verify')} finds out from the bundle: it analyses the image again and proves again.</p>
</header>
`;
}
