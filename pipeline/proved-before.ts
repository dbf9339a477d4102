/**
 * What a run proved, for the next one when nothing has changed.
 *
 * Answers of solvers are kept one by one (proof-cache.ts), so that a change asks again what it touches. Where nothing
 * changed at all there is nothing to find out: the type checker, the obligations and the sample runs would come to what
 * they came to before, since each is a pure function of the sources. So the verdict of a run that proved everything is
 * kept too, under the user's own seal, and its key is all that it came from: the sources by name and text, casemate's own
 * program and declarations, the solvers, the options. A run that leaves evidence, or that may keep nothing, does it all.
 *
 * A build needs the program itself, to lower it, and of each proof a hash, for its record; what it recalls is these.
 */
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../analyzers/diagnostics.ts';
import type { Program } from '../analyzers/ir.ts';
import { analyze, type Source } from '../analyzers/typescript/analyze.ts';
import { readFile } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import { assumptionsOf, type ShownFunction, shownOf } from '../proofs/report.ts';
import type { Counts, Prover } from '../proofs/smt/prover.ts';
import { solverIdentity } from '../proofs/smt/solver.ts';
import type { FunctionResult, Result } from '../proofs/verify.ts';
import {
  findSecondSolver,
  loadSources,
  type ProveReport,
  type ProveRequest,
  proveAnalysis,
  proveSources,
  readLibrary,
} from './prove.ts';
import type { SealedStore } from './sealed-store.ts';

/** A report as it is shown; of one that was recalled, `before` is true. */
export interface ShownReport {
  readonly sources: ReadonlyMap<string, string>;
  readonly diagnostics: readonly Diagnostic[];
  readonly results: readonly ShownFunction[];
  readonly assumptions: readonly string[];
  readonly counts?: Counts;
  readonly before?: true;
}

export const shownReport = ({ program, results, ...rest }: ProveReport): ShownReport => ({
  ...rest,
  results: results.map(shownOf),
  assumptions: program === undefined ? [] : assumptionsOf(program),
});

/** All that a verdict comes from; `own`: casemate's program. */
function keyOf(
  kind: 'shown' | 'built',
  sources: readonly Source[],
  request: Omit<ProveRequest, 'files'>,
  own: Uint8Array,
): string {
  const { budget, crossCheck, explain, cache } = request;
  const second = findSecondSolver();
  const text = JSON.stringify([
    kind,
    sources.map(({ name, text: of }) => [name, of]),
    readLibrary(),
    [budget, crossCheck, explain === true],
    [cache?.identity?.(), second && solverIdentity(second)],
    process.version,
  ]);
  return createHash('sha256').update(own).update(text).digest('hex');
}

const isWhole = (results: readonly { readonly status: string }[]): boolean =>
  results.length > 0 && results.every(({ status }) => status === 'proved' || status === 'trusted');

/** Verdicts are kept by a bundle alone, whose bytes tell it from any other program. */
export const storeFor = (verdicts: SealedStore | undefined, program: string): SealedStore | undefined =>
  program.endsWith('.bundle.js') ? verdicts : undefined;

interface Kept {
  readonly results: readonly ShownFunction[];
  readonly assumptions: readonly string[];
}

/**
 * Proves files, or recalls that this very run was made before and proved everything. `program`: where casemate's code is;
 * nothing is recalled unless that is a bundle, whose bytes tell it from any other.
 */
export async function proveOrRecall(
  request: ProveRequest,
  verdicts: SealedStore | undefined,
  program = fileURLToPath(import.meta.url),
): Promise<ShownReport> {
  const sources = loadSources(request.files);
  const store = request.evidence === undefined ? storeFor(verdicts, program) : undefined;
  if (store === undefined) return shownReport(await proveSources(sources, request));
  const key = keyOf('shown', sources, request, readFile(program));
  const entry = store.get(key);
  if (entry !== undefined) {
    const { results, assumptions }: Kept = JSON.parse(Buffer.from(entry).toString('utf8'));
    const texts = new Map(sources.map(({ name, text }) => [name, text]));
    return { sources: texts, diagnostics: [], results, assumptions, before: true };
  }
  const report = shownReport(await proveSources(sources, request));
  const { diagnostics, results, assumptions } = report;
  if (diagnostics.length === 0 && isWhole(results)) {
    const kept: Kept = { results, assumptions };
    store.put(key, Buffer.from(JSON.stringify(kept)));
  }
  return report;
}

/** A function's verdict as a build needs it. */
export interface BuiltVerdict extends Pick<FunctionResult, 'function' | 'status'> {
  /** What does not hold, in the order of its text. */
  readonly open: readonly Result[];
  /** SHA-256, in hexadecimal, of its obligations: see proofHash. */
  readonly proof: string;
}

export interface BuiltReport extends Omit<ProveReport, 'results'> {
  readonly results: readonly BuiltVerdict[];
  readonly before?: true;
}

/** Of a function's obligations: a line each, its name, a tab, and the hash of the question, or how it was settled without one. */
export const proofHash = ({ results }: Pick<FunctionResult, 'results'>): string =>
  createHash('sha256')
    .update(results.map(({ obligation, said, by }) => `${obligation.name}\t${said?.sha256 ?? by}\n`).join(''))
    .digest('hex');

type KeptVerdict = readonly [key: string, status: 'proved' | 'trusted', proof: string];

/** The verdicts that an entry holds, if they are those of this very program. */
function recalled({ functions }: Program, entry: Uint8Array | undefined): readonly BuiltVerdict[] | undefined {
  if (entry === undefined) return undefined;
  const kept = JSON.parse(Buffer.from(entry).toString('utf8')) as readonly KeptVerdict[];
  const isSame = kept.length === functions.length && kept.every(([key], i) => key === functions[i].key);
  return isSame ? kept.map(([, status, proof], i) => ({ function: functions[i], status, open: [], proof })) : undefined;
}

/**
 * Proves the texts of a build, or recalls that they were all proved before: then the solvers are not asked, nor samples
 * run. `given`: asks this prover, and leaves it open.
 */
export async function proveForBuild(
  sources: readonly Source[],
  request: Omit<ProveRequest, 'files'>,
  verdicts: SealedStore | undefined,
  program = fileURLToPath(import.meta.url),
  given?: Prover,
): Promise<BuiltReport> {
  const store = storeFor(verdicts, program);
  const analysis = analyze(sources, readLibrary());
  if (analysis.program === undefined) return { ...analysis, results: [] };
  const key = store && keyOf('built', sources, request, readFile(program));
  const known = recalled(analysis.program, key === undefined ? undefined : store?.get(key));
  if (known !== undefined) return { ...analysis, results: known, before: true };
  const { results, counts } = await proveAnalysis(analysis, request, given);
  const built = results.map((result): BuiltVerdict => {
    const { function: fn, status, results: all } = result;
    return { function: fn, status, open: all.filter((one) => one.status !== 'proved'), proof: proofHash(result) };
  });
  if (key !== undefined && isWhole(results)) {
    const kept = built.map(({ function: fn, status, proof }) => [fn.key, status, proof]);
    store!.put(key, Buffer.from(JSON.stringify(kept)));
  }
  return { ...analysis, results: built, ...(counts && { counts }) };
}
