/**
 * Records: what solvers said of a text, kept so that it can be looked up and checked again.
 *
 * A record's name is the SHA-256 of everything that an answer depends on: the text, the solvers' exact builds, and every
 * setting. (Other tools' caches, keyed on less, have given wrong verdicts.) Beside it lies the text under its own hash,
 * so that anyone can ask again (replay.ts). Nothing in a record depends on the machine or the hour: who asks the same
 * writes the same.
 *
 * A record vouches for nothing by itself: whoever can write to its folder can write whatever it likes. A seal, a keyed
 * hash of all that a record says, shows that the owner of a secret wrote it; to everyone else it is a hint. So reading
 * is strict, and what is not exactly a record of this key is no record.
 */
import { createHash, createHmac, timingSafeEqual } from '../../base/node.ts';
import type { SolverAnswer } from './prover.ts';

const format = 'casemate-proof-1';

/** When a second solver is asked (prover.ts). */
export type SecondMode = 'rescue' | 'follow' | 'check';

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
  readonly second?: { readonly version: string; readonly mode: SecondMode };
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

/** The fields of a record in one order, whoever made it; times are left out. */
function fieldsOf({ name, asking, answers, model, core }: ProofRecord): object {
  const said = answers.map(({ solver, build, result, reason, steps }) => ({ solver, build, result, reason, steps }));
  const { sha256, z3, steps, seed, cores, model: show, second } = asking;
  const other = second && { version: second.version, mode: second.mode };
  return {
    ...{ format, key: keyOf(asking), name },
    ...{ asking: { sha256, z3, steps, seed, cores, model: show, second: other }, answers: said, model, core },
  };
}

function sealOf(record: ProofRecord, secret: Uint8Array): Buffer {
  return createHmac('sha256', secret)
    .update(JSON.stringify(fieldsOf(record)))
    .digest();
}

/** A record as a file holds it, sealed if there is a secret. */
export function writeRecord(record: ProofRecord, secret?: Uint8Array): string {
  const seal = secret && { seal: sealOf(record, secret).toString('hex') };
  return `${JSON.stringify({ ...fieldsOf(record), ...seal }, undefined, 1)}\n`;
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
  return mode === 'rescue' || mode === 'follow' || mode === 'check'
    ? { ...asking, second: { version, mode } }
    : undefined;
}

function readAnswer(value: unknown): SolverAnswer | undefined {
  if (!isObject(value)) return undefined;
  const { solver, build, result, reason, steps } = value;
  if ((solver !== 'z3' && solver !== 'cvc5') || !isText(build)) return undefined;
  if (result !== 'sat' && result !== 'unsat' && result !== 'unknown') return undefined;
  if (!maybe(isText, reason) || !maybe(isCount, steps)) return undefined;
  return {
    ...{ solver, build, result, wall: 0 },
    ...(isText(reason) ? { reason } : {}),
    ...(isCount(steps) ? { steps } : {}),
  };
}

function readFields(value: unknown, key: string): ProofRecord | undefined {
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

/** The record of this key that the text is, or undefined; with a secret, only one that it has sealed. Takes any text. */
export function readRecord(text: string, key: string, secret?: Uint8Array): ProofRecord | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  const record = readFields(value, key);
  if (record === undefined || secret === undefined) return record;
  const { seal } = value as Fields;
  return isHash(seal) && timingSafeEqual(Buffer.from(seal, 'hex'), sealOf(record, secret)) ? record : undefined;
}
