/**
 * What a link of hostile input may do, and a whole-process run of casemate-ld that records all of it.
 *
 * A run ends by itself within two seconds of the processor and 512 MiB. It either links (exit 0, an output) or refuses (exit 1): then
 * exactly one line says `casemate-ld: error: `, names a file of the command line and a cause, warnings may stand before
 * it, and neither an output nor a temporary file is left. Several lines are allowed only for undefined symbols, all of
 * which are listed.
 */
import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { requireTool } from './tools.ts';

export const limits = { milliseconds: 2000, peakKiB: 512 * 1024 } as const;

export interface Outcome {
  readonly status: number;
  readonly stderr: string;
  readonly timedOut: boolean;
  /** Wall clock, or the processor's time where that is less: another process's time is not the linker's doing. */
  readonly milliseconds: number;
  readonly peakKiB: number;
  /** The output file exists after the run. */
  readonly output: boolean;
  /** Files that the run created besides its output (and map). */
  readonly leftovers: readonly string[];
}

/** Words that only a defect prints. */
const defect =
  /^\s+at .+[:(]\d+|node:internal|Node\.js v\d|\b(Range|Type|Reference|Syntax)Error\b|FATAL ERROR|heap limit|internal error|defect/im;

/** All undefined symbols are listed with their referrers; other causes need few words. */
export function longestLine(line: string): number {
  return /undefined symbol/.test(line) ? 50_000 : 1500;
}

/** Everything that `outcome` does wrong; `files` are the names that a message may blame. */
export function violations(outcome: Outcome, files: readonly string[]): string[] {
  const wrong: string[] = [];
  const lines = outcome.stderr.split('\n').filter((line) => line !== '');
  const errors = lines.filter((line) => line.startsWith('casemate-ld: error: '));
  if (outcome.timedOut) wrong.push('did not end');
  if (outcome.milliseconds > limits.milliseconds) wrong.push(`took ${Math.round(outcome.milliseconds)} ms`);
  if (outcome.peakKiB > limits.peakKiB) wrong.push(`took ${Math.round(outcome.peakKiB / 1024)} MiB`);
  if (!outcome.timedOut && outcome.status !== 0 && outcome.status !== 1) wrong.push(`exit status ${outcome.status}`);
  if (defect.test(outcome.stderr)) wrong.push('a stack trace or defect report');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: looking for control characters that were not escaped
  if (/[\x00-\x08\x0b-\x1f\x7f]/.test(outcome.stderr)) wrong.push('control characters in a message');
  if (outcome.leftovers.length > 0) wrong.push(`left behind: ${outcome.leftovers.join(', ')}`);
  if (outcome.status === 0) {
    if (errors.length > 0) wrong.push('an error line, but exit status 0');
    if (!outcome.output) wrong.push('exit status 0, but no output');
  }
  if (outcome.status === 1) {
    const undefinedOnly = errors.length > 0 && errors.every((line) => /undefined/.test(line));
    if (errors.length === 0) wrong.push('no error line');
    if (errors.length > 1 && !undefinedOnly) wrong.push(`${errors.length} error lines`);
    if (outcome.output) wrong.push('refused, but an output is left');
    const named = files.some((file) => errors.some((line) => line.includes(basename(file))));
    if (errors.length > 0 && !named) wrong.push('the error names none of the files');
    if (errors.some((line) => line.length > longestLine(line))) wrong.push('an error line that is too long');
    for (const line of lines) {
      const known = line.startsWith('casemate-ld: error: ') || line.startsWith('casemate-ld: warning: ');
      if (!known && !(undefinedOnly && /^\s/.test(line))) wrong.push(`a line of another kind: ${line.slice(0, 200)}`);
    }
  }
  return wrong;
}

/** Files in `folder` beside those of `expected`. */
export function strayFiles(folder: string, expected: ReadonlySet<string>): string[] {
  return readdirSync(folder).filter((name) => !expected.has(name));
}

/**
 * Runs `command` in `folder` as a process of its own, killed after `patience` ms. `output` is removed before and
 * after. The peak is GNU time's: the most memory that the process ever held. A run that took too long is repeated, twice
 * at most: only what happens each time is the input's doing.
 */
export async function runJudged(
  command: readonly string[],
  folder: string,
  output: string,
  expected: ReadonlySet<string>,
  patience = 5 * limits.milliseconds,
): Promise<Outcome> {
  const slow = (outcome: Outcome): boolean =>
    !outcome.timedOut && outcome.milliseconds > limits.milliseconds && outcome.peakKiB <= limits.peakKiB;
  let outcome = await runOnce(command, folder, output, expected, patience);
  for (let again = 0; again < 2 && slow(outcome); again++)
    outcome = await runOnce(command, folder, output, expected, patience);
  return outcome;
}

async function runOnce(
  command: readonly string[],
  folder: string,
  output: string,
  expected: ReadonlySet<string>,
  patience: number,
): Promise<Outcome> {
  const record = join(folder, '.peak');
  rmSync(join(folder, output), { force: true, recursive: true });
  const started = performance.now();
  const child = spawn(requireTool('time'), ['-f', '%M %U %S', '-o', record, ...command], {
    cwd: folder,
    env: { ...process.env, LC_ALL: 'C' },
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (stderr.length < 1 << 20) stderr += chunk;
  });
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    // The whole group: the linker is a child of GNU time.
    process.kill(-child.pid!, 'SIGKILL');
  }, patience);
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? -1));
  });
  clearTimeout(timer);
  const wall = performance.now() - started;
  // GNU time puts a line about a failing status before the figures; there are none when it was killed.
  const figures = existsSync(record) ? readFileSync(record, 'utf8').trim().split('\n').at(-1)! : '';
  const [peak = Number.NaN, user = wall / 1000, system = 0] = figures.split(' ').filter(Boolean).map(Number);
  const milliseconds = Math.min(wall, 1000 * (user + system));
  rmSync(record, { force: true });
  const produced = existsSync(join(folder, output));
  const leftovers = strayFiles(folder, new Set([...expected, output]));
  rmSync(join(folder, output), { force: true, recursive: true });
  for (const name of leftovers) rmSync(join(folder, name), { force: true, recursive: true });
  return { status, stderr, timedOut, milliseconds, peakKiB: peak, output: produced, leftovers };
}
