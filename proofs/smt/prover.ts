/**
 * The prover: questions as SMT-LIB text in, one result each out, whatever becomes of the solvers.
 *
 * Each text passes the grammar (script.ts) and goes to Z3's WebAssembly build, which comes with this program, so that a
 * proof needs nothing installed. A second solver, where there is one, either steps in when Z3 is at a loss ('rescue': it
 * starts when Z3 gives up, or has been at a question for a while, and whoever answers first ends the other), or answers
 * what Z3 gave up and nothing else ('follow': who says what then depends on no clock), or answers everything as well
 * ('check'). Each knows questions that the other doesn't.
 *
 * Verdicts rest on counts of steps, not on time, so that a slow machine says the same as a fast one. What fails, dies or
 * runs out of anything is `unknown`, with the reason, and never a pass. Two solvers that contradict each other have shown
 * that one of them is wrong: that is `disagreement`, which no caller may take for anything else.
 */
import { type Asking, type ProofRecord, type SecondMode, sha256Of } from './record.ts';
import { type Reading, readScript, type Script } from './script.ts';
import { type Answer, askModel, askSolver, type Solver, solverIdentity } from './solver.ts';
import { defaultSteps } from './steps.ts';
import { findRecord, keepRecord } from './store/files.ts';
import { type Outcome, openPool, type Pool, type Submitted } from './z3/pool.ts';
import { coreCount, defaultMemory, freshWord, pause, startZ3, z3Identity } from './z3/process.ts';
import { type Asked, commandsBefore, meaningOf } from './z3/protocol.ts';

export interface Question {
  /** What is asked, in words that can be shown. */
  readonly name: string;
  /** SMT-LIB as script.ts allows it. */
  readonly text: string;
  /** The answer that is hoped for: `unsat` of a negated goal, `sat` of assumptions that must be possible. */
  readonly expect: 'unsat' | 'sat';
  /** Whether a model is wanted when the answer is `sat`: of everything, or values of these constants of the text. */
  readonly model?: boolean | readonly string[];
  /** Whether the named assertions that an `unsat` rests on are wanted. */
  readonly core?: boolean;
  /** Steps for this question instead of the prover's. */
  readonly steps?: number;
}

export interface SolverAnswer {
  readonly solver: 'z3' | 'cvc5';
  /** The exact version, as the solver prints it. */
  readonly build: string;
  readonly result: 'sat' | 'unsat' | 'unknown';
  /** Why it is unknown. */
  readonly reason?: string;
  /** Z3's resource units spent; the same each time. */
  readonly steps?: number;
  /** Milliseconds. */
  readonly wall: number;
}

export type Status = 'proved' | 'refuted' | 'unknown' | 'disagreement';

export interface Result {
  readonly name: string;
  readonly expect: 'unsat' | 'sat';
  /** Proved: the answer is the expected one; refuted: the opposite. */
  readonly status: Status;
  /** Why it is unknown, or who disagrees. */
  readonly reason?: string;
  /** SHA-256 of the text, in hexadecimal. */
  readonly sha256: string;
  readonly answers: readonly SolverAnswer[];
  /** A solver's text, for people: no verdict rests on it. */
  readonly model?: string;
  readonly core?: readonly string[];
  /** True when a record was believed and no solver was asked. */
  readonly cached?: true;
  /** Of a decided question, when the prover is to make records. */
  readonly record?: ProofRecord;
}

/**
 * A folder of records (record.ts). One that is sealed with the secret is believed; all others are as good as absent, and
 * without a secret nothing is believed.
 */
export interface ProofCache {
  readonly folder: string;
  readonly secret?: Uint8Array;
  /** What z3Identity says, for callers that know it already. */
  readonly identity?: () => string;
}

export interface ProverOptions {
  /** Z3 workers; as many as there are cores. */
  readonly workers?: number;
  /** Z3's resource units for each question; a second solver gets a tenth as many of its own, which are larger. */
  readonly steps?: number;
  readonly seed?: number;
  /** Milliseconds for each question; only a safeguard. */
  readonly time?: number;
  /** MiB of a worker's Z3; its process needs about 220 more. */
  readonly memory?: number;
  /** `headStart`: milliseconds that Z3 may think alone before one that rescues joins. */
  readonly second?: { readonly solver: Solver; readonly mode: SecondMode; readonly headStart?: number };
  /** Where decided answers are kept. */
  readonly cache?: ProofCache;
  /** Whether results bring records along: evidence for somebody else. */
  readonly records?: boolean;
  /** Path of another worker script; for tests. */
  readonly workerScript?: string;
  /** Workers that several provers share, instead of some of its own; who opened them closes them. */
  readonly pool?: Pool;
}

export interface Counts {
  /** Questions that solvers were asked. */
  readonly asked: number;
  /** Workers started, and how many of them were lost; of shared ones, by all that share them. */
  readonly started: number;
  readonly lost: number;
  /** Bytes of the largest worker's process. */
  readonly resident: number;
  /** Records that were believed, kept, and that the folder did not take. */
  readonly believed: number;
  readonly kept: number;
  readonly notKept: number;
}

