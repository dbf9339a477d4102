/**
 * Verdicts for a program: each function's obligations, asked group by group, callees first.
 *
 * An obligation holds when a solver says so (or a run shows that a branch can be come to); it is false when a run
 * breaks it (a confirmed bug), or when a solver finds a state that does (then perhaps only an invariant or a contract
 * is too weak); otherwise it is unknown, which is never a pass. Whoever asks the solvers is handed in, so that one
 * process each, a pool or a cache can stand there.
 */
import { showValue } from '../analyzers/interpreter/values.ts';
import type { FunctionIr, Program } from '../analyzers/ir.ts';
import type { Context } from './context.ts';
import { executeFunction } from './execute.ts';
import { isClause, type Part, partsOfClaim, splitProgram } from './explain.ts';
import { relevantFacts } from './facts.ts';
import { type Group, groupFunctions } from './groups.ts';
import { modelArguments, scalarTypes } from './model.ts';
import { type Demand, nameDemands, type Obligation } from './obligation.ts';
import type { Query } from './smt/print.ts';
import type { Result as Said } from './smt/prover.ts';
import { createSampler, type Found, findViolation, sameViolation, tryInput, type Witnesses } from './witness.ts';

/** What came of a question; `model` gives integer variables in a state that breaks the goal. */
export interface Asked {
  readonly status: 'proved' | 'refuted' | 'unknown';
  readonly model?: ReadonlyMap<string, bigint>;
  /** Who said so, or what each solver said instead; for people. */
  readonly by: string;
  /** All that the prover said. */
  readonly said?: Said;
}

/** 'holds': proved is hoped for, that the goal follows; 'exists': refuted is, that the assumptions can be true. */
export interface Question {
  readonly query: Query;
  readonly question: 'holds' | 'exists';
}

/** Asks solvers; answers in the order of the questions. */
export type Ask = (questions: readonly Question[]) => Promise<readonly Asked[]>;

export type Diagnosis = 'confirmed bug' | 'too weak' | 'vacuous' | 'unknown';

export interface Result {
  readonly obligation: Obligation;
  readonly status: 'proved' | 'failed' | 'unknown';
  readonly by: string;
  readonly diagnosis?: Diagnosis;
  /** Arguments that break it, or values in a state that does. */
  readonly values?: readonly string[];
  /** What the prover said, where it was asked. */
  readonly said?: Said;
  /** Which of its parts hold, where that was asked for. */
  readonly parts?: readonly Part[];
}

export interface FunctionResult {
  readonly function: FunctionIr;
  /** 'trusted': nothing of it was to be proved but that its contract is defined. */
  readonly status: 'proved' | 'failed' | 'unknown' | 'trusted';
  readonly results: readonly Result[];
}

export interface VerifyOptions {
  readonly ask: Ask;
  /** Inputs to run each function on. */
  readonly samples?: number;
  /** Ask about what a run has broken too: a prover that proves it has a defect. */
  readonly askBroken?: boolean;
  /** Ask about what fails in parts. */
  readonly explain?: boolean;
  readonly onFunction?: (result: FunctionResult) => void;
  readonly onStart?: (subject: FunctionIr) => void;
}

const DEFAULT_SAMPLES = 300;
/** Inputs that are tried before anything is asked; the rest only where something is not reached, or not proved. */
const FIRST_SAMPLES = 60;

/** Whether runs have come everywhere, so that more of them would only look for what a solver decides. */
function allReached(obligations: readonly Obligation[], { visited }: Witnesses): boolean {
  return obligations.every(({ question, mark }) => question === 'holds' || mark === undefined || visited.has(mark));
}

/** The query of a demand, with the facts that it needs. */
function queryOf(context: Context, name: string, { assumptions, goal }: Demand): Query {
  const facts = relevantFacts(context.facts, [...assumptions, goal]);
  return { name, assumptions: [...facts, ...assumptions], goal };
}

