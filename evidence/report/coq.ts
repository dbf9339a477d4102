/**
 * Coq: for each function which of its contract and its obligations are theorems, by which proof, and which are open.
 *
 * Whoever believes neither a solver nor casemate looks here first for what is missing; so what is open, and what has no
 * form in Coq at all, stands above what is proved.
 */
import type { EvidenceCoq, EvidenceCoqClaim } from '../evidence.ts';
import { type Html, html, type Part } from './html.ts';
import type { ReportInput } from './input.ts';
import { badge, code, facts, fold, grouped, plural, type Section, table } from './parts.ts';

const isClosed = ({ status }: EvidenceCoqClaim): boolean => status === 'closed';

const statusBadge = ({ status }: EvidenceCoqClaim): Html => badge(status === 'closed' ? 'good' : 'open', status);

/** Claims of each function, in their order. */
function byFunction(claims: readonly EvidenceCoqClaim[]): Map<string, EvidenceCoqClaim[]> {
  const found = new Map<string, EvidenceCoqClaim[]>();
  for (const claim of claims) found.set(claim.function, [...(found.get(claim.function) ?? []), claim]);
  return found;
}

/** Claims of one function that are folded; of all functions together above this many, only when they are opened. */
const MOST_AT_ONCE = 1000;

function functionRow([name, claims]: readonly [string, readonly EvidenceCoqClaim[]]): Part[] {
  const contract = claims.find(({ kind }) => kind === 'contract');
  const goals = claims.filter(({ kind }) => kind === 'obligation');
  const closed = goals.filter(isClosed).length;
  return [
    code(name),
    contract === undefined ? badge('open', 'no form') : statusBadge(contract),
    goals.length === 0
      ? 'none'
      : badge(closed === goals.length ? 'good' : 'open', `${grouped(closed)} of ${grouped(goals.length)}`),
    contract === undefined ? '' : contract.by,
  ];
}

const claimTable = (caption: Part, claims: readonly EvidenceCoqClaim[]): Html =>
  table({
    caption,
    columns: ['Statement', 'Line', 'What it says', 'Status', 'By, or why not'],
    rows: claims.map((one) => [code(one.statement), html`${one.line}`, one.name, statusBadge(one), one.by]),
  });

function bodyOf({ version, coqchk, claims, refusals, trusted, files }: EvidenceCoq): Html {
  const open = claims.filter((one) => !isClosed(one));
  const functions = [...byFunction(claims)];
  return html`<p>The contracts and obligations of the verified TypeScript as statements of Coq. What is closed has a proof that Coq's kernel
accepts and that rests on no axiom; ${code('coq/')} of the bundle has it, and ${code('make')} there checks it again.</p>
${facts([
  ['Coq', version],
  ['coqchk, on all proofs together', coqchk === 'not run' ? 'not run: nothing is closed' : coqchk],
  ['Files', grouped(files.length)],
  trusted.length === 0 ? undefined : ['Obligations assume the contracts of', trusted.join(', ')],
])}
${open.length === 0 ? undefined : claimTable('Open statements', open)}
${
  refusals.length === 0
    ? undefined
    : table({
        caption: 'No form in Coq',
        columns: ['Function', 'Line', 'What', 'Why'],
        rows: refusals.map((one) => [code(one.function), html`${one.line}`, one.name, one.reason]),
      })
}
${table({ caption: 'Functions', columns: ['Function', 'Contract', 'Obligations closed', 'Contract by'], rows: functions.map(functionRow) })}
${functions.map(([name, own]) => fold(html`${code(name)}: ${plural(own.length, 'statement')}`, claimTable(html`Statements of ${name}`, own), claims.length > MOST_AT_ONCE))}`;
}

export function coqSection({ evidence: { proofs } }: ReportInput): Section | undefined {
  if (proofs === undefined) return undefined;
  const base = { id: 'coq', title: 'Theorems of Coq' };
  const { coq } = proofs;
  if (coq === undefined) {
    const body = html`<p>Nobody asked for them (${code('casemate build --coq')}): that the obligations hold is the word of solvers.</p>`;
    return { ...base, sum: badge('plain', 'not done'), body };
  }
  const closed = coq.claims.filter(isClosed).length;
  const all = coq.claims.length + coq.refusals.length;
  const sum = badge(closed === all ? 'good' : 'open', `${grouped(closed)} of ${grouped(all)} closed`);
  return { ...base, sum, body: bodyOf(coq) };
}
