/**
 * Translation validation: whether the linked code of a function does what the source says, for all inputs that its
 * preconditions and types allow.
 *
 * Both sides are executed over the same variables (entry.ts, source.ts, machine.ts), from stop to stop: calls, rounds of
 * loops (cuts.ts), the return. For each stop that the code may come to one question is asked: on every way through the
 * source that goes with it, is the source at the same stop, with the same result or the same call, is every byte of the
 * caller's arrays and objects the same, was each access where it may be, and are the stack pointer and the registers that a callee keeps as
 * they were (matching.ts)? When all are answered yes, the function is validated: compilers, linkers and whoever patched
 * the code need not be believed for it. The verdict is about this function alone: that its callees do what their source
 * says is what theirs are about, or is assumed. What is not understood, or not answered, leaves a function undecided. That
 * it is refuted is for a run to show (replay.ts): a solver's no may come of an assumption that was left out.
 */
import type { Loop } from '../../analyzers/ir.ts';
import type { Query } from '../smt/print.ts';
import { type Cut, claimGoal } from './cuts.ts';
import { createEffort, defaultLimits, type Effort, Exhausted, type Limits } from './effort.ts';
import { entryOf } from './entry.ts';
import { differing, giveUp, settle, triedWays, untriedWays } from './guess.ts';
import { loopHeads, sourceLoops } from './loop-heads.ts';
import { needed } from './matching.ts';
import { findWitness, type Witness } from './replay.ts';
import {
  type Claims,
  calleesIn,
  claimQuestion,
  meetingsOf,
  programOf,
  questionOf,
  type Simulation,
  shapeQuestions,
  vacuityQuestions,
  type Way,
} from './simulate.ts';
import { conjuncts } from './source.ts';
import type { Subject } from './subject.ts';
import { arraysUsed } from './tables.ts';
import { Undecided } from './undecided.ts';

interface Validated {
  readonly questions: number;
  /** Keys of the functions whose own code is taken for what their source says, and which were not followed. */
  readonly callees: readonly string[];
}

export type Verdict =
  | ({ readonly status: 'validated' } & Validated)
  | { readonly status: 'refuted'; readonly witness: Witness }
  | { readonly status: 'undecided'; readonly reason: string };

/** Inputs that are tried before a function stays undecided. */
const TRIES = 300;
/** Rounds in which solvers find claims about loops that do not hold. */
const MOST_ROUNDS = 8;
/** Ways to pair loops with loops. */
const MOST_PLANS = 12;

/** Says of each question whether its goal follows. */
export type AskQueries = (queries: readonly Query[]) => Promise<readonly ('proved' | 'refuted' | 'unknown')[]>;

/** How the loops of both sides may go together, the likeliest first. */
function plansOf({ function: fn, code, start }: Subject): (readonly Cut[])[] {
  const [loops, heads] = [sourceLoops(fn), loopHeads(code, start)];
  const pairs = pairings(loops, heads);
  const plans = pairs.flatMap((pairing) =>
    pairing.reduce<(readonly Cut[])[]>(
      (before, { loop, head }, number) =>
        before.flatMap((cuts) => waysToCut(loop).map((way) => [...cuts, { number, loop, head, ...way }])),
      [[]],
    ),
  );
  return plans.slice(0, MOST_PLANS);
}

/** Behind all conditions, as loops are turned around, or fewer; and the same behind a first round that stands before it. */
function waysToCut({ condition }: Loop): Pick<Cut, 'conditions' | 'peeled'>[] {
  const most = conjuncts(condition).length;
  return [false, true].flatMap((peeled) =>
    Array.from({ length: most + 1 }, (_, i) => ({ peeled, conditions: most - i })),
  );
}

interface Pair {
  readonly loop: Loop;
  readonly head: number;
}

/** Pairs that keep the order of both, as many as there can be; the others are run round by round. */
function pairings(loops: readonly Loop[], heads: readonly number[]): (readonly Pair[])[] {
  if (loops.length === 0 || heads.length === 0) return [[]];
  const [loop, ...laterLoops] = loops;
  if (heads.length > loops.length)
    return heads.slice(0, heads.length - loops.length + 1).flatMap((head, i) =>
      pairings(laterLoops, heads.slice(i + 1))
        .filter((rest) => rest.length === laterLoops.length)
        .map((rest) => [{ loop, head }, ...rest]),
    );
  const taken = pairings(laterLoops, heads.slice(1)).map((rest) => [{ loop, head: heads[0] }, ...rest]);
  const left = laterLoops.length >= heads.length ? pairings(laterLoops, heads) : [];
  return [...taken, ...left];
}

type Attempt = Validated | { readonly undecided: string };

