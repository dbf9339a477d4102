/**
 * `casemate prove`'s work: sources with what they import, the front end, the solvers.
 *
 * Files that a source imports by a relative path are read too, as long as they lie in the folder of the command or
 * below it, so that contracts of what is called are known.
 */
import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../analyzers/diagnostics.ts';
import type { Program } from '../analyzers/ir.ts';
import { type Analysis, analyze, importsOf, type Source } from '../analyzers/typescript/analyze.ts';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent } from '../base/files.ts';
import { printQuery, variablesOf } from '../proofs/smt/print.ts';
import {
  type Counts,
  openProver,
  type ProofCache,
  type Prover,
  type Result as ProverResult,
  type Question,
} from '../proofs/smt/prover.ts';
import { type Replayed, replay } from '../proofs/smt/replay.ts';
import { findSolver, valuesIn } from '../proofs/smt/solver.ts';
import { type Ask, type Asked, type FunctionResult, verifyProgram } from '../proofs/verify.ts';
import { INDEX, unfoundedClaims, writeEvidence } from './proof-evidence.ts';

const LARGEST_SOURCE = 4 * 1024 * 1024;
const MOST_SOURCES = 1000;

export interface ProveRequest {
  readonly files: readonly string[];
  /** Steps of a solver for one question. */
  readonly budget: number;
  /** Ask every solver each question. */
  readonly crossCheck: boolean;
  readonly cache?: ProofCache;
  /** Ask about what fails in parts. */
  readonly explain?: boolean;
  /** A folder for evidence of what is proved. */
  readonly evidence?: string;
  readonly onStart?: (name: string) => void;
  readonly onFunction?: (result: FunctionResult, sources: ReadonlyMap<string, string>) => void;
}

export interface ProveReport {
  readonly sources: ReadonlyMap<string, string>;
  /** What is wrong with the sources; then nothing was asked. */
  readonly diagnostics: readonly Diagnostic[];
  readonly results: readonly FunctionResult[];
  readonly program?: Program;
  /** What asking took. */
  readonly counts?: Counts;
}

function textOf(bytes: Uint8Array, path: string): string {
  if (bytes.length > LARGEST_SOURCE)
    fail('limit', `${printable(path)}: ${bytes.length} bytes; a source has at most ${LARGEST_SOURCE}`);
  const text = new TextDecoder().decode(bytes);
  if (text.includes('\0')) fail('compile', `${printable(path)}: not a text: it has a zero byte`);
  return text;
}

/** The name of a file as messages show it: relative where it lies below the folder. */
function shownName(path: string, folder: string): string {
  const below = relative(folder, path);
  return below.startsWith('..') || isAbsolute(below) ? path : below.split(sep).join('/');
}

const candidatesOf = (path: string): string[] => [
  path,
  `${path}.ts`,
  path.replace(/\.js$/, '.ts'),
  join(path, 'index.ts'),
];

/** Where sources may lie, and what they are called. */
export interface Places {
  /** That the given files are relative to. */
  readonly folder: string;
  /** The name of a resolved path in messages; undefined: what is imported from there is not read. */
  readonly nameOf: (real: string) => string | undefined;
}

/** Whatever lies in a folder. */
export function placesIn(folder: string): Places {
  const root = realpathSync.native(folder);
  const isBelow = (real: string): boolean => !relative(root, real).startsWith('..');
  return { folder: root, nameOf: (real) => (isBelow(real) ? shownName(real, root) : undefined) };
}

/** The given files and what they import, each once, in that order. */
export function loadSources(files: readonly string[], places = placesIn(process.cwd())): Source[] {
  const sources = new Map<string, string>();
  const pending: string[] = [];
  const take = (path: string, text: string): void => {
    if (sources.has(path)) return;
    if (sources.size >= MOST_SOURCES) fail('limit', `more than ${MOST_SOURCES} sources; prove fewer at once`);
    sources.set(path, text);
    pending.push(path);
  };
  for (const file of files) {
    if (!/\.ts$/.test(file) || /\.d\.ts$/.test(file))
      fail('usage', `${printable(file)}: not a TypeScript source (.ts)`);
    const path = resolve(places.folder, file);
    const bytes = readFileIfPresent(path) ?? fail('io', `${printable(file)}: no such file`);
    const text = textOf(bytes, file);
    take(realpathSync.native(path), text);
  }
  for (let path = pending.shift(); path !== undefined; path = pending.shift()) {
    for (const name of importsOf(sources.get(path)!)) {
      if (!name.startsWith('.')) continue;
      for (const candidate of candidatesOf(join(dirname(path), name))) {
        if (!candidate.endsWith('.ts')) continue;
        let real: string;
        try {
          real = realpathSync.native(candidate);
        } catch {
          continue;
        }
        // What lies outside is not read; what is used of it has no contract then.
        if (places.nameOf(real) === undefined) break;
        const bytes = readFileIfPresent(real);
        if (bytes === undefined) continue;
        take(real, textOf(bytes, real));
        break;
      }
    }
  }
  return [...sources].map(([path, text]) => ({ name: places.nameOf(path) ?? path, text }));
}

/** casemate's own files. */
export function readLibrary() {
  const home = fileURLToPath(new URL('../analyzers/library/', import.meta.url));
  const read = (name: string): string => new TextDecoder().decode(readFile(join(home, name)));
  return { contracts: read('contracts.ts'), globals: read('globals.d.ts'), platform: read('platform.ts') };
}

