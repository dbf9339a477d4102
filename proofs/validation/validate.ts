/**
 * Translation validation: whether the linked code of a function does what the source says, for all inputs that its
 * preconditions and types allow.
 *
 * Both sides are executed over the same variables (entry.ts, source.ts, machine.ts). For each way through the code one
 * question is asked: on every way through the source that goes with it, is the result the same, is every byte of the
 * caller's arrays and objects the same, is each access where it may be, and are the stack pointer and the registers that a
 * callee keeps as they were? When all are answered yes, the function is validated: compilers, linkers and whoever patched
 * the code need not be believed for it. What is not understood, or not answered, leaves it undecided. That it is refuted
 * is for a run to show (replay.ts): a solver's no may come of an assumption that was left out.
 */
import type { Type } from '../../analyzers/types.ts';
import type { Query } from '../smt/print.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { extract, terms, word } from './algebra.ts';
import { assumptionsOf } from './clauses.ts';
import { argumentWord, bytesOf, type Entry, entryOf, RESULT, type SourceValue } from './entry.ts';
import { layoutOf } from './layout.ts';
import { type MachineState, machinePaths, restored } from './machine.ts';
import { readBytes } from './memory.ts';
import { findWitness, type Witness } from './replay.ts';
import { pathsOf, type SourcePath } from './source.ts';
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

/** A scalar of a value by the way to it. */
function scalarAt(value: SourceValue, path: readonly number[]): Term {
  const found = path.reduce((at, index) => (at.kind === 'fields' ? at.fields[index] : at), value);
  if (found.kind === 'fields') throw new TypeError('no scalar');
  return found;
}

/** That the machine's result is the source's; bytes between fields may be anything. */
function sameResult(type: Type, machine: MachineState, value: SourceValue | undefined): Term[] {
  if (type.kind === 'void' || value === undefined) return [];
  if (value.kind !== 'fields')
    return [terms.compare('=', machine.registers[10], argumentWord(bytesOf(value, type), type))];
  const layout = layoutOf(type)!;
  const result = machine.regions.get(RESULT);
  return layout.scalars.map((one) => {
    const wanted = bytesOf(scalarAt(value, one.path), one.type);
    const count = t.bitsOf(wanted) / 8;
    const found =
      result === undefined
        ? extract(machine.registers[10 + (one.offset >> 3)], (one.offset & 7) * 8, count * 8)
        : readBytes(result, word(one.offset), count);
    return terms.compare('=', found, wanted);
  });
}

/** That a region's bytes are the same, wherever in it one looks. */
function sameMemory(entry: Entry, machine: MachineState, { state }: SourcePath): Term[] {
  return entry.compared.flatMap((name): Term[] => {
    const [ours, theirs] = [machine.regions.get(name)!, state.regions.get(name)!];
    if (ours.writes.length === 0 && theirs.writes.length === 0) return [];
    const anywhere = t.variable(`any.${name}`, 'BV64');
    const isInside = terms.compare('bvult', anywhere, ours.size);
    return [t.implies(isInside, terms.compare('=', readBytes(ours, anywhere, 1), readBytes(theirs, anywhere, 1)))];
  });
}

function question(
  { function: subject }: Subject,
  entry: Entry,
  machine: MachineState,
  source: readonly SourcePath[],
  name: string,
): Query {
  const goals = source.map((path) =>
    t.implies(
      t.all([...path.state.conditions, ...path.state.assumptions]),
      t.all([
        ...machine.checks,
        ...restored(entry, machine),
        ...sameResult(subject.result, machine, path.value),
        ...sameMemory(entry, machine, path),
      ]),
    ),
  );
  const given = subject.requires.flatMap(({ expression }) => assumptionsOf(entry, expression));
  return { name, assumptions: [...entry.assumptions, ...given, ...machine.conditions], goal: t.all(goals) };
}

/** The questions about a function. */
export function planValidation(subject: Subject): Plan {
  const { function: fn, program, code, start } = subject;
  if (fn.body === undefined) return { undecided: 'it has no body' };
  if (fn.throws.length > 0) return { undecided: 'it throws' };
  try {
    const entry = entryOf(fn);
    const byKey = new Map(program.functions.map((one) => [one.key, one]));
    const { values, arrays, objects, regions } = entry;
    const initial = { values, arrays, objects, regions, conditions: [], assumptions: [] };
    const source = pathsOf({ byKey, depth: 0 }, fn, initial);
    // Nothing could differ from a source without a way through it.
    if (source.length === 0) return { undecided: 'no way through the source ends' };
    const machine = machinePaths(code, start, entry);
    const queries = machine.map((path, i) =>
      question(subject, entry, path, source, `${fn.name}: way ${i + 1} of ${machine.length} through the code`),
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
