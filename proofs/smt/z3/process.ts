/**
 * The edge to Z3's WebAssembly build: starts a worker (worker/main.ts), asks it, and ends it.
 *
 * Z3 may hang, run out of memory, or trap, and must not take the run with it, so it lives in a child process with an
 * empty environment. Steps bound a question; behind them stands a limit of time, which only a defect reaches, and a kill.
 * Whatever happens to a worker, the questions it did not answer come back unanswered with the reason, and the caller
 * starts another. No worker outlives this process: its exit kills them, and they watch for it themselves.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { fail, printable } from '../../../base/errors.ts';
import { createHash } from '../../../base/node.ts';
import type { Asked, Batch, Said } from './protocol.ts';

export interface WorkerOptions {
  /** MiB of Z3's own memory. The process needs about 220 more for code and for Node.js. */
  readonly memory: number;
  /** The worker's script, if it is not the one that is built with this program. */
  readonly script?: string;
}

export const defaultMemory = 768;

/** Milliseconds that a worker may take to load Z3. */
const loadingTime = 60_000;

export interface Answered {
  readonly output: string;
  readonly more?: string;
  /** Bytes of the worker's process after the answer. */
  readonly resident: number;
  /** Milliseconds from the question, or the answer before it in the batch, to the answer. */
  readonly wall: number;
}

export interface Z3Worker {
  /** What Z3 calls itself: its exact version. */
  readonly version: string;
  /**
   * Asks questions one after another. Ends when all are answered (undefined), or when the worker is gone. Answers come in
   * order, so if it had begun, the question at fault is the first without one. `time`: milliseconds for each question.
   */
  run(
    asked: readonly Asked[],
    time: number,
    answered: (index: number, answer: Answered) => void,
  ): Promise<{ readonly reason: string; readonly begun: boolean } | undefined>;
  isAlive(): boolean;
  /** Ends the worker; a run that is going on ends with this reason. */
  kill(reason: string): void;
}

const living = new Set<ChildProcess>();
let watching = false;

function killWithUs(child: ChildProcess): void {
  living.add(child);
  child.once('close', () => living.delete(child));
  if (watching) return;
  watching = true;
  process.on('exit', () => {
    for (const child of living) child.kill('SIGKILL');
  });
}

/** dist/z3-worker.js, from a bundle in dist/ and from the sources. */
function workerScript(): string {
  const place = import.meta.url.endsWith('.bundle.js') ? './z3-worker.js' : '../../../dist/z3-worker.js';
  return fileURLToPath(new URL(place, import.meta.url));
}

/** The files that answers come from: the solver's build and the program around it. A 'tool' error when there is none. */
export function z3Files(script = workerScript()): string[] {
  try {
    const loader = createRequire(script).resolve('z3-solver/build/z3-built.js');
    return [loader, loader.replace(/\.js$/, '.wasm'), script];
  } catch (error) {
    return fail('tool', `z3-solver: cannot find its build: ${printable(String(error))}`);
  }
}

/** SHA-256 of those files: what a record's key stands on. A 'tool' error when one is missing. */
export function z3Identity(script?: string): string {
  const hash = createHash('sha256');
  const files = z3Files(script);
  try {
    for (const path of files) {
      const bytes = readFileSync(path);
      hash.update(`${bytes.length}\n`).update(bytes);
    }
    return hash.digest('hex');
  } catch (error) {
    return fail('tool', `z3-solver: cannot read its build: ${printable(String(error))}`);
  }
}

/** How many workers a machine has cores for. */
export const coreCount = (): number => availableParallelism();

/** A word that no text can know. */
export const freshWord = (): string => randomBytes(12).toString('hex');

/** Ends after some milliseconds, or at once when the signal is given. */
export function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    const stop = (): void => {
      clearTimeout(timer);
      resolve();
    };
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
}

const isSaid = (said: unknown): said is Said => typeof said === 'object' && said !== null;

/** Starts a worker and waits until Z3 is loaded. Rejects with a 'tool' error that says why there is none. */
export async function startZ3({ memory, script = workerScript() }: WorkerOptions): Promise<Z3Worker> {
  if (!existsSync(script)) fail('tool', `${printable(script)}: no such file; build it: npm run build`);
  const child = fork(script, [`${memory * 1024 * 1024}`], {
    env: {},
    execArgv: [],
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    serialization: 'advanced',
  });
  killWithUs(child);
  let gone: string | undefined;
  let hear: (said: Said) => void = () => {};
  let end: (reason: string) => void = () => {};
  const ended = (reason: string): void => {
    if (gone !== undefined) return;
    gone = reason;
    child.kill('SIGKILL');
    end(reason);
  };
  child.on('error', (error) => ended(printable(error.message)));
  child.on('exit', (status, signal) => ended(signal === null ? `ended with status ${status}` : `ended by ${signal}`));
  child.on('message', (said: unknown) => {
    if (gone !== undefined || !isSaid(said)) return;
    if ('failed' in said) ended(printable(String(said.failed)));
    else hear(said);
  });
  // A program that has nothing left to do may end while a worker waits.
  const hold = (busy: boolean): void => {
    if (busy) child.ref();
    else child.unref();
    if (busy) child.channel?.ref();
    else child.channel?.unref();
  };

  const version = await new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => ended(`not loaded after ${loadingTime / 1000} s`), loadingTime);
    const settle = (): void => clearTimeout(timer);
    hear = (said) => {
      if (!('ready' in said)) return;
      settle();
      resolve(printable(String(said.version)));
    };
    end = (reason) => {
      settle();
      reject(reason);
    };
  }).catch((reason: string) => fail('tool', `z3-solver: the worker did not start: ${reason}`));
  hold(false);

  let batches = 0;
  const run: Z3Worker['run'] = (asked, time, answered) =>
    new Promise((resolve) => {
      if (gone !== undefined) return resolve({ reason: gone, begun: false });
      if (asked.length === 0) return resolve(undefined);
      hold(true);
      const batch = ++batches;
      let begun = false;
      let next = 0;
      let since = performance.now();
      const late = (): void => ended(`no answer after ${time / 1000} s`);
      let timer = setTimeout(late, time);
      const finish = (reason?: string): void => {
        clearTimeout(timer);
        hold(false);
        resolve(reason === undefined ? undefined : { reason, begun });
      };
      end = finish;
      hear = (said) => {
        if ('begun' in said && said.begun === batch && !begun) {
          begun = true;
          return;
        }
        // Answers come in order; anything else is a defect of the worker, whose word then counts for nothing.
        if (!('batch' in said) || !begun || said.batch !== batch || said.index !== next)
          return ended('answered out of turn');
        const now = performance.now();
        const { output, more, resident } = said;
        answered(next, { output, ...(more === undefined ? {} : { more }), resident, wall: now - since });
        since = now;
        clearTimeout(timer);
        if (++next === asked.length) return finish();
        timer = setTimeout(late, time);
      };
      child.send({ batch, asked } satisfies Batch, (error) => {
        if (error !== null) ended(printable(error.message));
      });
    });

  return { version, run, isAlive: () => gone === undefined, kill: ended };
}