/** A function's obligations, in the order of its text. */
export function obligationsOf(
  program: Program,
  subject: FunctionIr,
  group: Group,
  ending: ReadonlySet<string>,
): { readonly obligations: readonly Obligation[]; readonly context: Context } {
  const recursive = new Set(group.recursive ? group.functions.map(({ key }) => key) : []);
  const { context, demands } = executeFunction(subject, { program, recursive, ending });
  const names = nameDemands(subject.name, demands);
  const obligations = demands.map(
    (demand, i): Obligation => ({
      ...demand,
      name: names[i],
      function: subject.key,
      query: queryOf(context, names[i], demand),
    }),
  );
  return { obligations, context };
}

const broken = (obligation: Obligation, { inputs }: Found): Result => ({
  obligation,
  status: 'failed',
  by: 'a run',
  diagnosis: 'confirmed bug',
  values: inputs,
});

/** What is known without asking: a run came here, or broke the claim. */
function settled(obligation: Obligation, witnesses: Witnesses, askBroken: boolean): Result | undefined {
  const found = obligation.question === 'holds' && !askBroken ? findViolation(witnesses, obligation) : undefined;
  if (found !== undefined) return broken(obligation, found);
  if (obligation.question === 'exists' && obligation.mark !== undefined && witnesses.visited.has(obligation.mark)) {
    return { obligation, status: 'proved', by: 'a run' };
  }
  const { goal, question } = obligation;
  if (question === 'holds' && goal.kind === 'truth' && goal.value)
    return { obligation, status: 'proved', by: 'its form' };
  return undefined;
}

function judgeExists(obligation: Obligation, asked: Asked): Result {
  const { by } = asked;
  if (asked.status === 'refuted') return { obligation, status: 'proved', by };
  if (asked.status === 'proved') return { obligation, status: 'failed', by, diagnosis: 'vacuous' };
  return { obligation, status: 'unknown', by, diagnosis: 'unknown' };
}

function judgeHolds(
  program: Program,
  subject: FunctionIr,
  context: Context,
  obligation: Obligation,
  asked: Asked,
  witnesses: Witnesses,
): Result {
  const { by } = asked;
  const confirmed = (found: Found): Result => broken(obligation, found);
  const sampled = findViolation(witnesses, obligation);
  if (asked.status === 'proved') {
    // A run that breaks what was proved has shown a defect in the prover, and then no proof counts.
    return sampled === undefined
      ? { obligation, status: 'proved', by }
      : { ...confirmed(sampled), by: `a run, against ${by}: a defect of casemate, please report it` };
  }
  if (sampled !== undefined) return confirmed(sampled);
  // Of what is trusted there is nothing to run.
  const runs = asked.model !== undefined && subject.body !== undefined;
  const args = runs ? modelArguments(subject, context, asked.model!) : undefined;
  const replayed = args === undefined ? undefined : tryInput(program, subject, args, 200_000).found;
  if (replayed !== undefined && sameViolation(replayed.violation, obligation)) return confirmed(replayed);
  if (asked.status === 'unknown') return { obligation, status: 'unknown', by, diagnosis: 'unknown' };
  const shown = [...context.facts.shown].map(
    ([path, name]) => [path.replace(/_length$/, '.length'), asked.model?.get(name)] as const,
  );
  const types = scalarTypes(subject);
  const values = shown.flatMap(([path, value]) => {
    const type = types.get(path);
    return value === undefined ? [] : [`${path} = ${type === undefined ? value : showValue(value, type)}`];
  });
  return { obligation, status: 'failed', by, diagnosis: 'too weak', values };
}

const worst = (results: readonly Result[]): 'proved' | 'failed' | 'unknown' =>
  results.some(({ status }) => status === 'failed')
    ? 'failed'
    : results.some(({ status }) => status === 'unknown')
      ? 'unknown'
      : 'proved';