async function attempt(subject: Subject, cuts: readonly Cut[], ask: AskQueries, effort: Effort): Promise<Attempt> {
  const claims: Claims = new Map();
  const program = programOf(subject.program);
  const arrays = arraysUsed(program, subject.function);
  const tables = (subject.code.tables ?? []).filter(({ table }) => arrays.has(table.variable.id));
  const entry = entryOf(subject.function, subject.code.machine, program.used, tables);
  for (let round = 0; ; round++) {
    const simulation = settle(subject, entry, cuts, claims, effort);
    if (cuts.length > 0 && round === 0) {
      const kinds = await ask(shapeQuestions(simulation));
      if (kinds.some((answer) => answer !== 'proved')) return { undecided: 'its loops go otherwise' };
    }
    // What numbers say nothing of is for solvers.
    const untried = untriedWays(simulation);
    if (round < MOST_ROUNDS && (await giveUpRefuted(simulation, untried, claims, ask))) continue;
    const different = cuts.length > 0 ? differing(simulation) : undefined;
    if (different !== undefined) return { undecided: `${different}: not the same` };
    const meetings = meetingsOf(simulation);
    const answers = await ask(meetings.map(questionOf));
    if (answers.length !== meetings.length || meetings.length === 0)
      return { undecided: 'not every question was answered' };
    const open = meetings.filter((_, i) => answers[i] !== 'proved');
    if (open.length === 0) {
      if (await isVacuous(simulation, ask)) return { undecided: 'nothing is known to get through it' };
      return { questions: meetings.length, callees: calleesIn(simulation) };
    }
    // Where all claims hold, less of them helps nothing.
    const atCuts = new Set(open.filter(({ stop }) => stop.kind === 'cut').map(({ stop: { state } }) => state));
    const ways = simulation.ways.filter(({ machine }) => atCuts.has(machine));
    if (round === MOST_ROUNDS || !(await giveUpRefuted(simulation, ways, claims, ask))) {
      const why = answers.includes('refuted') ? 'not the same for all inputs' : 'no solver decides it';
      return { undecided: `${open[0].name}: ${why}` };
    }
  }
}

/**
 * Whether some segment may have no way through it at all. From assumptions that contradict each other everything follows,
 * so that one of them that is wrong would validate any code.
 */
async function isVacuous(simulation: Simulation, ask: AskQueries): Promise<boolean> {
  for (const questions of vacuityQuestions(simulation)) {
    let isReached = false;
    // One way is enough, and most are found at once.
    for (const question of questions) {
      const [answer] = await ask([question]);
      isReached ||= answer === 'refuted';
      if (isReached) break;
    }
    if (!isReached) return true;
  }
  return false;
}

/** Gives up the claims that do not follow on some way; false where all do. */
async function giveUpRefuted(
  simulation: Simulation,
  ways: readonly Way[],
  claims: Claims,
  ask: AskQueries,
): Promise<boolean> {
  const asked = [...claims].flatMap(([number, own]) =>
    ways
      .filter(({ cut }) => cut === number)
      .flatMap((way) =>
        own.flatMap((claim) =>
          needed(claimGoal(claim, way.machine, way.source)).map((goal) => ({
            claim,
            query: claimQuestion(simulation, way, goal),
          })),
        ),
      ),
  );
  const answers = await ask(asked.map(({ query }) => query));
  const failed = new Set(asked.filter((_, i) => answers[i] !== 'proved').map(({ claim }) => claim));
  let isOther = false;
  for (const [number, own] of claims) {
    // Of later loops other things are to be said, now.
    if (isOther) claims.delete(number);
    isOther ||= own.some((claim) => failed.has(claim));
    const tried = triedWays(simulation, number);
    for (const claim of own) if (failed.has(claim)) giveUp(claim, simulation, tried);
  }
  return failed.size > 0;
}

/** Why a function is not validated; how many questions were answered when it is. */
async function judge(subject: Subject, ask: AskQueries, limits: Limits): Promise<Attempt> {
  const { function: fn } = subject;
  if (fn.body === undefined) return { undecided: 'it has no body' };
  if (fn.throws.length > 0) return { undecided: 'it throws' };
  let first: Attempt | undefined;
  const effort = createEffort(limits);
  const askCounted: AskQueries = (queries) => {
    effort.question(queries.length);
    return ask(queries);
  };
  for (const cuts of plansOf(subject)) {
    let found: Attempt;
    try {
      found = await attempt(subject, cuts, askCounted, effort);
    } catch (error) {
      if (!(error instanceof Undecided)) throw error;
      if (error instanceof Exhausted) return { undecided: error.message };
      found = { undecided: error.message };
    }
    if ('questions' in found) return found;
    first ??= found;
  }
  return first ?? { undecided: 'its loops have no pairs' };
}

/** The verdict on a function. What is not validated is tried on drawn inputs, the same ones each time. */
export async function validate(subject: Subject, ask: AskQueries, limits: Limits = defaultLimits): Promise<Verdict> {
  const found = await judge(subject, ask, limits);
  if ('questions' in found) return { status: 'validated', ...found };
  const witness = findWitness(subject, TRIES);
  return witness === undefined ? { status: 'undecided', reason: found.undecided } : { status: 'refuted', witness };
}
