/**
 * The edge to SMT solvers: finds z3 and cvc5 on PATH and runs one on one text.
 *
 * A solver is a child process with an empty environment, the text on its standard input, and no file to read. It gets
 * a resource limit, whose counts repeat exactly, so that a verdict does not depend on how busy the machine is; a limit
 * of time and a kill stand behind it. Its output is hostile: a lone line `sat` or `unsat`, and nothing else, is an
 * answer. Everything else, a crash, an error message, two lines, is `unknown`, which is never a pass.
 */
import { spawn, spawnSync } from 'node:child_process';
import { accessSync, constants, statSync } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';
import { printable } from '../../base/errors.ts';
import { readFile } from '../../base/files.ts';
import { createHash } from '../../base/node.ts';

export interface Solver {
  readonly name: 'z3' | 'cvc5';
  readonly path: string;
  /** First line of what it prints when asked for its version, its build. */
  readonly version: string;
}

/** Bounds of one question. */
export interface Limits {
  /** The solver's own count of steps: z3's resource units, and a tenth as many of cvc5's, which are larger. */
  readonly steps: number;
  /** Milliseconds; only a safeguard. */
  readonly time: number;
  /** Where a search starts that could start anywhere; 0 if there is none. */
  readonly seed?: number;
}

export interface Answer {
  readonly solver: Solver;
  readonly result: 'sat' | 'unsat' | 'unknown';
  /** Why it is unknown. */
  readonly reason?: string;
  /** Milliseconds from the question to the answer. */
  readonly wall?: number;
}

/** Either solver takes seconds to count so far; what is easy stays far below. */
export const defaultLimits: Limits = { steps: 1_000_000, time: 60_000 };

const LONGEST_OUTPUT = 1024 * 1024;

function options(solver: Solver, limits: Limits): string[] {
  const seconds = Math.ceil(limits.time / 1000);
  const seed = limits.seed ?? 0;
  if (solver.name === 'z3') {
    const seeds = seed === 0 ? [] : [`smt.random_seed=${seed}`, `sat.random_seed=${seed}`];
    return ['-smt2', '-in', `-T:${seconds}`, `rlimit=${limits.steps}`, ...seeds];
  }
  const seeds = seed === 0 ? [] : [`--seed=${seed}`, `--sat-random-seed=${seed}`];
  return ['--lang', 'smt2', `--tlimit=${limits.time}`, `--rlimit=${Math.ceil(limits.steps / 10)}`, ...seeds, '-'];
}

/** Solvers on PATH, in a fixed order. Only absolute entries count. */
export function findSolvers(searchPath = process.env['PATH'] ?? ''): Solver[] {
  return (['z3', 'cvc5'] as const).flatMap((name) => findSolver(name, searchPath) ?? []);
}

/** The solver of this name on PATH. */
export function findSolver(name: Solver['name'], searchPath = process.env['PATH'] ?? ''): Solver | undefined {
  const path = searchPath
    .split(delimiter)
    .filter(isAbsolute)
    .map((folder) => join(folder, name))
    .find(isProgram);
  if (path === undefined) return undefined;
  const run = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 10_000, env: {} });
  const version = run.status === 0 ? printable(run.stdout.split('\n')[0].trim()) : '';
  return version === '' ? undefined : { name, path, version };
}

/** What tells a solver from others: its version, and the hash of its program. */
export function solverIdentity({ path, version }: Solver): string {
  try {
    return `${version}, ${createHash('sha256').update(readFile(path)).digest('hex')}`;
  } catch {
    return version;
  }
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

interface Output {
  readonly text: string;
  readonly status: number | null;
  readonly problem?: string;
}

function run(
  solver: Solver,
  args: readonly string[],
  text: string,
  time: number,
  signal?: AbortSignal,
): Promise<Output> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve({ text: '', status: null, problem: 'not needed any more' });
    const child = spawn(solver.path, args, { stdio: ['pipe', 'pipe', 'ignore'], env: {} });
    const chunks: Buffer[] = [];
    let size = 0;
    let problem: string | undefined;
    const stop = (why: string): void => {
      problem ??= why;
      child.kill('SIGKILL');
    };
    // The solver's own limit of time comes first.
    const timer = setTimeout(() => stop('out of time'), time + 2_000);
    const stopUnneeded = (): void => stop('not needed any more');
    signal?.addEventListener('abort', stopUnneeded, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > LONGEST_OUTPUT) stop('too much output');
      else chunks.push(chunk);
    });
    // It may end before it has read everything.
    child.stdin.on('error', () => {});
    child.stdin.end(text);
    child.on('error', (error) => {
      clearTimeout(timer);
      resolve({ text: '', status: null, problem: printable(error.message) });
    });
    child.on('close', (status, endedBy) => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', stopUnneeded);
      if (endedBy !== null) problem ??= `ended by ${endedBy}`;
      resolve({ text: Buffer.concat(chunks).toString(), status, ...(problem === undefined ? {} : { problem }) });
    });
  });
}

/**
 * What a solver says of an SMT-LIB text with one check-sat. Never throws for what the solver does. `signal` ends it when
 * its answer is no longer wanted.
 */
export async function askSolver(
  solver: Solver,
  text: string,
  limits: Limits = defaultLimits,
  signal?: AbortSignal,
): Promise<Answer> {
  const start = performance.now();
  const { text: output, status, problem } = await run(solver, options(solver, limits), text, limits.time, signal);
  const wall = performance.now() - start;
  const unknown = (reason: string): Answer => ({ solver, result: 'unknown', reason, wall });
  if (problem !== undefined) return unknown(problem);
  const said = output.replace(/\r?\n$/, '');
  if (status === 0 && (said === 'sat' || said === 'unsat')) return { solver, result: said, wall };
  if (said === 'unknown') return unknown('gave up');
  return unknown(`exit status ${status}, said ${printable(said.split('\n')[0], 120) || 'nothing'}`);
}

/** What a solver shows of a state that satisfies a text, by get-model or get-value; for people. */
export async function askModel(
  solver: Solver,
  text: string,
  command: string,
  limits: Limits = defaultLimits,
): Promise<string | undefined> {
  const question = `(set-option :produce-models true)\n${text}\n${command}\n`;
  const { text: output, status, problem } = await run(solver, options(solver, limits), question, limits.time);
  return problem === undefined && status === 0 && output.startsWith('sat\n') ? output.slice(4) : undefined;
}

/**
 * Values of integer variables in a state that satisfies the text, as a solver shows them; undefined when it shows
 * none that can be read. They are for people to read: no verdict rests on them.
 */
export async function askValues(
  solver: Solver,
  text: string,
  names: readonly string[],
  limits: Limits = defaultLimits,
): Promise<ReadonlyMap<string, bigint> | undefined> {
  if (names.length === 0) return new Map();
  const output = await askModel(solver, text, `(get-value (${names.join(' ')}))`, limits);
  return output === undefined ? undefined : valuesIn(output, names);
}

/** The integers that a solver's answer to (get-value ...) gives these names; undefined when one is missing. */
export function valuesIn(output: string, names: readonly string[]): ReadonlyMap<string, bigint> | undefined {
  const values = new Map<string, bigint>();
  for (const [, name, positive, negative] of output.matchAll(/\(([A-Za-z][\w.]*)\s+(?:(\d+)|\(-\s+(\d+)\))\)/g)) {
    values.set(name, positive === undefined ? -BigInt(negative) : BigInt(positive));
  }
  return names.every((name) => values.has(name)) ? values : undefined;
}
