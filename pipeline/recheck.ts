/**
 * `casemate prove --recheck frama-c`: has another prover prove the lowered C by its ACSL, from scratch.
 *
 * Nothing of casemate's own proofs goes into it but the contracts, invariants and assertions that the C carries: Frama-C's
 * WP makes its own obligations of the C, undefined behaviour included, and asks Z3 through Why3. A function is validated
 * where WP proves each of them and the ACSL leaves out no claim, and undecided otherwise: WP does not tell a goal that is
 * false from one that its prover has given up on, so nothing is ever refuted here. What is assumed: that operators of
 * casemate-lowered.h do what their contracts say, which tests hold against JavaScript for every operator and type.
 * The time of a goal is limited by the clock, so a slow machine may leave undecided what a quick one validates, never more.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../analyzers/diagnostics.ts';
import type { FunctionIr, Program } from '../analyzers/ir.ts';
import { fail, printable } from '../base/errors.ts';
import { readFile, writeFileAtomic } from '../base/files.ts';
import type { Dropped } from '../lowering/c/acsl.ts';
import { lowerToC } from '../lowering/c/lower.ts';
import { prelude } from '../lowering/c/prelude.ts';
import { spawnChild, withScratch } from './scratch.ts';
import { findProgram } from './tools.ts';

const GOAL_SECONDS = 10;
const MOST_MINUTES = 60;
const LARGEST_REPORT = 64 * 1024 * 1024;

/** Program to Debian's package. */
const needed = { 'frama-c': 'frama-c-base', why3: 'why3', z3: 'z3', gcc: 'gcc' } as const;

export interface Rechecked {
  readonly function: FunctionIr;
  readonly verdict: 'validated' | 'undecided';
  /** Goals of the function, and how many of them are proved. */
  readonly goals: number;
  readonly proved: number;
  /** Claims that the ACSL leaves out. */
  readonly dropped: readonly Dropped[];
}

export interface RecheckReport {
  /** What cannot be lowered; then nothing was asked. */
  readonly diagnostics: readonly Diagnostic[];
  readonly functions: readonly Rechecked[];
}

interface Counts {
  readonly total: number;
  readonly valid: number;
}

/** What WP's report counts of a function; undefined: it says nothing, or something else than numbers. */
export function countsOf(report: unknown, symbol: string): Counts | undefined {
  const at = (value: unknown, key: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, key)
      ? (value as Record<string, unknown>)[key]
      : undefined;
  const main = at(at(at(at(report, 'wp:functions'), symbol), 'wp:section'), 'wp:main');
  const count = (key: string): number => {
    const value = at(main, key) ?? 0;
    return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : Number.NaN;
  };
  const [total, valid] = [count('total'), count('valid')];
  return total > 0 && valid <= total ? { total, valid } : undefined;
}

/** A function's verdict: only a proof of everything validates it. */
export function verdictOf(counts: Counts | undefined, dropped: readonly Dropped[]): Rechecked['verdict'] {
  const isWhole = counts !== undefined && counts.valid === counts.total && dropped.length === 0;
  return isWhole ? 'validated' : 'undecided';
}

interface Ended {
  readonly status: number | null;
  readonly output: string;
}

function runTool(path: string, args: readonly string[], folder: string): Promise<Ended> {
  return new Promise((done, failed) => {
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TMPDIR: folder, HOME: folder };
    const limit = AbortSignal.timeout(MOST_MINUTES * 60_000);
    const child = spawnChild(path, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] }, limit);
    let output = '';
    const take = (chunk: Buffer): void => {
      output = (output + chunk.toString('utf8')).slice(-20_000);
    };
    child.stdout?.on('data', take);
    child.stderr?.on('data', take);
    child.on('error', failed);
    child.on('close', (status) => done({ status, output }));
  });
}

/** The line of a tool's output that says what is wrong. */
const problemIn = (output: string): string =>
  printable(output.split('\n').find((line) => /error|aborted/i.test(line)) ?? output.trim().split('\n').at(-1) ?? '');

/** Lowers the program and has Frama-C prove it; a missing program is a 'tool' error that names its package. */
export async function recheckWithFramaC(program: Program): Promise<RecheckReport> {
  for (const [name, debian] of Object.entries(needed))
    if (findProgram(name) === undefined)
      fail('tool', `${name} is not on PATH, and --recheck frama-c needs it; install it: apt-get install ${debian}`);
  const lowered = lowerToC(program, 'recheck');
  if (lowered.diagnostics.length > 0) return { diagnostics: lowered.diagnostics, functions: [] };
  const subjects = lowered.program.functions.filter(({ body }) => body !== undefined);
  const report = await withScratch(async (folder) => {
    writeFileAtomic(join(folder, 'casemate-lowered.h'), Buffer.from(prelude()));
    writeFileAtomic(join(folder, 'recheck.h'), Buffer.from(lowered.header));
    const source = join(folder, 'recheck.c');
    writeFileAtomic(source, Buffer.from(lowered.source));
    // Why3 keeps what provers there are in the home folder, which is this one.
    const detected = await runTool(findProgram('why3')!, ['config', 'detect'], folder);
    if (detected.status !== 0) fail('tool', `why3 config detect: ${problemIn(detected.output)}`);
    const json = join(folder, 'report.json');
    const { status, output } = await runTool(
      findProgram('frama-c')!,
      [
        ...[
          '-cpp-extra-args=-D_Noreturn=',
          '-wp',
          '-wp-rte',
          '-wp-prover',
          'z3,z3-ce',
          '-wp-timeout',
          String(GOAL_SECONDS),
          '-wp-report-json',
          json,
        ],
        ...['-wp-fct', subjects.map(({ key }) => lowered.symbols.get(key)!).join(','), source],
      ],
      folder,
    );
    if (status !== 0) fail('tool', `frama-c ended with status ${status}: ${problemIn(output)}`);
    if (statSync(json).size > LARGEST_REPORT) fail('limit', 'the report of frama-c has more than 64 MiB');
    return JSON.parse(new TextDecoder().decode(readFile(json))) as unknown;
  });
  const functions = subjects.map((subject): Rechecked => {
    const counts = countsOf(report, lowered.symbols.get(subject.key)!);
    const dropped = lowered.dropped.filter((one) => one.function === subject.key);
    const { total: goals, valid: proved } = counts ?? { total: 0, valid: 0 };
    return { function: subject, verdict: verdictOf(counts, dropped), goals, proved, dropped };
  });
  return { diagnostics: [], functions };
}
