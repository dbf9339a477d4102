/**
 * The prover: questions as SMT-LIB text in, one result each out, whatever becomes of the solvers.
 *
 * Each text passes the grammar (script.ts) and goes to Z3's WebAssembly build, which comes with this program, so that a
 * proof needs nothing installed. A second solver, where there is one, either steps in when Z3 is at a loss ('rescue': it
 * starts when Z3 gives up, or has been at a question for a while, and whoever answers first ends the other) or answers
 * everything as well ('check'). Each knows questions that the other doesn't.
 *
 * Verdicts rest on counts of steps, not on time, so that a slow machine says the same as a fast one. What fails, dies or
 * runs out of anything is `unknown`, with the reason, and never a pass. Two solvers that contradict each other have shown
 * that one of them is wrong: that is `disagreement`, which no caller may take for anything else.
 */
import { createHash } from '../../base/node.ts';
import { readScript, type Script } from './script.ts';
import { type Answer, askModel, askSolver, type Solver } from './solver.ts';
import { type Outcome, openPool, type Submitted } from './z3/pool.ts';
import { coreCount, defaultMemory, freshWord, pause, startZ3 } from './z3/process.ts';
import { type Asked, commandsBefore, meaningOf, type Settings } from './z3/protocol.ts';

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
  readonly second?: { readonly solver: Solver; readonly mode: 'rescue' | 'check' };
  /** Path of another worker script; for tests. */
  readonly workerScript?: string;
}

export interface Prover {
  /** Results come in the order of the questions; `onResult` hears each when it is there. */
  ask(questions: readonly Question[], onResult?: (result: Result, done: number) => void): Promise<Result[]>;
  counts(): { readonly started: number; readonly lost: number /** Bytes */; readonly resident: number };
  /** Ends the workers. */
  close(): void;
}

export const defaultSteps = 2_000_000;

/** Milliseconds that Z3 may think alone before a second solver joins. */
const headStart = 250;

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
function modelCommand({ model }: Question, { constants }: Script): string | undefined {
  if (model === undefined || model === false) return undefined;
  if (model === true) return '(get-model)';
  const known = model.filter((name) => constants.includes(name));
  return known.length === 0 ? undefined : `(get-value (${known.join(' ')}))`;
}

const coreNames = (text: string): string[] => text.match(/\|[^|]*\||[^\s()]+/g) ?? [];

/** Opens a prover; nothing is started before the first question. Close it when done. */
export function openProver(options: ProverOptions = {}): Prover {
  const { steps = defaultSteps, seed = 0, time = 60_000, memory = defaultMemory, second } = options;
  const width = options.workers ?? coreCount();
  const script = options.workerScript;
  const pool = openPool(width, time, () => startZ3({ memory, ...(script === undefined ? {} : { script }) }));
  const inTurn = limited(width);
  let resident = 0;

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

  const secondAnswer = async (text: string, signal?: AbortSignal): Promise<SolverAnswer | undefined> => {
    if (second === undefined) return undefined;
    const said: Answer = await inTurn(() => askSolver(second.solver, text, { steps, time, seed }, signal));
    const { result, reason, wall = 0 } = said;
    const build = second.solver.version;
    return { solver: second.solver.name, build, result, ...(reason === undefined ? {} : { reason }), wall };
  };

  /** Z3 first; the second solver when Z3 gives up or takes long. Whoever answers first ends the other. */
  const rescue = async (text: string, submitted: Submitted, z3: Promise<SolverAnswer>): Promise<SolverAnswer[]> => {
    const over = new AbortController();
    const answered = new AbortController();
    const first = z3.then((answer) => {
      answered.abort();
      if (isDecided(answer)) over.abort();
      return answer;
    });
    await submitted.started;
    await pause(headStart, answered.signal);
    if (over.signal.aborted) return [await first];
    const other = await secondAnswer(text, over.signal);
    if (other !== undefined && isDecided(other)) submitted.cancel(`${other.solver} answered first`);
    const answer = await first;
    // One that was stopped has said nothing.
    return other === undefined || (over.signal.aborted && !isDecided(other)) ? [answer] : [answer, other];
  };

  const decide = async (question: Question): Promise<Result> => {
    const { name, text, expect } = question;
    const sha256 = createHash('sha256').update(text).digest('hex');
    const reading = readScript(text);
    if ('problem' in reading) {
      return { name, expect, sha256, status: 'unknown', reason: `not asked: ${reading.problem}`, answers: [] };
    }
    const cores = question.core === true && reading.script.named.length > 0;
    const settings: Settings = { steps, seed, cores };
    const word = freshWord();
    const show = modelCommand(question, reading.script);
    const asked: Asked = {
      text,
      before: commandsBefore(settings),
      word,
      ...(show === undefined ? {} : { whenSat: show }),
      ...(cores ? { whenUnsat: '(get-unsat-core)' } : {}),
    };
    const submitted = pool.submit(asked);
    const said = z3Answer(word, submitted.outcome);
    const z3 = said.then(({ answer }) => answer);
    const answers =
      second?.mode === 'rescue'
        ? await rescue(text, submitted, z3)
        : (await Promise.all([z3, secondAnswer(text)])).filter((answer) => answer !== undefined);
    const { answer, more } = await said;
    const model =
      answer.result === 'sat'
        ? more
        : show !== undefined && second !== undefined && answers.some(({ result }) => result === 'sat')
          ? await askModel(second.solver, text, show, { steps, time, seed })
          : undefined;
    return {
      name,
      expect,
      sha256,
      ...statusOf(expect, answers),
      answers,
      ...(model === undefined ? {} : { model }),
      ...(answer.result === 'unsat' && more !== undefined ? { core: coreNames(more) } : {}),
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

  return { ask, counts: () => ({ ...pool.counts(), resident }), close: pool.close };
}
