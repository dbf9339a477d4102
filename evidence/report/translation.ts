/** Translation validation: whether each function's machine code does what its TypeScript says, and what that rests on. */
import type { EvidenceValidation } from '../evidence.ts';
import { type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, fold, gravest, grouped, plural, type Section, sizeText, type Tone, table } from './parts.ts';

const tones: Readonly<Record<EvidenceValidation['verdict'], Tone>> = {
  validated: 'good',
  refuted: 'bad',
  undecided: 'open',
};

function restsOn({ reason, callees }: EvidenceValidation): Html {
  const assumed = callees.filter(({ verdict }) => verdict === 'assumed').map((one) => one.function);
  return html`${reason}${assumed.length === 0 ? undefined : html`${reason === undefined ? '' : '; '}assuming ${assumed.join(', ')}`}`;
}

const row = (one: EvidenceValidation): Part[] => [
  code(one.function),
  badge(tones[one.verdict], one.verdict),
  restsOn(one),
  html`${code(one.symbol)} at ${code(one.address)}`,
  sizeText(one.size),
];

/** Functions of a page that holds them all from the start. */
const MOST_AT_ONCE = 1000;

const tableOf = (caption: string, rows: readonly EvidenceValidation[]): Html =>
  table({
    caption,
    columns: ['Function', 'Verdict', 'Why, or what it rests on', 'Code', { title: 'Size', isNumber: true }],
    rows: rows.map(row),
  });

export function validationSection({ evidence: { validation, proofs } }: ReportInput): Section {
  const base = { id: 'validation', title: 'Translation validation' };
  if (validation === undefined) {
    const body =
      proofs === undefined
        ? html`<p>There is no verified TypeScript whose code could be held against it.</p>`
        : html`<p>Nobody asked for it (${code('casemate build --validate')}): that the compiler kept the meaning of the verified sources is
taken on trust.</p>`;
    return { ...base, sum: badge(proofs === undefined ? 'plain' : 'open', 'not done'), body };
  }
  const order: readonly EvidenceValidation['verdict'][] = ['refuted', 'undecided', 'validated'];
  const rows = order.flatMap((wanted) => validation.filter(({ verdict }) => verdict === wanted));
  const open = rows.filter(({ verdict }) => verdict !== 'validated');
  const good = validation.filter(({ verdict }) => verdict === 'validated').length;
  const body = html`<p>The machine code of each function is held against its source, by solvers: ${grouped(good)} of ${plural(validation.length, 'function')} do what
their sources say.</p>
${
  rows.length > MOST_AT_ONCE
    ? html`${tableOf('Functions that are not validated', open)}
${fold(plural(good, 'validated function'), tableOf('Validated functions', rows.slice(open.length)), true)}`
    : tableOf('Verified functions that have code of their own', rows)
}`;
  const tone = gravest(validation.map(({ verdict }) => tones[verdict]));
  return { ...base, sum: badge(tone, `${grouped(good)} of ${grouped(validation.length)} validated`), body };
}
