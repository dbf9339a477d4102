/**
 * What a run proved, for the next one when nothing has changed.
 *
 * Answers of solvers are kept one by one (proof-cache.ts), so that a change asks again what it touches. Where nothing
 * changed at all there is nothing to find out: the type checker, the obligations and the sample runs would come to what
 * they came to before, since each is a pure function of the sources. So the verdict of a run that proved everything is
 * kept too, under the user's own seal, and its key is all that it came from: the sources by name and text, casemate's own
 * program and declarations, the solvers, the options. A run that leaves evidence, or that may keep nothing, does it all.
 */
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../analyzers/diagnostics.ts';
import type { Source } from '../analyzers/typescript/analyze.ts';
import { readFile } from '../base/files.ts';
import { createHash } from '../base/node.ts';
import { assumptionsOf, type ShownFunction, shownOf } from '../proofs/report.ts';
import type { Counts } from '../proofs/smt/prover.ts';
import { solverIdentity } from '../proofs/smt/solver.ts';
import {
  findSecondSolver,
  loadSources,
  type ProveReport,
  type ProveRequest,
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
function keyOf(sources: readonly Source[], request: ProveRequest, own: Uint8Array): string {
  const { budget, crossCheck, explain, cache } = request;
  const second = findSecondSolver();
  const text = JSON.stringify([
    sources.map(({ name, text: of }) => [name, of]),
    readLibrary(),
    [budget, crossCheck, explain === true],
    [cache?.identity?.(), second && solverIdentity(second)],
    process.version,
  ]);
  return createHash('sha256').update(own).update(text).digest('hex');
}

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
  const store = program.endsWith('.bundle.js') && request.evidence === undefined ? verdicts : undefined;
  if (store === undefined) return shownReport(await proveSources(sources, request));
  const key = keyOf(sources, request, readFile(program));
  const entry = store.get(key);
  if (entry !== undefined) {
    const { results, assumptions }: Kept = JSON.parse(Buffer.from(entry).toString('utf8'));
    const texts = new Map(sources.map(({ name, text }) => [name, text]));
    return { sources: texts, diagnostics: [], results, assumptions, before: true };
  }
  const report = shownReport(await proveSources(sources, request));
  const { diagnostics, results, assumptions } = report;
  const isWhole = results.length > 0 && results.every(({ status }) => status === 'proved' || status === 'trusted');
  if (diagnostics.length === 0 && isWhole) {
    const kept: Kept = { results, assumptions };
    store.put(key, Buffer.from(JSON.stringify(kept)));
  }
  return report;
}
