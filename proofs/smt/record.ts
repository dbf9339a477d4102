/**
 * Records: what solvers said of a text, kept so that it can be looked up and checked again.
 *
 * A record's name is the SHA-256 of everything that an answer depends on: the text, the solvers' exact builds, and every
 * setting. (Other tools' caches, keyed on less, have given wrong verdicts.) Beside it lies the text under its own hash,
 * so that anyone can ask again (replay.ts). A record without a signature is a hint: it vouches for nothing, and whoever
 * can write to its folder can write whatever it likes. So reading one is strict, and what is not exactly a record of this
 * key is no record; whether to believe the rest is for the caller to decide.
 */
import { createHash } from '../../base/node.ts';
import type { SolverAnswer } from './prover.ts';

const format = 'casemate-proof-1';

/** What answers depend on. */
export interface Asking {
  /** SHA-256 of the text. */
  readonly sha256: string;
  /** SHA-256 of the Z3 build and of the program around it. */
  readonly z3: string;
  readonly steps: number;
  readonly seed: number;
  /** Commands that ask for more: get-model, get-unsat-core. */
  readonly model?: string;
  readonly cores: boolean;
  readonly second?: { readonly version: string; readonly mode: 'rescue' | 'check' };
}

export interface ProofRecord {
  /** What was asked when it was made, for people. */
  readonly name: string;
  readonly asking: Asking;
  /** At least one of them is decided, and the decided ones agree. */
  readonly answers: readonly SolverAnswer[];
  readonly model?: string;
  readonly core?: readonly string[];
}

export const sha256Of = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What is asked as plain lists: one way to write it, so one hash. */
function canonical({ sha256, z3, steps, seed, model, cores, second }: Asking): string {
  const other = second === undefined ? null : [second.version, second.mode];
  return JSON.stringify([format, sha256, z3, steps, seed, model ?? null, cores, other]);
}

/** The name of a record. */
export const keyOf = (asking: Asking): string => sha256Of(canonical(asking));

/** The verdict of a record's answers; undefined when there is none, or two. */
export function verdictOf(answers: readonly SolverAnswer[]): 'sat' | 'unsat' | undefined {
  const [sat, unsat] = (['sat', 'unsat'] as const).map((word) => answers.some(({ result }) => result === word));
  return sat === unsat ? undefined : sat ? 'sat' : 'unsat';
}

export function writeRecord(record: ProofRecord): string {
  return `${JSON.stringify({ format, key: keyOf(record.asking), ...record }, undefined, 1)}\n`;
}

type Fields = Readonly<Record<string, unknown>>;

const isObject = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;
const isHash = (value: unknown): value is string => isText(value) && /^[0-9a-f]{64}$/.test(value);
const maybe = (test: (value: unknown) => boolean, value: unknown): boolean => value === undefined || test(value);

function readAsking(value: unknown): Asking | undefined {
  if (!isObject(value)) return undefined;
  const { sha256, z3, steps, seed, model, cores, second } = value;
  if (!isHash(sha256) || !isHash(z3) || !isCount(steps) || !isCount(seed) || typeof cores !== 'boolean')
    return undefined;
  if (!maybe(isText, model)) return undefined;
  const asking = { sha256, z3, steps, seed, cores, ...(isText(model) ? { model } : {}) };
  if (second === undefined) return asking;
  if (!isObject(second) || !isText(second['version'])) return undefined;
  const { version, mode } = second;
  return mode === 'rescue' || mode === 'check' ? { ...asking, second: { version, mode } } : undefined;
}

function readAnswer(value: unknown): SolverAnswer | undefined {
  if (!isObject(value)) return undefined;
  const { solver, build, result, reason, steps, wall } = value;
  if ((solver !== 'z3' && solver !== 'cvc5') || !isText(build)) return undefined;
  if (result !== 'sat' && result !== 'unsat' && result !== 'unknown') return undefined;
  if (!maybe(isText, reason) || !maybe(isCount, steps) || typeof wall !== 'number') return undefined;
  return {
    ...{ solver, build, result, wall },
    ...(isText(reason) ? { reason } : {}),
    ...(isCount(steps) ? { steps } : {}),
  };
}

/** The record of this key that the text is, or undefined. Takes any text. */
export function readRecord(text: string, key: string): ProofRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (!isObject(value) || value['format'] !== format || value['key'] !== key) return undefined;
  const asking = readAsking(value['asking']);
  const { name, answers: found, model, core } = value;
  if (asking === undefined || keyOf(asking) !== key || !isText(name)) return undefined;
  if (!Array.isArray(found) || found.length > 2 || !maybe(isText, model)) return undefined;
  if (!maybe((names) => Array.isArray(names) && names.every(isText), core)) return undefined;
  const answers = found.map(readAnswer);
  if (!answers.every((answer) => answer !== undefined) || verdictOf(answers) === undefined) return undefined;
  return {
    ...{ name, asking, answers },
    ...(isText(model) ? { model } : {}),
    ...(Array.isArray(core) ? { core: core as string[] } : {}),
  };
}