export interface Prover {
  /**
   * Results come in the order of the questions; `onResult` hears each when it is there. Rejects only when there is a
   * cache and the solver's build cannot be read ('tool').
   */
  ask(questions: readonly Question[], onResult?: (result: Result, done: number) => void): Promise<Result[]>;
  counts(): Counts;
  /** Ends the workers. */
  close(): void;
}

/** Ending a worker costs about a second of another's start, so Z3 has as much. */
const defaultHeadStart = 1_000;

const isDecided = ({ result }: { readonly result: string }): boolean => result !== 'unknown';

/** What answers mean together, for a question that expects `expect`. */
export function statusOf(expect: 'unsat' | 'sat', answers: readonly SolverAnswer[]): Pick<Result, 'status' | 'reason'> {
  const results = new Set(answers.filter(isDecided).map(({ result }) => result));
  if (results.size > 1) {
    const said = answers.filter(isDecided).map(({ build, result }) => `${build} says ${result}`);
    return { status: 'disagreement', reason: `${said.join(', ')}; one of them is wrong, so use neither` };
  }
  if (results.has(expect)) return { status: 'proved' };
  if (results.size === 1) return { status: 'refuted' };
  const reason = answers.map((answer) => `${answer.solver}: ${answer.reason}`).join('; ');
  return { status: 'unknown', reason: reason || 'no solver was asked' };
}

/** Runs at most `width` at a time. */
function limited(width: number): <T>(task: () => Promise<T>) => Promise<T> {
  let free = width;
  const waiting: (() => void)[] = [];
  return async (task) => {
    if (free > 0) free--;
    else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  };
}

/** The command that shows what is wanted of a model; undefined when nothing is. */
function showCommand(model: Question['model']): string | undefined {
  if (model === undefined || model === false) return undefined;
  if (model === true) return '(get-model)';
  return model.length === 0 ? undefined : `(get-value (${model.join(' ')}))`;
}

/** What is wanted of this text: names that it does not declare, and cores of nothing, are left out. */
function settle(wanted: Wanted, model: Question['model'], { constants, named }: Script): Wanted {
  const known = Array.isArray(model) ? model.filter((name) => constants.includes(name)) : model;
  const { model: _, ...rest } = wanted;
  const show = showCommand(known);
  return { ...rest, cores: wanted.cores && named.length > 0, ...(show === undefined ? {} : { model: show }) };
}

/** What solvers said, and showed. */
interface Found {
  readonly answers: readonly SolverAnswer[];
  readonly model?: string;
  readonly core?: readonly string[];
}

/** What is asked, but for who is asked. */
type Wanted = Omit<Asking, 'z3' | 'second'>;

/** The fields that are there. */
function maybe<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T as never;
}

const coreNames = (text: string): string[] => text.match(/\|[^|]*\||[^\s()]+/g) ?? [];

const defaultTime = 60_000;

/** Opens workers for provers that share them: an answer depends on nothing that its worker was asked before. */
export function openWorkers(options: Pick<ProverOptions, 'workers' | 'time' | 'memory' | 'workerScript'> = {}): Pool {
  const { workers = coreCount(), time = defaultTime, memory = defaultMemory, workerScript: script } = options;
  return openPool(workers, time, () => startZ3({ memory, ...(script === undefined ? {} : { script }) }));
}