/** What a result means to whoever asked. Two solvers that contradict each other end the run: neither counts then. */
function askedOf(said: ProverResult, names: readonly string[]): Asked {
  const { name, status, reason, answers, model } = said;
  if (status === 'disagreement') fail('tool', `${printable(name)}: ${reason}`);
  const deciding = answers.filter(({ result }) => result !== 'unknown');
  const by = status === 'unknown' ? (reason ?? 'no answer') : deciding.map(({ build }) => build).join(' and ');
  const values = model === undefined ? undefined : valuesIn(model, names);
  return { status, by, said, ...(values === undefined ? {} : { model: values }) };
}

/** Asks a prover each question as a text of its own, with so many steps, or the prover's. */
export function createAsk(prover: Prover, steps?: number): Ask {
  return async (asked) => {
    const names = asked.map(({ query }) => variablesOf(query));
    const questions = asked.map(
      ({ query }, i): Question => ({
        ...{ name: query.name, text: printQuery(query), expect: 'unsat', model: names[i] },
        ...(steps !== undefined && { steps }),
      }),
    );
    return (await prover.ask(questions)).map((result, i) => askedOf(result, names[i]));
  };
}

/** The installed solver that helps or checks Z3's own build. */
export const findSecondSolver = () => findSolver('cvc5') ?? findSolver('z3');

/**
 * Z3's own build asks everything; a second solver, where one is installed, steps in where that gives up, or answers
 * everything as well. `time`: milliseconds after which a solver that has not come to the end of its steps is given up.
 */
export function openProverFor(
  request: Pick<ProveRequest, 'budget' | 'crossCheck' | 'cache' | 'evidence'> & { readonly time?: number },
): Prover {
  const { budget, crossCheck, cache, evidence, time } = request;
  const solver = findSecondSolver();
  if (crossCheck && solver === undefined)
    fail('tool', 'no second solver is on PATH to check the first; install one (Debian: apt install cvc5)');
  // What evidence says may not depend on which solver was quicker.
  const mode = crossCheck ? 'check' : evidence === undefined ? 'rescue' : 'follow';
  const second = solver && ({ solver, mode } as const);
  return openProver({
    steps: budget,
    ...(time !== undefined && { time }),
    ...(second && { second }),
    ...(cache && { cache }),
    records: evidence !== undefined,
  });
}

/** Counts of what came after `before`; of workers, of all that there were. */
function since(before: Counts, now: Counts): Counts {
  const fields = ['asked', 'believed', 'kept', 'notKept'] as const;
  return { ...now, ...Object.fromEntries(fields.map((field) => [field, now[field] - before[field]])) };
}

/** Proves files; `given`: asks this prover, and leaves it open. */
export async function proveFiles(request: ProveRequest, given?: Prover): Promise<ProveReport> {
  return proveSources(loadSources(request.files), request, given);
}

/** What files mean, or what is wrong with them. */
export const analyzeFiles = (files: readonly string[]): Analysis => analyze(loadSources(files), readLibrary());

/** Proves texts. */
export async function proveSources(
  texts: readonly Source[],
  request: Omit<ProveRequest, 'files'>,
  given?: Prover,
): Promise<ProveReport> {
  return proveAnalysis(analyze(texts, readLibrary()), request, given);
}

/** Proves what was analyzed. */
export async function proveAnalysis(
  { program, diagnostics, sources }: Analysis,
  request: Omit<ProveRequest, 'files'>,
  given?: Prover,
): Promise<ProveReport> {
  if (program === undefined) return { sources, diagnostics, results: [] };
  const prover = given ?? openProverFor(request);
  const before = prover.counts();
  try {
    const results = await verifyProgram(program, {
      ask: createAsk(prover),
      explain: request.explain === true,
      ...(request.onFunction && { onFunction: (result) => request.onFunction?.(result, sources) }),
      onStart: ({ name }) => request.onStart?.(name),
    });
    const report = { sources, diagnostics: [], results, program, counts: since(before, prover.counts()) };
    if (request.evidence !== undefined) writeEvidence(request.evidence, report);
    return report;
  } finally {
    if (given === undefined) prover.close();
  }
}

export interface ReplayReport {
  readonly replayed: readonly Replayed[];
  readonly counts: Counts;
}

/** Obligations that an index of evidence claims and no record shows are malformed too. */
export async function replayWith(
  prover: Prover,
  folder: string,
  onReplayed?: (replayed: Replayed, done: number, of: number) => void,
): Promise<Replayed[]> {
  const replayed = await replay(prover, folder, onReplayed);
  const unfounded = unfoundedClaims(folder) ?? [];
  return [...replayed, ...unfounded.map((claim): Replayed => ({ file: INDEX, status: 'malformed', ...claim }))];
}

/** Asks the installed solvers again about every record of a folder, believing none. */
export async function replayFolder(
  request: Pick<ProveRequest, 'budget' | 'crossCheck'> & { readonly folder: string },
  onReplayed?: (replayed: Replayed, done: number, of: number) => void,
): Promise<ReplayReport> {
  const { folder, ...rest } = request;
  const prover = openProverFor(rest);
  try {
    return { replayed: await replayWith(prover, folder, onReplayed), counts: prover.counts() };
  } finally {
    prover.close();
  }
}

export { openProofCache } from './proof-cache.ts';
