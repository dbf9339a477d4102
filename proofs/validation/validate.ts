/**
 * Translation validation: whether the linked code of a function does what the source says, for all inputs that its
 * preconditions and types allow.
 *
 * Both sides are executed over the same variables (entry.ts, source.ts, machine.ts), from stop to stop: calls and the
 * return. For each stop that the code may come to one question is asked: on every way through the source that goes with
 * it, is the source at the same stop, with the same result or the same call, is every byte of the caller's arrays and
 * objects the same, was each access where it may be, and are the stack pointer and the registers that a callee keeps as
 * they were (matching.ts)? When all are answered yes, the function is validated: compilers, linkers and whoever patched
 * the code need not be believed for it. The verdict is about this function alone: that its callees do what their source
 * says is what theirs are about, or is assumed. What is not understood, or not answered, leaves a function undecided. That
 * it is refuted is for a run to show (replay.ts): a solver's no may come of an assumption that was left out.
 */
import type { Query } from '../smt/print.ts';
import * as t from '../smt/terms.ts';
import { assumptionsOf } from './clauses.ts';
import { type Entry, entryOf } from './entry.ts';
import { entryState, type MachineStop, machineStops } from './machine.ts';
import { needed, sameStop } from './matching.ts';
import { findWitness, type Witness } from './replay.ts';
import { type SourceStop, sourceStops } from './source.ts';
import type { Subject } from './subject.ts';
import { Undecided } from './undecided.ts';

/** What is to be asked before a function is validated, or why nothing can be asked. */
export type Plan = { readonly queries: readonly Query[] } | { readonly undecided: string };

export type Verdict =
  | { readonly status: 'validated'; readonly questions: number }
  | { readonly status: 'refuted'; readonly witness: Witness }
  | { readonly status: 'undecided'; readonly reason: string };

/** Inputs that are tried before a function stays undecided. */
const TRIES = 300;

/** Says of each question whether its goal follows. */
export type AskQueries = (queries: readonly Query[]) => Promise<readonly ('proved' | 'refuted' | 'unknown')[]>;

const sameHistory = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((key, i) => key === b[i]);

/** What is to be shown of a stop of the machine. */
function question(
  { function: subject }: Subject,
  entry: Entry,
  machine: MachineStop,
  source: readonly SourceStop[],
  name: string,
): Query {
  const goals = source
    .filter(({ state }) => sameHistory(state.history, machine.state.history))
    .map((stop) =>
      t.implies(
        t.all([...stop.state.conditions, ...stop.state.assumptions]),
        t.all(needed([...machine.state.checks, ...sameStop(entry, subject, machine, stop, () => [t.truth(false)])])),
      ),
    );
  const given = subject.requires.flatMap(({ expression }) => assumptionsOf(entry, expression));
  return { name, assumptions: [...entry.assumptions, ...given, ...machine.state.conditions], goal: t.all(goals) };
}

/** The questions about a function. */
export function planValidation(subject: Subject): Plan {
  const { function: fn, program, code, start } = subject;
  if (fn.body === undefined) return { undecided: 'it has no body' };
  if (fn.throws.length > 0) return { undecided: 'it throws' };
  try {
    const entry = entryOf(fn);
    const byKey = new Map(program.functions.map((one) => [one.key, one]));
    const places = new Map(program.functions.map((one, i) => [one.key, i]));
    const { values, arrays, objects, regions } = entry;
    const initial = { values, arrays, objects, regions, conditions: [], assumptions: [], history: [] };
    const source = sourceStops({ byKey, places }, fn, [], { segment: 's', state: initial });
    // Nothing could differ from a source without a way through it.
    if (source.length === 0) return { undecided: 'no way through the source ends' };
    const machine = machineStops({ byKey, places }, code, start, entry, [], {
      segment: 's',
      state: entryState(entry, start, 's'),
    });
    const queries = machine.map((stop, i) =>
      question(subject, entry, stop, source, `${fn.name}: stop ${i + 1} of ${machine.length}, a ${stop.kind}`),
    );
    return { queries };
  } catch (error) {
    if (error instanceof Undecided) return { undecided: error.message };
    throw error;
  }
}

/** Why a function is not validated; undefined when it is. */
async function whyNot(plan: Plan, ask: AskQueries): Promise<string | undefined> {
  if ('undecided' in plan) return plan.undecided;
  const { queries } = plan;
  const answers = await ask(queries);
  if (answers.length !== queries.length || queries.length === 0) return 'not every question was answered';
  const open = answers.findIndex((answer) => answer !== 'proved');
  if (open < 0) return undefined;
  return `${queries[open].name}: ${answers[open] === 'refuted' ? 'not the same for all inputs' : 'no solver decides it'}`;
}

/** The verdict on a function. What is not validated is tried on drawn inputs, the same ones each time. */
export async function validate(subject: Subject, ask: AskQueries): Promise<Verdict> {
  const plan = planValidation(subject);
  const reason = await whyNot(plan, ask);
  if (reason === undefined) return { status: 'validated', questions: 'queries' in plan ? plan.queries.length : 0 };
  const witness = findWitness(subject, TRIES);
  return witness === undefined ? { status: 'undecided', reason } : { status: 'refuted', witness };
}