/** Opens a prover; nothing is started before the first question. Close it when done. */
export function openProver(options: ProverOptions = {}): Prover {
  const { seed = 0, time = defaultTime, second, cache } = options;
  const width = options.workers ?? coreCount();
  const script = options.workerScript;
  const pool = options.pool ?? openWorkers(options);
  const inTurn = limited(width);
  let resident = 0;
  const records = { asked: 0, believed: 0, kept: 0, notKept: 0 };
  let identity: string | undefined;
  let other: Pick<Asking, 'second'> | undefined;

  /** What Z3 makes of a text, with what it showed besides. */
  const z3Answer = async (
    word: string,
    outcome: Promise<Outcome>,
  ): Promise<{ readonly answer: SolverAnswer; readonly more?: string }> => {
    const said = await outcome;
    if ('gone' in said) {
      return { answer: { solver: 'z3', build: 'Z3', result: 'unknown', reason: said.gone, wall: 0 } };
    }
    resident = Math.max(resident, said.resident);
    const answer = { solver: 'z3' as const, build: said.version, ...meaningOf(said.output, word), wall: said.wall };
    return { answer, ...(said.more === undefined ? {} : { more: said.more }) };
  };

  const secondAnswer = async (text: string, steps: number, signal?: AbortSignal): Promise<SolverAnswer | undefined> => {
    if (second === undefined) return undefined;
    const said: Answer = await inTurn(() => askSolver(second.solver, text, { steps, time, seed }, signal));
    const { result, reason, wall = 0 } = said;
    const build = second.solver.version;
    return { solver: second.solver.name, build, result, ...(reason === undefined ? {} : { reason }), wall };
  };

  /** Z3 first; the second solver when Z3 gives up or takes long. Whoever answers first ends the other. */
  const rescue = async (
    text: string,
    steps: number,
    submitted: Submitted,
    z3: Promise<SolverAnswer>,
  ): Promise<SolverAnswer[]> => {
    const over = new AbortController();
    const answered = new AbortController();
    const first = z3.then((answer) => {
      answered.abort();
      if (isDecided(answer)) over.abort();
      return answer;
    });
    if (second?.mode === 'follow') await first;
    await submitted.started;
    await pause(second?.headStart ?? defaultHeadStart, answered.signal);
    if (over.signal.aborted) return [await first];
    const other = await secondAnswer(text, steps, over.signal);
    if (other !== undefined && isDecided(other)) submitted.cancel(`${other.solver} answered first`);
    const answer = await first;
    // One that was stopped has said nothing.
    return other === undefined || (over.signal.aborted && !isDecided(other)) ? [answer] : [answer, other];
  };

  /** What solvers say and show of a text that the grammar allows. */
  const askAll = async (text: string, { steps, cores, model: show }: Wanted): Promise<Found> => {
    const word = freshWord();
    records.asked++;
    const asked: Asked = {
      ...{ text, before: commandsBefore({ steps, seed, cores }), word },
      ...(show === undefined ? {} : { whenSat: show }),
      ...(cores ? { whenUnsat: '(get-unsat-core)' } : {}),
    };
    const submitted = pool.submit(asked);
    const said = z3Answer(word, submitted.outcome);
    const z3 = said.then(({ answer }) => answer);
    const answers =
      second?.mode === 'rescue' || second?.mode === 'follow'
        ? await rescue(text, steps, submitted, z3)
        : (await Promise.all([z3, secondAnswer(text, steps)])).filter((answer) => answer !== undefined);
    const { answer, more } = await said;
    if (answer.result === 'unsat') return { answers, ...maybe({ core: more === undefined ? more : coreNames(more) }) };
    if (answer.result === 'sat') return { answers, ...maybe({ model: more }) };
    const others = second !== undefined && show !== undefined && answers.some(({ result }) => result === 'sat');
    const model = others ? await askModel(second.solver, text, show, { steps, time, seed }) : undefined;
    return { answers, ...maybe({ model }) };
  };

  const askingOf = (wanted: Wanted): Asking => {
    identity ??= cache?.identity?.() ?? z3Identity(script);
    // By its bytes too: another program can print the same version.
    other ??= second === undefined ? {} : { second: { version: solverIdentity(second.solver), mode: second.mode } };
    return { ...wanted, z3: identity, ...other };
  };

  const recall = (wanted: Wanted): ProofRecord | undefined => {
    if (cache?.secret === undefined) return undefined;
    const record = findRecord(cache.folder, askingOf(wanted), cache.secret);
    if (record !== undefined) records.believed++;
    return record;
  };

  const keep = (record: ProofRecord, text: string): void => {
    if (cache === undefined) return;
    if (keepRecord(cache.folder, record, text, cache.secret)) records.kept++;
    else records.notKept++;
  };

  const decide = async (question: Question): Promise<Result> => {
    const { name, text, expect, steps = options.steps ?? defaultSteps } = question;
    const sha256 = sha256Of(text);
    const show = showCommand(question.model);
    const wanted = {
      sha256,
      steps,
      seed,
      cores: question.core === true,
      ...(show === undefined ? {} : { model: show }),
    };
    // What we have sealed ourselves has been read before it was asked.
    const known = recall(wanted);
    const reading: Reading | undefined = known === undefined ? readScript(text) : undefined;
    if (reading !== undefined && 'problem' in reading) {
      return { name, expect, sha256, status: 'unknown', reason: `not asked: ${reading.problem}`, answers: [] };
    }
    const { answers, model, core } = known ?? (await askAll(text, settle(wanted, question.model, reading!.script)));
    const verdict = statusOf(expect, answers);
    const decided = verdict.status === 'proved' || verdict.status === 'refuted';
    const record =
      decided && (options.records === true || (known === undefined && cache !== undefined))
        ? { asking: askingOf(wanted), name, answers, ...maybe({ model, core }) }
        : undefined;
    if (known === undefined && record !== undefined) keep(record, text);
    return {
      ...{ name, expect, sha256, ...verdict, answers },
      ...maybe({ model, core }),
      ...(known === undefined ? {} : { cached: true as const }),
      ...(options.records === true && record !== undefined ? { record } : {}),
    };
  };

  const ask: Prover['ask'] = (questions, onResult) => {
    let done = 0;
    return Promise.all(
      questions.map(async (question) => {
        const result = await decide(question);
        onResult?.(result, ++done);
        return result;
      }),
    );
  };

  const close = (): void => {
    if (options.pool === undefined) pool.close();
  };
  return { ask, counts: () => ({ ...pool.counts(), resident, ...records }), close };
}
