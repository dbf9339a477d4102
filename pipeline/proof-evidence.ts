/**
 * Evidence: a folder that shows what was proved, how, and of which source, to somebody who believes nobody.
 *
 * For each question that a solver decided there is its text and a record of the answer (proofs/smt/record.ts), which
 * `casemate prove --replay` asks again. obligations.json says which obligation of which function at which line each text
 * belongs to, what holds by a run or by its form alone, what is undecided, the hashes of the sources, and all that is
 * assumed. The same sources, solvers and settings give the same bytes: no times, no paths but those that the sources
 * were named by. What an earlier run left is removed, so a folder is about one run.
 */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { positionOf } from '../analyzers/diagnostics.ts';
import { fail, printable } from '../base/errors.ts';
import { readFileIfPresent, reasonOf, removeQuietly, writeFileAtomic } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import type { Obligation } from '../proofs/obligation.ts';
import { assumptionsOf } from '../proofs/report.ts';
import { printQuery } from '../proofs/smt/print.ts';
import type { SolverAnswer } from '../proofs/smt/prover.ts';
import { keyOf } from '../proofs/smt/record.ts';
import { keepRecord, loadRecord } from '../proofs/smt/store/files.ts';
import type { FunctionResult, Result } from '../proofs/verify.ts';
import type { ProveReport } from './prove.ts';

export const INDEX = 'obligations.json';
const format = 'casemate-evidence-1';
const LARGEST_INDEX = 256 * 1024 * 1024;
const ours = /^(unknown-)?[0-9a-f]{64}\.(json|smt2)$/;

/** A folder that is empty but for what an earlier run of ours left, which is removed. */
function prepare(folder: string): void {
  let names: string[];
  try {
    mkdirSync(folder, { recursive: true });
    names = readdirSync(folder);
  } catch (error) {
    fail('io', `${printable(folder)}: cannot use it: ${reasonOf(error)}`);
  }
  const foreign = names.find((name) => name !== INDEX && !ours.test(name));
  if (foreign !== undefined)
    fail('usage', `${printable(folder)}: it has ${printable(foreign)}, which is no evidence; name an empty folder`);
  if (names.length > 0 && !existsSync(join(folder, INDEX)))
    fail('usage', `${printable(folder)}: it is not empty and has no ${INDEX}; name an empty folder`);
  // The index first: a folder without it is nobody's evidence.
  for (const name of [INDEX, ...names]) removeQuietly(join(folder, name));
}

/** What the index says of an obligation. */
export interface ObligationEntry extends Pick<Obligation, 'name' | 'function' | 'kind' | 'question'> {
  /** The clause or expression as it is written. */
  readonly clause: string;
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly status: Result['status'];
  readonly by: string;
  readonly diagnosis?: Result['diagnosis'] | undefined;
  readonly values?: readonly string[] | undefined;
  /** SHA-256 of the question's text, and the name of the record of the answer. */
  readonly text?: string;
  readonly record?: string | undefined;
  readonly answers?: readonly {
    readonly build: string;
    readonly result: SolverAnswer['result'];
    readonly reason: string | undefined;
    readonly steps: number | undefined;
  }[];
}

/** Obligations of a report, as the index has them. */
export const obligationEntries = ({ results, sources }: Pick<ProveReport, 'results' | 'sources'>): ObligationEntry[] =>
  results.flatMap((result: FunctionResult) => result.results).map((result) => entryOf(sources, result));

function entryOf(
  sources: ReadonlyMap<string, string>,
  { obligation, status, by, diagnosis, values, said }: Result,
): ObligationEntry {
  const { span, kind, question, name, text: clause } = obligation;
  const text = sources.get(span.file) ?? '';
  return {
    ...{ name, function: obligation.function, kind, clause, question, file: span.file },
    ...positionOf(text, Math.min(span.start, text.length)),
    ...{ status, by, diagnosis, values },
    ...(said && {
      text: said.sha256,
      record: said.record && keyOf(said.record.asking),
      answers: said.answers.map(({ build, result, reason, steps }) => ({ build, result, reason, steps })),
    }),
  };
}

function keep(folder: string, { obligation, said }: Result): void {
  if (said === undefined) return;
  const text = printQuery(obligation.query);
  if (said.record === undefined) {
    writeFileAtomic(join(folder, `unknown-${said.sha256}.smt2`), Buffer.from(text, 'latin1'));
  } else if (!keepRecord(folder, said.record, text)) {
    fail('io', `${printable(folder)}: cannot write the record of ${printable(obligation.name)}`);
  }
}

/** Writes the evidence of a report whose results bring records along; the index last. */
export function writeEvidence(folder: string, { results, sources, program }: ProveReport): void {
  prepare(folder);
  const all = results.flatMap((result: FunctionResult) => result.results);
  for (const result of all) keep(folder, result);
  const index = {
    format,
    sources: [...sources].map(([file, text]) => ({ file, sha256: createHash('sha256').update(text).digest('hex') })),
    functions: results.map(({ function: { key }, status }) => ({ function: key, status })),
    obligations: obligationEntries({ results, sources }),
    assumptions: program === undefined ? [] : assumptionsOf(program),
  };
  writeFileAtomic(join(folder, INDEX), Buffer.from(`${JSON.stringify(index, undefined, 1)}\n`));
}

type Fields = Readonly<Record<string, unknown>>;
const isObject = (value: unknown): value is Fields => typeof value === 'object' && value !== null;

/**
 * What an index claims that its folder's records do not: obligations said to be decided by a solver whose record is
 * missing or says something else. Undefined without an index.
 */
export function unfoundedClaims(folder: string): { readonly name: string; readonly reason: string }[] | undefined {
  const bytes = readFileIfPresent(join(folder, INDEX), (size) => {
    if (size > LARGEST_INDEX) fail('limit', `${printable(folder)}: ${INDEX} is longer than ${LARGEST_INDEX} bytes`);
    return new Uint8Array(size);
  });
  if (bytes === undefined) return undefined;
  const whole = [{ name: INDEX, reason: 'is no index of evidence' }];
  let index: unknown;
  try {
    index = JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return whole;
  }
  if (!isObject(index) || index['format'] !== format || !Array.isArray(index['obligations'])) return whole;
  return index['obligations'].flatMap((claim: unknown) => {
    if (!isObject(claim)) return whole;
    const { name, question, status, record, text, by } = claim;
    const shown = { name: printable(String(name)) };
    // A run or the form of a claim vouches for what no solver was asked; prove says it again.
    if (status !== 'proved' || (text === undefined && (by === 'a run' || by === 'its form'))) return [];
    const wanted = question === 'holds' ? 'unsat' : 'sat';
    if (typeof record !== 'string' || !/^[0-9a-f]{64}$/.test(record))
      return [{ ...shown, reason: 'is said to be proved and has no record' }];
    const found = loadRecord(folder, record);
    if (found === undefined) return [{ ...shown, reason: `its record ${record} is missing or is none` }];
    const fits = found.asking.sha256 === text && found.answers.some(({ result }) => result === wanted);
    return fits ? [] : [{ ...shown, reason: `its record ${record} is of another text or verdict` }];
  });
}
