/**
 * A function from stop to stop, in segments: one from its entry, one from each loop that is cut. What comes of it are
 * questions, one for each stop of the machine; and for each way to a cut what each claim there asks, by itself.
 */
import type { Program } from '../../analyzers/ir.ts';
import type { Query } from '../smt/print.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { assumptionsOf } from './clauses.ts';
import { type Claim, type Cut, type CutState, claimsOf, cutState, segmentOf } from './cuts.ts';
import type { Effort } from './effort.ts';
import type { Entry } from './entry.ts';
import type { SourceState } from './expressions.ts';
import { entryState, machineStops } from './machine.ts';
import type { MachineState } from './machine-memory.ts';
import { needed, sameStop } from './matching.ts';
import { type SourceProgram, type SourceStop, sourceStops } from './source.ts';
import type { Subject } from './subject.ts';
import { undecided } from './undecided.ts';
import { usedWords } from './unused.ts';
import type { MachineStop } from './walk.ts';

/** The name of the segment from the entry. */
const ENTRY = 's';

/** What both sides do from one place on. */
interface Segment {
  readonly name: string;
  readonly machine: readonly MachineStop[];
  readonly source: readonly SourceStop[];
}

/** A way of both sides to a cut. */
export interface Way {
  readonly cut: number;
  readonly machine: MachineState;
  readonly source: SourceState;
  /** Whether it begins at the same cut. */
  readonly isRound: boolean;
}

export interface Simulation {
  readonly subject: Subject;
  readonly entry: Entry;
  readonly cuts: ReadonlyMap<number, CutState>;
  readonly segments: readonly Segment[];
  readonly given: readonly Term[];
  readonly ways: readonly Way[];
  readonly effort: Effort;
}

const programs = new WeakMap<Program, SourceProgram>();

/** A program by keys; made once of each. */
export function programOf(program: Program): SourceProgram {
  const known = programs.get(program);
  if (known !== undefined) return known;
  const { functions } = program;
  const made = {
    byKey: new Map(functions.map((one) => [one.key, one])),
    places: new Map(functions.map(({ key }, i) => [key, i])),
    used: usedWords(functions),
  };
  programs.set(program, made);
  return made;
}

const sameHistory = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((key, i) => key === b[i]);

function waysOf({ name, machine, source }: Segment): Way[] {
  return machine.flatMap((ours) =>
    ours.kind !== 'cut'
      ? []
      : source.flatMap((theirs): Way[] =>
          theirs.kind === 'cut' && theirs.cut === ours.cut && sameHistory(ours.state.history, theirs.state.history)
            ? [
                {
                  cut: ours.cut,
                  machine: ours.state,
                  source: theirs.state,
                  isRound: name === segmentOf({ number: ours.cut }),
                },
              ]
            : [],
        ),
  );
}

/** Claims that earlier rounds of guessing have made, by cut; filled in as cuts are come to. */
export type Claims = Map<number, readonly Claim[]>;

/** Runs all segments, with the claims as they are; outer loops come first. */
export function simulate(
  subject: Subject,
  entry: Entry,
  cuts: readonly Cut[],
  known: Claims,
  effort: Effort,
): Simulation {
  const { function: fn, program, code, start } = subject;
  const own = programOf(program);
  const given = fn.requires.flatMap(({ expression }) => assumptionsOf(entry, expression));
  const { values, arrays, objects, regions } = entry;
  const initial: SourceState = { values, arrays, objects, regions, conditions: [], assumptions: [], history: [] };
  const segments: Segment[] = [];
  const run = (name: string, source: SourceState, machine: MachineState, cut?: number): void => {
    const stops = sourceStops(own, fn, cuts, { segment: name, state: source, ...(cut === undefined ? {} : { cut }) });
    // Nothing could differ from a source without a way through it.
    if (stops.length === 0) undecided('no way through the source ends');
    const from = { segment: name, state: machine };
    segments.push({ name, source: stops, machine: machineStops(own, code, start, entry, cuts, from, effort) });
  };
  run(ENTRY, initial, entryState(entry, start, ENTRY));
  const states = new Map<number, CutState>();
  for (const cut of cuts) {
    const { number } = cut;
    const arrivals = {
      machine: segments.flatMap(({ machine }) => machine.filter((one) => one.kind === 'cut' && one.cut === number)),
      source: segments.flatMap(({ source }) => source.filter((one) => one.kind === 'cut' && one.cut === number)),
    };
    if (arrivals.machine.length === 0 && arrivals.source.length === 0) continue;
    if (arrivals.machine.length === 0 || arrivals.source.length === 0) undecided('a loop that only one side comes to');
    const first = {
      machine: arrivals.machine.map(({ state }) => state),
      source: arrivals.source.map(({ state }) => state),
    };
    const claims = known.get(number) ?? claimsOf(entry, cut, first);
    known.set(number, claims);
    const state = cutState(entry, fn, cut, first, claims);
    states.set(number, state);
    run(segmentOf(cut), state.source, state.machine, number);
  }
  return { subject, entry, cuts: states, segments, given, ways: segments.flatMap(waysOf), effort };
}

