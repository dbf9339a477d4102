/**
 * Whether the proofs of a bundle are what its sources give.
 *
 * A solver's answer to a text shows that the text is unsatisfiable, not that it is the obligation which it is said to be.
 * So nothing that the bundle says of obligations is believed: its sources are analyzed again, every obligation is made
 * anew, held against the evidence (the question by its hash), and proved by the solvers that are here. Texts and records
 * in the bundle are then held against their names and the index, since others will replay them.
 */
import { join } from 'node:path';
import { printable } from '../base/errors.ts';
import { writeFileAtomic } from '../base/files.ts';
import { bundleNames, type EvidenceObligation, type EvidenceProofs } from '../evidence/evidence.ts';
import type { FunctionResult } from '../proofs/verify.ts';
import type { ReadBundle } from './bundle-file.ts';
import { obligationRecords } from './evidence.ts';
import { sha256 } from './lock.ts';
import { INDEX, type ObligationEntry, obligationEntries, unfoundedClaims } from './proof-evidence.ts';
import { proofHash } from './proved-before.ts';
import { withScratch } from './scratch.ts';
import { contractText, functionName } from './verified-record.ts';
import { type Account, compareById, differenceOf, type Judged, many, same } from './verify-account.ts';
import { checkNoted, checkStandings } from './verify-functions.ts';

/** Whether a build could have read a source of this name: no file of casemate's own, and none that only declares. */
const isSourceName = (file: string): boolean =>
  /^[^/\0][^\0]*\.ts$/.test(file) && !file.endsWith('.d.ts') && !file.includes('casemate:');

/** A source as the evidence has it. */
type NamedText = { readonly name: string; readonly text: string };

/** The texts, by their names; undefined after what is wrong with one was said. */
function sourcesOf(account: Account, { files }: ReadBundle, { sources }: EvidenceProofs): NamedText[] | undefined {
  const texts: NamedText[] = [];
  const seen = new Set<string>();
  for (const { file, sha256: hash } of sources) {
    const name = `${bundleNames.sources}${hash}.ts`;
    if (!isSourceName(file) || seen.has(file)) {
      const why = seen.has(file) ? 'is named twice' : 'is no name of a source that a build reads';
      account.untrue.push(printable(`evidence.json: proofs.sources: ${file}: ${why}`, 500));
      continue;
    }
    seen.add(file);
    const bytes = files.get(name);
    if (bytes !== undefined && sha256(bytes) === hash)
      texts.push({ name: file, text: Buffer.from(bytes).toString('utf8') });
    else
      account.untrue.push(
        printable(
          `${name}: ${bytes === undefined ? 'is missing' : `has SHA-256 ${sha256(bytes)}`}; it is ${file}`,
          500,
        ),
      );
  }
  return texts.length === sources.length ? texts : undefined;
}

/** Files of proofs: each text is what its name says, each record what the index says, and the index what the evidence says. */
async function checkFiles(account: Account, { files }: ReadBundle, { obligations }: EvidenceProofs): Promise<void> {
  const own = [...files].filter(([name]) => name.startsWith(bundleNames.proofs));
  for (const [name, bytes] of own) {
    const hash = /([0-9a-f]{64})\.smt2$/.exec(name)?.[1];
    if (hash !== undefined && sha256(bytes) !== hash) account.untrue.push(`${name}: has SHA-256 ${sha256(bytes)}`);
  }
  const index = files.get(`${bundleNames.proofs}${INDEX}`);
  const where = `${bundleNames.proofs}${INDEX}`;
  let entries: readonly ObligationEntry[];
  try {
    entries = JSON.parse(Buffer.from(index ?? []).toString('utf8')).obligations;
    const said = obligationRecords(entries);
    if (!same(said, obligations)) account.untrue.push(`${where}: says something else than evidence.json`);
  } catch {
    account.untrue.push(`${where}: is missing, or is no index of proofs`);
    return;
  }
  await withScratch(async (folder) => {
    for (const [name, bytes] of own) writeFileAtomic(join(folder, name.slice(bundleNames.proofs.length)), bytes);
    for (const { name, reason } of unfoundedClaims(folder) ?? []) account.untrue.push(`${where}: ${name}: ${reason}`);
  });
  account.checked.push(`${own.length} files of proofs, each by its name and the index`);
}

/** What is the same whoever proves: who answered, and where the record lies, may differ. */
function questionOf(obligation: EvidenceObligation): object {
  const { by: _by, record: _record, status: _status, fingerprint: _print, ...rest } = obligation;
  return rest;
}

/** What an obligation of the evidence is worth, now that it was proved here. */
function judge(one: EvidenceObligation, own: EvidenceObligation): Judged {
  if (!same(questionOf(one), questionOf(own)))
    return { list: 'untrue', text: differenceOf(questionOf(one), questionOf(own)) };
  if (one.status !== 'proved' || own.status === 'proved') return undefined;
  return own.status === 'failed'
    ? { list: 'untrue', text: `it fails (${own.by}); the evidence says proved` }
    : { list: 'undecided', text: `not decided here (${own.by}); the evidence says proved` };
}

/** What stands behind each function: its source, and the hash over all of its obligations. */
function checkFunctions(
  account: Account,
  { functions, sources }: EvidenceProofs,
  results: readonly FunctionResult[],
): void {
  const byName = new Map(results.map((result) => [functionName(result.function), result]));
  const hashes = new Map(sources.map(({ file, sha256: hash }) => [file, hash]));
  for (const { function: name, source, contract, proof } of functions) {
    const result = byName.get(name);
    const say = (text: string): void => void account.untrue.push(printable(`evidence.json: ${name}: ${text}`, 500));
    if (result === undefined) say('the sources have no such function with a contract');
    else if (hashes.get(result.function.span.file) !== source) say(`its "source" is not the hash of its file`);
    else if (sha256(Buffer.from(contractText(result.function))) !== contract)
      say(`its "contract" is not the hash of its clauses`);
    else if (proofHash(result) !== proof) say(`its obligations have the hash ${proofHash(result)}, not ${proof}`);
  }
}

/** Returns the bundled sources, where they are those that the evidence names. */
export async function checkProofs(
  account: Account,
  bundle: ReadBundle,
  request: { readonly prove: boolean; readonly step: (text: string) => void },
): Promise<readonly NamedText[] | undefined> {
  const { proofs } = bundle.evidence;
  checkNoted(account, bundle);
  if (proofs === undefined) return undefined;
  const sources = sourcesOf(account, bundle, proofs);
  await checkFiles(account, bundle, proofs);
  if (sources === undefined) return undefined;
  if (!request.prove) {
    account.trusted.push(`${proofs.obligations.length} obligations: nothing was proved again`);
    return sources;
  }
  const { proveSources } = await import('./prove.ts');
  const report = await proveSources(sources, {
    budget: proofs.budget,
    crossCheck: false,
    onStart: (name) => request.step(`proving ${printable(name, 60)}`),
  });
  if (report.program === undefined) {
    account.untrue.push('sources/: cannot be analyzed, so nothing of them was proved');
    return undefined;
  }
  const found = obligationRecords(obligationEntries(report));
  const equal = compareById(account, proofs.obligations, found, judge, 'the sources give no such obligation');
  account.checked.push(
    `${equal} of ${many(found.length, 'obligation')}, made anew from the bundled sources and proved here`,
  );
  checkFunctions(account, proofs, report.results);
  checkStandings(account, proofs.functions, report.results);
  return sources;
}