async function verifyFunction(
  program: Program,
  subject: FunctionIr,
  group: Group,
  ending: ReadonlySet<string>,
  options: VerifyOptions,
): Promise<FunctionResult> {
  const trusted = subject.body === undefined;
  const { obligations, context } = obligationsOf(program, subject, group, ending);
  const sample = createSampler(program, subject);
  const all = trusted ? 0 : (options.samples ?? DEFAULT_SAMPLES);
  let witnesses = sample(Math.min(all, FIRST_SAMPLES));
  if (options.askBroken === true || !allReached(obligations, witnesses)) witnesses = sample(all);
  const known = obligations.map((obligation) => settled(obligation, witnesses, options.askBroken === true));
  const open = obligations.filter((_, i) => known[i] === undefined);
  const places = new Map(open.map((obligation, place) => [obligation, place]));
  const answers = await options.ask(open.map(({ query, question }) => ({ query, question })));
  const isOpen = ({ status }: Asked, i: number): boolean => open[i].question === 'holds' && status !== 'proved';
  if (answers.some(isOpen)) witnesses = sample(all);
  const results = obligations.map((obligation, i): Result => {
    const before = known[i];
    if (before !== undefined) return before;
    const asked = answers[places.get(obligation)!];
    const judged =
      obligation.question === 'exists'
        ? judgeExists(obligation, asked)
        : judgeHolds(program, subject, context, obligation, asked, witnesses);
    return asked.said === undefined ? judged : { ...judged, said: asked.said };
  });
  const explained =
    options.explain === true ? await explainResults(program, subject, group, ending, results, options.ask) : results;
  const status = worst(results);
  return { function: subject, results: explained, status: trusted && status === 'proved' ? 'trusted' : status };
}

/** Asks about the parts of what is not proved. */
async function explainResults(
  program: Program,
  subject: FunctionIr,
  group: Group,
  ending: ReadonlySet<string>,
  results: readonly Result[],
  ask: Ask,
): Promise<Result[]> {
  const isOpen = ({ status, obligation }: Result): boolean => status !== 'proved' && isClause(obligation.kind);
  if (!results.some(isOpen)) return [...results];
  const split = splitProgram(program, subject);
  const own = split.program.functions.find(({ key }) => key === subject.key)!;
  const { obligations, context } = obligationsOf(split.program, own, group, ending);
  return Promise.all(
    results.map(async (result): Promise<Result> => {
      const claims = isOpen(result) ? partsOfClaim(split, result.obligation, obligations) : [];
      if (claims.length < 2) return result;
      const open = claims.filter(({ obligation }) => obligation !== undefined);
      const questions = open.map(({ text, obligation }) => {
        return {
          query: queryOf(context, `${result.obligation.name}: ${text}`, obligation!),
          question: 'holds' as const,
        };
      });
      const answers = await ask(questions);
      const statuses = { proved: 'proved', refuted: 'failed', unknown: 'unknown' } as const;
      const parts = claims.map((claim): Part => {
        const { text, obligation } = claim;
        if (obligation === undefined) return { text, status: 'proved' };
        return { text, status: statuses[answers[open.indexOf(claim)].status] };
      });
      return { ...result, parts };
    }),
  );
}

/** Whether a function is known to end: so are its loops, its recursion, and all that it calls. */
function isEnding({ status }: FunctionResult): boolean {
  // Whatever fails before a measure is computed may be why the measure falls.
  return status === 'trusted' || status === 'proved';
}

/** Verifies every function; results in the order of the program. */
export async function verifyProgram(program: Program, options: VerifyOptions): Promise<FunctionResult[]> {
  const ending = new Set<string>();
  const results = new Map<string, FunctionResult>();
  for (const group of groupFunctions(program.functions)) {
    const own: FunctionResult[] = [];
    for (const subject of group.functions) {
      options.onStart?.(subject);
      const result = await verifyFunction(program, subject, group, ending, options);
      own.push(result);
      results.set(subject.key, result);
      options.onFunction?.(result);
    }
    if (own.every(isEnding)) for (const { function: subject } of own) ending.add(subject.key);
  }
  return program.functions.map(({ key }) => results.get(key)!);
}
