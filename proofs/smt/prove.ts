/**
 * Verdicts: a query goes to every solver there is, and what they say is one verdict.
 *
 * Proved needs at least one `unsat` and no `sat`; refuted at least one `sat` and no `unsat`. Two solvers that contradict
 * each other have shown a defect in one of them or in our text, and then nothing they say counts: that is a hard error,
 * not a verdict. One that gives up is no contradiction; the answers are kept, so a reader sees who vouches.
 */
import { fail } from '../../base/errors.ts';
import { printQuery, type Query, variablesOf } from './print.ts';
import { type Answer, askSolver, askValues, defaultLimits, type Limits, type Solver } from './solver.ts';

export interface Verdict {
  /** The query's name. */
  readonly name: string;
  readonly status: 'proved' | 'refuted' | 'unknown';
  /** The SMT-LIB text that was asked. */
  readonly text: string;
  readonly answers: readonly Answer[];
  /** Values of the variables for which the goal is false, where a solver showed them. */
  readonly counterexample?: ReadonlyMap<string, bigint>;
}

/** What answers mean together; contradicting ones are a 'tool' error. No answer at all is unknown. */
export function judge(name: string, answers: readonly Answer[]): Verdict['status'] {
  const sat = answers.find(({ result }) => result === 'sat');
  const unsat = answers.find(({ result }) => result === 'unsat');
  if (sat !== undefined && unsat !== undefined) {
    fail(
      'tool',
      `${name}: ${sat.solver.version} says sat, ${unsat.solver.version} says unsat; one of them is wrong, so use neither`,
    );
  }
  return sat !== undefined ? 'refuted' : unsat !== undefined ? 'proved' : 'unknown';
}

/** Asks every solver. */
export async function prove(
  solvers: readonly Solver[],
  query: Query,
  limits: Limits = defaultLimits,
): Promise<Verdict> {
  const text = printQuery(query);
  const answers = await Promise.all(solvers.map((solver) => askSolver(solver, text, limits)));
  const status = judge(query.name, answers);
  const found = answers.find(({ result }) => result === 'sat');
  const counterexample =
    found === undefined ? undefined : await askValues(found.solver, text, variablesOf(query), limits);
  return { name: query.name, status, text, answers, ...(counterexample === undefined ? {} : { counterexample }) };
}

/** Asks about each query, `width` of them at a time; verdicts come in the order of the queries. */
export async function proveAll(
  solvers: readonly Solver[],
  queries: readonly Query[],
  limits: Limits = defaultLimits,
  width = 2,
): Promise<Verdict[]> {
  const verdicts: Verdict[] = [];
  let next = 0;
  const work = async (): Promise<void> => {
    while (next < queries.length) {
      const index = next++;
      verdicts[index] = await prove(solvers, queries[index], limits);
    }
  };
  await Promise.all(Array.from({ length: width }, work));
  return verdicts;
}
