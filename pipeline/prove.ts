/**
 * `casemate prove`'s work: sources with what they import, the front end, the solvers.
 *
 * Files that a source imports by a relative path are read too, as long as they lie in the folder of the command or
 * below it, so that contracts of what is called are known. Solvers are asked in tiers: the first one there is, with the
 * budget; where it gives up, the next one. With `crossCheck` all are asked, and a contradiction ends the run.
 */
import { realpathSync } from 'node:fs';
import { dirname, isAbsolute, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Diagnostic } from '../analyzers/diagnostics.ts';
import type { Program } from '../analyzers/ir.ts';
import { analyze, importsOf, type Source } from '../analyzers/typescript/analyze.ts';
import { fail, printable } from '../base/errors.ts';
import { readFile, readFileIfPresent } from '../base/files.ts';
import type { Query } from '../proofs/smt/print.ts';
import { prove, type Verdict } from '../proofs/smt/prove.ts';
import { findSolvers, type Limits, type Solver } from '../proofs/smt/solver.ts';
import { all, implies } from '../proofs/smt/terms.ts';
import { type Ask, type Asked, type FunctionResult, verifyProgram } from '../proofs/verify.ts';

const LARGEST_SOURCE = 4 * 1024 * 1024;
const MOST_SOURCES = 1000;

export interface ProveRequest {
  readonly files: readonly string[];
  /** Steps of a solver for one question. */
  readonly budget: number;
  /** Ask every solver each question. */
  readonly crossCheck: boolean;
  readonly onStart?: (name: string) => void;
  readonly onFunction?: (result: FunctionResult) => void;
}

export interface ProveReport {
  readonly sources: ReadonlyMap<string, string>;
  /** What is wrong with the sources; then nothing was asked. */
  readonly diagnostics: readonly Diagnostic[];
  readonly results: readonly FunctionResult[];
  readonly program?: Program;
  readonly solvers: readonly Solver[];
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

/** The given files and what they import, each once, in that order. */
export function loadSources(files: readonly string[], folder = process.cwd()): Source[] {
  const root = realpathSync.native(folder);
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
    const text = textOf(readFile(file), file);
    take(realpathSync.native(file), text);
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
        if (relative(root, real).startsWith('..')) break;
        const bytes = readFileIfPresent(real);
        if (bytes === undefined) continue;
        take(real, textOf(bytes, real));
        break;
      }
    }
  }
  return [...sources].map(([path, text]) => ({ name: shownName(path, root), text }));
}

/** casemate's own two files. */
export function readLibrary() {
  const home = fileURLToPath(new URL('../analyzers/library/', import.meta.url));
  const read = (name: string): string => new TextDecoder().decode(readFile(join(home, name)));
  return { contracts: read('contracts.ts'), globals: read('globals.d.ts') };
}

const versionOf = ({ version }: Solver): string => version;

function askedOf(verdict: Verdict): Asked {
  const { status, counterexample } = verdict;
  const deciding = verdict.answers.filter(({ result }) => result !== 'unknown');
  const by =
    status === 'unknown'
      ? verdict.answers.map(({ solver, reason }) => `${solver.name} ${reason ?? 'gave up'}`).join('; ')
      : deciding.map(({ solver }) => versionOf(solver)).join(' and ');
  return { status, by, ...(counterexample === undefined ? {} : { model: counterexample }) };
}

/** Asks one solver after another until one decides, or all at once. */
async function askOne(solvers: readonly Solver[], query: Query, limits: Limits, crossCheck: boolean): Promise<Asked> {
  if (crossCheck) return askedOf(await prove(solvers, query, limits));
  const tried: string[] = [];
  for (const solver of solvers) {
    const asked = askedOf(await prove([solver], query, limits));
    if (asked.status !== 'unknown') return asked;
    tried.push(asked.by);
  }
  return { status: 'unknown', by: tried.join('; ') };
}

/** Questions that are first asked as one. */
const LARGEST_GROUP = 40;

/** One question that is answered with yes only when each of these is. */
function conjunction(queries: readonly Query[]): Query {
  const goals = queries.map(({ assumptions, goal }) => implies(all(assumptions), goal));
  return { name: `${queries.length} obligations, the first ${queries[0].name}`, assumptions: [], goal: all(goals) };
}

/** A goal that is false by its form asks whether a state exists; it does not go with the others. */
const asksForState = ({ goal }: Query): boolean => goal.kind === 'truth' && !goal.value;

/**
 * An Ask over solvers as processes, two at a time. A process takes longer to start than most questions to answer, so
 * those of a function are first asked together, and one by one only where that did not prove them all.
 */
export function createAsk(solvers: readonly Solver[], budget: number, crossCheck: boolean): Ask {
  const limits: Limits = { steps: budget, time: 30_000 };
  return async (queries) => {
    const answers: Asked[] = [];
    const groups: number[][] = [];
    queries.forEach((query, i) => {
      const last = groups.at(-1);
      if (!asksForState(query) && last !== undefined && last.length < LARGEST_GROUP && !asksForState(queries[last[0]]))
        last.push(i);
      else groups.push([i]);
    });
    const askGroup = async (group: readonly number[]): Promise<void> => {
      if (group.length > 1) {
        const together = await askOne(solvers, conjunction(group.map((i) => queries[i])), limits, crossCheck);
        if (together.status === 'proved') {
          for (const i of group) answers[i] = together;
          return;
        }
      }
      for (const i of group) answers[i] = await askOne(solvers, queries[i], limits, crossCheck);
    };
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < groups.length) await askGroup(groups[next++]);
    };
    await Promise.all([work(), work()]);
    return answers;
  };
}

export async function proveFiles(request: ProveRequest): Promise<ProveReport> {
  const { program, diagnostics, sources } = analyze(loadSources(request.files), readLibrary());
  if (program === undefined) return { sources, diagnostics, results: [], solvers: [] };
  const solvers = findSolvers();
  if (solvers.length === 0) fail('tool', 'neither z3 nor cvc5 is on PATH; install one (Debian: apt install z3 cvc5)');
  const results = await verifyProgram(program, {
    ask: createAsk(solvers, request.budget, request.crossCheck),
    ...(request.onFunction && { onFunction: request.onFunction }),
    onStart: ({ name }) => request.onStart?.(name),
  });
  return { sources, diagnostics: [], results, program, solvers };
}
