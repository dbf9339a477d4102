/**
 * Whether what a bundle says of Coq is so.
 *
 * Of the bundle's texts only proofs by hand are read by Coq, and of those nothing that a proof does not need
 * (proofs/coq/vernacular.ts). Definitions, statements, scripts, Checked.v and the Makefile are made anew from the sources,
 * and must be the bundled ones byte for byte: a weaker statement, an axiom, or another proof is another text. Then coqc
 * and coqchk, where they are installed, check what is closed, confined as in a build; the Makefile is never run. What is
 * open is taken as it is said: to claim less is no lie.
 */
import { join } from 'node:path';
import type { Program } from '../analyzers/ir.ts';
import { analyze, type Source } from '../analyzers/typescript/analyze.ts';
import { printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { bundleNames, type EvidenceCoq, type EvidenceCoqClaim } from '../evidence/evidence.ts';
import { exportProgram } from '../proofs/coq/export.ts';
import { assumptionsIn, checkedIn } from '../proofs/coq/output.ts';
import type { ProjectText } from '../proofs/coq/project.ts';
import { isUnfinished, objectionsTo } from '../proofs/coq/vernacular.ts';
import type { ReadBundle } from './bundle-file.ts';
import { type Coq, type Ended, findCoq, LARGEST_PROOF, openCoq, problemIn } from './coq.ts';
import { bundledCoq, type CoqVerdict, closedBy, coqFile } from './coq-record.ts';
import { readLibrary } from './prove.ts';
import { withScratch } from './scratch.ts';
import { type Account, compareById, differenceOf, many, same } from './verify-account.ts';

export interface CoqRequest {
  /** Otherwise what Coq has said is taken on trust, and texts alone are looked at. */
  readonly ask: boolean;
  /** Coq, for texts in a folder; undefined: it is not installed. By default the one on PATH. */
  readonly open?: (folder: string) => Coq | undefined;
  /** After that, in seconds, nothing more is asked. */
  readonly seconds?: number;
}

const MOST_SECONDS = 3600;
const COMPILE_SECONDS = 300;

const openIfInstalled = (folder: string): Coq | undefined => (findCoq() === undefined ? undefined : openCoq(folder));

/** What a claim of the evidence says of who closed it. */
function verdictOf({ statement, status, by }: EvidenceCoqClaim): CoqVerdict {
  if (status === 'open') return { why: by };
  return { closed: by === closedBy(statement, 'hand') ? 'hand' : 'script' };
}

/** Proofs by hand of what is closed by them, after a look at each sentence; undefined once something was refused. */
function writtenOf(account: Account, { files }: ReadBundle, claims: readonly EvidenceCoqClaim[]) {
  const written = new Map<string, string>();
  for (const { statement, by, status } of claims) {
    if (status !== 'closed' || by !== closedBy(statement, 'hand')) continue;
    const bytes = files.get(by);
    const say = (text: string): void => void account.untrue.push(printable(`${by}: ${text}`, 500));
    if (bytes === undefined) say(`is missing; evidence.json says that it proves ${statement}`);
    else if (bytes.length > LARGEST_PROOF) say(`${bytes.length} bytes; a proof has at most ${LARGEST_PROOF}`);
    else {
      const text = Buffer.from(bytes).toString('utf8');
      const [first] = objectionsTo(text);
      if (first !== undefined) say(`line ${first.line}: ${first.what}`);
      else if (isUnfinished(text)) say('is not finished, or admits what it is to prove');
      else written.set(statement, text);
    }
  }
  return written;
}

/** Each file of the bundle is the one that the sources give, and there is no other. */
function checkTexts(account: Account, { files }: ReadBundle, texts: ReadonlyMap<string, string>): boolean {
  const say = (name: string, text: string): void => void account.untrue.push(printable(`${name}: ${text}`, 500));
  const before = account.untrue.length;
  for (const [name, text] of texts) {
    const bytes = files.get(name);
    const own = Buffer.from(text);
    if (bytes === undefined) say(name, 'is missing');
    else if (Buffer.compare(bytes, own) !== 0) {
      let at = 0;
      while (at < own.length && own[at] === bytes[at]) at++;
      const line = text.slice(0, own.subarray(0, at).toString('utf8').length).split('\n').length;
      const shown = (of: Uint8Array): string => printable(Buffer.from(of.subarray(at, at + 40)).toString('latin1'), 40);
      say(name, `line ${line}: has '${shown(bytes)}'; the sources give '${shown(own)}'`);
    }
  }
  for (const name of files.keys())
    if (name.startsWith(bundleNames.coq) && !texts.has(name)) say(name, 'is no file of what is closed');
  return account.untrue.length === before;
}

/** Whether a file could be compiled after all that it uses; a bundle may have proofs by hand that use each other. */
function inDependencyOrder(project: readonly ProjectText[]): ProjectText[] | undefined {
  const done = new Set<string>();
  const ordered: ProjectText[] = [];
  let left = [...project];
  while (left.length > 0) {
    const next = left.filter(({ uses }) => uses.every((one) => done.has(one)));
    if (next.length === 0) return undefined;
    for (const one of next) done.add(one.name);
    ordered.push(...next);
    left = left.filter(({ name }) => !done.has(name));
  }
  return ordered;
}

/** Whether Coq gave up rather than said no: another machine may have more time, or memory. */
const gaveUp = ({ status, output }: Ended): boolean =>
  status === null || status > 128 || /Out of memory|Stack overflow|Timeout/.test(output);

/** Has Coq check the texts; says what is not so. True: all of it is proved. */
async function askCoq(
  account: Account,
  coq: Coq,
  scratch: string,
  project: readonly ProjectText[],
  claimed: EvidenceCoq,
  request: CoqRequest & { readonly step: (text: string) => void },
): Promise<boolean> {
  const isSame = coq.version === claimed.version;
  const say = (ended: Ended | undefined, text: string): false => {
    const isOpen = !isSame || (ended !== undefined && gaveUp(ended));
    const other = isSame ? '' : `; here Coq is ${coq.version}, there it was ${claimed.version}`;
    account[isOpen ? 'undecided' : 'untrue'].push(printable(`${text}${other}`, 1000));
    return false;
  };
  const ordered = inDependencyOrder(project);
  if (ordered === undefined) {
    account.untrue.push(`${bundleNames.coq}handwritten/: proofs use each other in a circle`);
    return false;
  }
  const end = performance.now() + (request.seconds ?? MOST_SECONDS) * 1000;
  const closed = claimed.claims.filter(({ status }) => status === 'closed').length;
  for (const [i, { name, text }] of ordered.entries()) {
    const left = Math.floor((end - performance.now()) / 1000);
    if (left <= 0) {
      account.undecided.push(`${coqFile(name)}: not checked: the time for Coq is over; give --coq-time more`);
      return false;
    }
    request.step(`coqc ${printable(name, 60)} (${i} of ${ordered.length})`);
    const plain = name.replace(/^handwritten\//, '');
    writeFileAtomic(join(scratch, `${plain}.v`), Buffer.from(text));
    const ended = await coq.compile(plain, Math.min(left, COMPILE_SECONDS));
    if (ended.status !== 0) return say(ended, `${coqFile(name)}: coqc says: ${problemIn(ended.output)}`);
    if (name !== 'Checked') continue;
    const assumptions = assumptionsIn(ended.output, closed);
    if (assumptions === undefined)
      return say(undefined, `${coqFile(name)}: Coq says something else than what ${closed} proofs assume`);
    const rests = assumptions.flat();
    if (rests.length > 0) return say(undefined, `${coqFile(name)}: proofs assume ${rests.join(', ')}`);
  }
  if (closed === 0) return true;
  request.step('coqchk');
  const ended = await coq.check('Checked', Math.max(1, Math.floor((end - performance.now()) / 1000)));
  const rests = ended.status === 0 ? checkedIn(ended.output) : undefined;
  if (rests === undefined) return say(ended, `coqchk: ${problemIn(ended.output)}`);
  return rests.length === 0 || say(undefined, `coqchk: the proofs rest on ${rests.join('; ')}`);
}

/** What is the same whoever proves: why something is open may depend on the machine. */
const claimOf = ({ by, fingerprint: _, ...rest }: EvidenceCoqClaim): object =>
  rest.status === 'closed' ? { ...rest, by } : rest;

/** What the evidence has beside claims; of the version and the checker Coq itself will say. */
const restOf = ({ files, trusted, coqchk }: EvidenceCoq): object => ({ files, trusted, coqchk });

/** The texts and all that is said of them, held against what the sources give. */
function compareTexts(
  account: Account,
  bundle: ReadBundle,
  claimed: EvidenceCoq,
  program: Program,
  sources: readonly Source[],
) {
  const before = account.untrue.length;
  const written = writtenOf(account, bundle, claimed.claims);
  if (account.untrue.length > before) return undefined;
  const found = bundledCoq({
    ...{ program, exported: exportProgram(program), version: claimed.version, written },
    sources: new Map(sources.map(({ name, text }) => [name, text])),
    verdicts: new Map(claimed.claims.map((claim) => [claim.statement, verdictOf(claim)])),
  });
  const isText = checkTexts(account, bundle, found.files);
  compareById(
    account,
    claimed.claims,
    found.record.claims,
    (one, own) =>
      same(claimOf(one), claimOf(own)) && one.fingerprint === own.fingerprint
        ? undefined
        : { list: 'untrue', text: differenceOf({ ...one }, { ...own }) },
    'the sources give no such statement',
  );
  compareById(account, claimed.refusals, found.record.refusals);
  if (!same(restOf(claimed), restOf(found.record)))
    account.untrue.push(
      printable(`evidence.json: proofs.coq: ${differenceOf(restOf(claimed), restOf(found.record))}`, 1000),
    );
  return isText && account.untrue.length === before ? found : undefined;
}

/** Holds what a bundle says of Coq against its sources, and has Coq say it again. */
export async function checkCoq(
  account: Account,
  bundle: ReadBundle,
  sources: readonly Source[] | undefined,
  { coq = { ask: true }, step }: { readonly coq?: CoqRequest; readonly step: (text: string) => void },
): Promise<void> {
  const claimed = bundle.evidence.proofs?.coq;
  if (claimed === undefined) {
    for (const name of bundle.files.keys())
      if (name.startsWith(bundleNames.coq)) account.untrue.push(`${name}: evidence.json says nothing of Coq`);
    return;
  }
  if (sources === undefined) return;
  step('statements of Coq');
  const { program } = analyze(sources, readLibrary());
  if (program === undefined)
    return void account.untrue.push('sources/: cannot be analyzed, so nothing is said in Coq of them');
  const found = compareTexts(account, bundle, claimed, program, sources);
  if (found === undefined) return;
  const { claims, refusals } = claimed;
  const closed = claims.filter(({ status }) => status === 'closed').length;
  account.checked.push(
    `${many(found.files.size, 'file')} of Coq: definitions, statements and scripts as the sources give them`,
  );
  const open = claims.length - closed;
  if (open > 0) account.trusted.push(`why ${many(open, 'statement')} of Coq ${open === 1 ? 'is' : 'are'} open`);
  const onTrust = (why: string): void =>
    void account.trusted.push(
      printable(`that ${claimed.version} has proved ${many(closed, 'statement')}: ${why}`, 500),
    );
  if (!coq.ask) return onTrust('it was not asked again');
  await withScratch(async (scratch) => {
    const own = (coq.open ?? openIfInstalled)(scratch);
    if (own === undefined) return onTrust('Coq is not installed here (apt-get install coq)');
    if (!(await askCoq(account, own, scratch, found.project, claimed, { ...coq, step }))) return;
    const of = claims.length + refusals.length;
    account.checked.push(
      printable(
        `${closed} of ${many(of, 'statement')} closed, with no axiom, by coqc and coqchk here: ${own.version}`,
        500,
      ),
    );
    if (own.version !== claimed.version)
      account.trusted.push(printable(`which Coq the builder had: ${claimed.version}`, 500));
  });
}