/** Keys of the functions that calls of the code are of: what they do is taken for what their source says. */
export const calleesIn = ({ segments }: Simulation): string[] => [
  ...new Set(
    segments.flatMap(({ machine }) => machine.flatMap((stop) => (stop.kind === 'call' ? [stop.callee.key] : []))),
  ),
];

const premise = ({ conditions, assumptions }: SourceState): Term => t.all([...conditions, ...assumptions]);

/** A stop of the machine, with the stops of the source that may go with it. */
export interface Meeting {
  readonly name: string;
  readonly stop: MachineStop;
  readonly segment: string;
  readonly assumptions: readonly Term[];
  /** Of each stop of the source, what is known on its way, and what is to be shown. */
  readonly sides: readonly { readonly premise: Term; readonly goals: readonly Term[] }[];
}

type Goals = (machine: MachineStop, source: SourceStop) => readonly Term[];

/** All meetings; `goalsOf` says what is to be the same, where that is not everything. */
export function meetingsOf(simulation: Simulation, goalsOf?: Goals): Meeting[] {
  const { subject, entry, cuts, segments, given } = simulation;
  const { function: fn } = subject;
  const atCut = (number: number, machine: MachineState, source: SourceState): Term[] =>
    cuts.get(number)?.goals(machine, source) ?? [t.truth(false)];
  return segments.flatMap(({ name, machine, source }) =>
    machine.map((stop, i) => ({
      name: `${fn.name}: ${name}, stop ${i + 1} of ${machine.length}, a ${stop.kind}`,
      stop,
      segment: name,
      assumptions: [...entry.assumptions, ...given, ...stop.state.conditions],
      sides: source
        .filter(({ state }) => sameHistory(state.history, stop.state.history))
        .map((other) => ({
          premise: premise(other.state),
          goals: needed(
            goalsOf === undefined
              ? [...stop.state.checks, ...sameStop(entry, fn, stop, other, atCut)]
              : goalsOf(stop, other),
          ),
        })),
    })),
  );
}

/** What is to be asked about a meeting. */
export const questionOf = ({ name, assumptions, sides }: Meeting): Query => ({
  ...{ name, assumptions },
  goal: t.all(sides.map(({ premise: known, goals }) => t.implies(known, t.all(goals)))),
});

/** Whether both sides come to the same kind of stop from the entry, whatever else is to be the same there. */
export function shapeQuestions(simulation: Simulation): Query[] {
  const isSameKind = (ours: MachineStop, theirs: SourceStop): boolean =>
    ours.kind === theirs.kind && (ours.kind !== 'cut' || theirs.kind !== 'cut' || ours.cut === theirs.cut);
  return meetingsOf(simulation, (ours, theirs) => (isSameKind(ours, theirs) ? [] : [t.truth(false)]))
    .filter(({ segment }) => segment === ENTRY)
    .map(questionOf);
}

/** Whether what one claim asks follows on a way to its cut. */
export const claimQuestion = ({ entry, given }: Simulation, { machine, source }: Way, goal: Term): Query => ({
  name: 'a claim at the head of a loop',
  assumptions: [...entry.assumptions, ...given, ...machine.conditions],
  goal: t.implies(premise(source), goal),
});

/**
 * By segment, what says that no way comes to its meetings: were that so for all of them, everything would follow, and an
 * assumption would be wrong.
 */
export function vacuityQuestions(simulation: Simulation): readonly (readonly Query[])[] {
  const meetings = meetingsOf(simulation, () => []);
  return simulation.segments.map(({ name: own }) =>
    meetings
      .filter(({ segment }) => segment === own)
      .flatMap(({ name, assumptions, sides }) =>
        sides.map(({ premise: known }) => ({
          ...{ name: `${name}, never`, assumptions: [...assumptions, known] },
          goal: t.truth(false),
        })),
      ),
  );
}
