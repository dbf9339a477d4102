/**
 * What running a function shows: that a branch can be come to, or that a claim is false.
 *
 * A branch that a run has come to needs no solver. A claim that a run breaks, from arguments that meet the
 * precondition, is a bug beyond doubt; a solver's model alone is not, since it may start from a state that no call ever
 * makes. Inputs are those of sample.ts and, for a refuted obligation, the model's.
 */
import { run, type Violation } from '../analyzers/interpreter/run.ts';
import { createDraw, drawArguments } from '../analyzers/interpreter/sample.ts';
import { copyValue, showValue, type Value } from '../analyzers/interpreter/values.ts';
import type { FunctionIr, Program } from '../analyzers/ir.ts';

export interface Found {
  readonly violation: Violation;
  /** Arguments as TypeScript writes them, `name = value`. */
  readonly inputs: readonly string[];
}

export interface Witnesses {
  readonly visited: ReadonlySet<string>;
  /** The first input for each violation of the function itself. */
  readonly violations: readonly Found[];
  /** How many runs met the precondition. */
  readonly accepted: number;
}

const sameViolation = (a: Violation, b: Pick<Violation, 'kind' | 'text' | 'span'>): boolean =>
  a.kind === b.kind && a.text === b.text && a.span.start === b.span.start && a.span.file === b.span.file;

export function showInputs(subject: FunctionIr, args: readonly Value[]): string[] {
  return subject.parameters.map(({ name, type }, i) => `${name} = ${showValue(args[i], type)}`);
}

/** Runs the function on these arguments; the violation, if it is the function's own. */
export function tryInput(program: Program, subject: FunctionIr, args: readonly Value[], steps?: number) {
  const { outcome, visited, spent } = run(program, subject, args.map(copyValue), steps);
  const own =
    outcome.kind === 'violation' && outcome.violation.function === subject.key ? outcome.violation : undefined;
  const found: Found | undefined = own && { violation: own, inputs: showInputs(subject, args) };
  return { found, visited, spent, accepted: outcome.kind !== 'rejected' };
}

/** Steps of all runs of one function: a second or so. */
const MOST_STEPS = 1_000_000;

/**
 * Runs a function on sampled inputs: each call goes on until `count` have been tried in all, or as many steps as one
 * function may take, and tells what all of them showed.
 */
export function createSampler(program: Program, subject: FunctionIr): (count: number) => Witnesses {
  const draw = createDraw(0x5eed);
  const visited = new Set<string>();
  const violations: Found[] = [];
  let tried = 0;
  let accepted = 0;
  let steps = MOST_STEPS;
  return (count) => {
    for (; tried < count && steps > 0; tried++) {
      const result = tryInput(program, subject, drawArguments(subject, draw));
      steps -= result.spent;
      for (const place of result.visited) visited.add(place);
      if (result.accepted) accepted++;
      const { found } = result;
      if (found !== undefined && !violations.some(({ violation }) => sameViolation(violation, found.violation)))
        violations.push(found);
    }
    return { visited, violations, accepted };
  };
}

/** The input that breaks this claim. */
export function findViolation(
  witnesses: Witnesses,
  claim: Pick<Violation, 'kind' | 'text' | 'span'>,
): Found | undefined {
  return witnesses.violations.find(({ violation }) => sameViolation(violation, claim));
}

export { sameViolation };
