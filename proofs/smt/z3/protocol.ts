/**
 * What a Z3 worker and the process that started it say to each other, and what a worker's output means.
 *
 * A worker puts each text between commands of ours: limits before it, and after it the reason, the count of steps and a
 * word that nobody can know beforehand. An answer counts only when the output has exactly this shape, in this order, with
 * this word: then Z3 has read our text to its end, and this output is about it and no other. Everything else is
 * `unknown`.
 */
import { printable } from '../../../base/errors.ts';

/** One question to a worker. */
export interface Asked {
  /** Passed by the grammar of script.ts. */
  readonly text: string;
  /** Commands that stand before the text. */
  readonly before: string;
  /** Stands at the end of the output; letters and digits. */
  readonly word: string;
  /** Commands to run in the same context when the first line is `sat`; when it is `unsat`. */
  readonly whenSat?: string;
  readonly whenUnsat?: string;
}

/** Parent to worker: questions, answered one after another, each in a context of its own. */
export interface Batch {
  readonly batch: number;
  readonly asked: readonly Asked[];
}

/** Worker to parent. */
export type Said =
  | { readonly ready: true; readonly version: string }
  | { readonly failed: string }
  /** It is at the first question of the batch. */
  | { readonly begun: number }
  | {
      readonly batch: number;
      readonly index: number;
      readonly output: string;
      /** Output of `whenSat` or `whenUnsat`. */
      readonly more?: string;
      /** Bytes that the worker's process occupies. */
      readonly resident: number;
    };

/** How many characters of output a worker sends. */
export const longestOutput = 1024 * 1024;

/** Settings of one question, which a text cannot make for itself. */
export interface Settings {
  /** Z3's resource units. */
  readonly steps: number;
  readonly seed: number;
  readonly cores: boolean;
}

/** Commands before a text. Options outlive a context in Z3, so each is set each time. */
export function commandsBefore({ steps, seed, cores }: Settings): string {
  return (
    `(set-option :rlimit ${steps})(set-option :smt.random_seed ${seed})(set-option :sat.random_seed ${seed})` +
    `(set-option :produce-unsat-cores ${cores})\n`
  );
}

/** Commands after a text. */
export function commandsAfter(word: string): string {
  return `\n(get-info :reason-unknown)(get-info :rlimit)(echo "${word}")`;
}

export interface Meaning {
  readonly result: 'sat' | 'unsat' | 'unknown';
  readonly reason?: string;
  /** Steps that Z3 spent, from the text's first byte to its answer. */
  readonly steps?: number;
}

/** What the output of a question means. */
export function meaningOf(output: string, word: string): Meaning {
  const found = /^(sat|unsat|unknown)\n\(:reason-unknown "([^"\n]*)"\)\n\(:rlimit (\d{1,15})\)\n([A-Za-z0-9]+)\n$/.exec(
    output,
  );
  if (found === null || found[4] !== word) {
    const line = output.split('\n').find((line) => line !== '') ?? 'nothing';
    return { result: 'unknown', reason: `said ${printable(line, 160)}` };
  }
  const [, result, reason, steps] = found;
  const spent = { steps: Number(steps) };
  if (result !== 'unknown') return { result: result as 'sat' | 'unsat', ...spent };
  // A context that reached its limit is cancelled.
  const out = /^(canceled|max\. resource limit exceeded)$/.test(reason);
  return { result, reason: out ? 'out of steps' : printable(reason, 160) || 'gave up', ...spent };
}
