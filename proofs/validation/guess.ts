/**
 * Which claims about loops hold: each begins with its first candidate, and gives it up for the next one when a way to the
 * cut shows that it does not, on numbers (sampling.ts) or to a solver. What is left at the end is inductive, or the
 * questions of simulate.ts say that it is not.
 */
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import type { Cut } from './cuts.ts';
import { type Claim, claimGoal, held } from './cuts.ts';
import type { Effort } from './effort.ts';
import type { Entry } from './entry.ts';
import { createTrial, hintsIn } from './sampling.ts';
import { type Claims, meetingsOf, type Simulation, simulate, type Way } from './simulate.ts';
import type { Subject } from './subject.ts';
import { undecided } from './undecided.ts';

const TRIALS = 120;
/** So many more, as long as fewer than `FEW` meet what they must. */
const MOST_TRIALS = 1500;
const FEW = 6;
const MOST_ROUNDS = 60;

type Trial = ReturnType<typeof createTrial>;

/** Trials that meet all conditions. */
function trialsThatMeet(conditions: readonly Term[], effort: Effort): Trial[] {
  const hints = hintsIn(t.all(conditions));
  const found: Trial[] = [];
  for (let i = 0; i < TRIALS || (i < MOST_TRIALS && found.length < FEW); i++) {
    const trial = createTrial(i, hints, effort);
    if (conditions.every((condition) => trial(condition) === true)) found.push(trial);
  }
  return found;
}

/** Trials that go both sides' way. */
const trialsOf = ({ entry, given, effort }: Simulation, { machine, source }: Way): Trial[] =>
  trialsThatMeet(
    [...machine.conditions, ...source.conditions, ...source.assumptions, ...given, ...entry.assumptions],
    effort,
  );

/** A stop at which both sides differ on numbers, by name. */
export function differing(simulation: Simulation): string | undefined {
  return meetingsOf(simulation).find(({ assumptions, sides }) =>
    sides.some(({ premise, goals }) => !holdsOn(goals, trialsThatMeet([...assumptions, premise], simulation.effort))),
  )?.name;
}

interface Tried {
  readonly way: Way;
  readonly trials: readonly Trial[];
}

const holdsOn = (goals: readonly Term[], trials: readonly Trial[]): boolean =>
  goals.every((goal) => trials.every((trial) => trial(goal) === true));

/** Whether a candidate may be so, as far as trials of the ways to its cut say. */
function isPlausible(claim: Claim, candidate: number, simulation: Simulation, tried: readonly Tried[]): boolean {
  return tried.every(({ way, trials }) => {
    const { machine, source } = way;
    const other = { ...claim, chosen: candidate };
    if (holdsOn(claimGoal(other, machine, source), trials)) return true;
    if (!way.isRound) return false;
    // It may step along: as far as the location went in this round, from what it was taken for.
    const start = simulation.cuts.get(way.cut)!.source;
    const [found, now] = [held(machine, claim.location), claim.candidates[claim.chosen]?.(start)];
    if (found === undefined || now === undefined) return false;
    const wanted = claim.candidates[candidate];
    const [before, after] = [wanted(start), wanted(source)];
    const width = BigInt(t.bitsOf(found));
    return trials.every(
      (trial) =>
        BigInt.asUintN(Number(width), (trial(found) as bigint) - (trial(now) as bigint)) ===
        BigInt.asUintN(Number(width), (trial(after) as bigint) - (trial(before) as bigint)),
    );
  });
}

/** The next candidate that may be so; the number of candidates where there is none. */
function nextOf(claim: Claim, simulation: Simulation, tried: readonly Tried[]): number {
  let next = claim.chosen + 1;
  while (next < claim.candidates.length && !isPlausible(claim, next, simulation, tried)) next++;
  return next;
}

/** Goes on to the next candidate that may be so. */
export function giveUp(claim: Claim, simulation: Simulation, tried: readonly Tried[]): void {
  claim.chosen = nextOf(claim, simulation, tried);
}

/**
 * Goes on with each claim that does not hold on numbers; false where all do. As long as others go on, one without a
 * candidate waits: what it is depends on them.
 */
function advance(claims: readonly Claim[], simulation: Simulation, tried: readonly Tried[]): boolean {
  const failing = claims.filter((claim) =>
    tried.some(({ way, trials }) => !holdsOn(claimGoal(claim, way.machine, way.source), trials)),
  );
  const next = failing.map((claim) => nextOf(claim, simulation, tried));
  const canGoOn = failing.some(({ candidates }, i) => next[i] < candidates.length);
  for (const [i, claim] of failing.entries()) if (!canGoOn || next[i] < claim.candidates.length) claim.chosen = next[i];
  return failing.length > 0;
}

export const triedWays = (simulation: Simulation, cut: number): Tried[] =>
  simulation.ways.filter((way) => way.cut === cut).map((way) => ({ way, trials: trialsOf(simulation, way) }));

/** Ways that no trial goes. */
export const untriedWays = (simulation: Simulation): Way[] =>
  simulation.ways.filter((way) => trialsOf(simulation, way).length === 0);

/** The segments with claims that hold on numbers. */
export function settle(
  subject: Subject,
  entry: Entry,
  cuts: readonly Cut[],
  claims: Claims,
  effort: Effort,
): Simulation {
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const simulation = simulate(subject, entry, cuts, claims, effort);
    let isSettled = true;
    for (const { number } of cuts) {
      // Of later loops other things are to be said, now.
      if (!isSettled) claims.delete(number);
      else isSettled = !advance(claims.get(number) ?? [], simulation, triedWays(simulation, number));
    }
    if (isSettled) return simulation;
  }
  return undecided('a loop in which too much changes');
}
