/**
 * What the proof of one function shares while it is made: names, facts, arithmetic, the arrays' lengths, the list of
 * demands; and what calls of other functions mean.
 *
 * A call demands the callee's precondition, that it throws only what the subject announces, and, in a recursion, that the
 * measure falls; then it is known that it has not thrown, and its postcondition. The result of a pure function is a function of its arguments, so equal calls are equal; what
 * its contract and its definition say of one call is a fact of that call. They are used only when the callee is known
 * to end (`ending`): a definition that has no solution would prove everything. A definition is unfolded to a fixed
 * depth.
 */
import { coversError, type ErrorName, type FunctionIr, type Program, type Span } from '../analyzers/ir.ts';
import { type Range, type Type, within } from '../analyzers/types.ts';
import { type Arithmetic, createArithmetic, mentionsBound } from './arithmetic.ts';
import { addTable, contentsOf } from './arrays.ts';
import { rangeOfType, valueOfType } from './convert.ts';
import {
  type Binding,
  clausePlace,
  clauseTerm,
  codePlace,
  evaluate,
  type Old,
  type Place,
  scalarsOf,
} from './evaluate.ts';
import { createFacts, type Facts, inRangeTerm, plainName } from './facts.ts';
import { createIntervals, type Intervals } from './intervals.ts';
import type { Demand } from './obligation.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';
import { scalar, type Value } from './state.ts';

export { codePlace };

export interface Context {
  readonly subject: FunctionIr;
  readonly facts: Facts;
  readonly intervals: Intervals;
  readonly arithmetic: Arithmetic;
  readonly boundIn: Map<Term, boolean>;
  /** Elements by contents and index. */
  readonly elements: Map<Term, Map<Term, Term>>;
  readonly entryArrays: Map<string, Term>;
  readonly entryObjects: Map<string, Value>;
  readonly lengths: Map<string, Term>;
  readonly tables: Map<string, Term>;
  readonly tableLengths: Map<string, Term>;
  readonly demands: Demand[];
  readonly demand: (demand: Demand) => void;
  readonly functionOf: (key: string) => FunctionIr;
  readonly textOf: (span: Span) => string;
  /** Demands what a call needs: the precondition, and a smaller measure in a recursion. */
  /** `thrown`: where the subject is left when the callee throws, if that is another place. */
  readonly demandCall: (place: Place, callee: FunctionIr, binding: Binding, span: Span, thrown?: Place) => void;
  readonly demandKept: (place: Place, span: Span, thrown: Term) => void;
  /** The result of a function that is not pure: only its contract is known. */
  readonly callResult: (place: Place, callee: FunctionIr, binding: Binding, old: Old) => Value;
  readonly pureResult: (callee: FunctionIr, binding: Binding) => Value;
  /** The subject's measure when it was entered. */
  readonly entryMeasure: Term[];
  /** Its @throws when it was entered. */
  readonly entryThrows: { readonly error: ErrorName; readonly holds: Term }[];
}

export interface Surroundings {
  readonly program: Program;
  /** Functions that may call the subject again. */
  readonly recursive: ReadonlySet<string>;
  /** Pure functions that are known to end. */
  readonly ending: ReadonlySet<string>;
}

/** That the subject announces the error. */
export function announced(context: Context, error: ErrorName): Term {
  return context.arithmetic.any(
    context.entryThrows.flatMap((own) => (coversError(own.error, error) ? [own.holds] : [])),
  );
}

/** How often a definition is unfolded inside itself. */
const UNFOLDING = 2;
/** How deep definitions are unfolded in each other: each level may double what there is to say. */
const DEEPEST_UNFOLDING = 6;

/** The measure at first, later: smaller in order of rank, where what decides is at least 0. */
export function decreasesTerm(m: Arithmetic, before: readonly Term[], after: readonly Term[]): Term {
  if (before.length !== after.length) return m.truth(false);
  const ranks = before.map((first, i) => {
    const equalSoFar = before.slice(0, i).map((earlier, j) => m.equal(earlier, after[j]));
    return m.all([...equalSoFar, m.less(after[i], first), m.atMost(m.integer(0n), first)]);
  });
  return m.any(ranks);
}

/** That each argument is of its parameter's type; without those of which that can be read off, if intervals are given. */
function parametersInRange(callee: FunctionIr, binding: Binding, intervals?: Intervals): Term[] {
  return callee.parameters.flatMap(({ id, type }) => {
    const value = binding.variables.get(id);
    if (value === undefined) return [];
    const terms = scalarsOf(value);
    const ranges: Range[] = [];
    valueOfType(type, (_, of) => {
      ranges.push(rangeOfType(of));
      return terms[ranges.length - 1];
    });
    return terms.flatMap((term, i) =>
      intervals !== undefined && within(intervals.of(term), ranges[i]) ? [] : [inRangeTerm(term, ranges[i])],
    );
  });
}

/** Where nothing has changed yet. */
const withoutOld = (binding: Binding) => ({ ...binding, oldArrays: binding.arrays, oldVariables: binding.variables });

/** The one expression that a function returns, where its body is that and nothing else that is run. */
function definitionOf(callee: FunctionIr) {
  const body = callee.body?.filter(({ kind }) => kind !== 'ghost') ?? [];
  const [statement] = body;
  return body.length === 1 && statement.kind === 'return' ? statement.value : undefined;
}

const symbolsOf = new WeakMap<Program, ReadonlyMap<string, string>>();

/**
 * What texts call a program's functions: by their names, equal ones with an ordinal, so that a text stays the same when a
 * file is moved or a function is added elsewhere. No two are called the same: a name has no dot.
 */
function functionSymbols(program: Program): ReadonlyMap<string, string> {
  const before = symbolsOf.get(program);
  if (before !== undefined) return before;
  const counts = new Map<string, number>();
  const symbols = new Map<string, string>();
  for (const { key, name } of program.functions) {
    const plain = plainName(name);
    const count = (counts.get(plain) ?? 0) + 1;
    counts.set(plain, count);
    symbols.set(key, `f_${plain}.${count}`);
  }
  symbolsOf.set(program, symbols);
  return symbols;
}

export function createContext(subject: FunctionIr, { program, recursive, ending }: Surroundings): Context {
  const facts = createFacts();
  const intervals = createIntervals(facts);
  const m = createArithmetic(facts, intervals);
  const byKey = new Map(program.functions.map((one) => [one.key, one]));
  const symbols = functionSymbols(program);
  const demands: Demand[] = [];
  const unfolding = new Map<string, number>();
  let levels = 0;

  const functionOf = (key: string): FunctionIr => {
    const found = byKey.get(key);
    if (found === undefined) throw new TypeError(`no function ${key}`);
    return found;
  };

  /** The measure of a function for these arguments. */
  const measureOf = (callee: FunctionIr, binding: Binding): Term[] =>
    callee.decreases.map(({ expression }) =>
      scalar(evaluate(context, clausePlace(context, withoutOld(binding)), expression)),
    );

  /** Demands that the invariants of classes hold where the subject is left by an error. */
  const demandKept: Context['demandKept'] = (place, span, thrown) => {
    const { variables, arrays, oldArrays, oldVariables, lengths } = place;
    for (const { text, expression } of subject.kept) {
      const clause = clausePlace(context, { variables, arrays, oldArrays, oldVariables, lengths });
      place.demand('ensures', text, span, m.implies(thrown, scalar(evaluate(context, clause, expression))));
    }
  };

  /** Demands that a call throws nothing, or what the subject announces; behind it nothing was thrown. */
  const demandQuiet = (place: Place, callee: FunctionIr, binding: Binding, span: Span, thrown: Place): void => {
    const conditions = callee.throws.map((clause) => clauseTerm(context, clause, binding));
    callee.throws.forEach(({ text, error }, i) => {
      const goal = place.clause ? m.not(conditions[i]) : m.implies(conditions[i], announced(context, error));
      place.demand('throws', `${callee.name}: ${text}`, span, goal);
    });
    if (!place.clause && conditions.length > 0) demandKept(thrown, span, m.any(conditions));
    for (const condition of conditions) place.assume(m.not(condition));
  };

  const demandCall: Context['demandCall'] = (place, callee, binding, span, thrown = place) => {
    for (const clause of callee.requires) {
      place.demand('requires', `${callee.name}: ${clause.text}`, span, clauseTerm(context, clause, binding));
    }
    if (place.clause) {
      for (const inRange of parametersInRange(callee, binding, intervals))
        place.demand('defined', `call of ${callee.name}`, span, inRange);
    }
    demandQuiet(place, callee, binding, span, thrown);
    if (!recursive.has(callee.key) || (place.clause && place.runs !== true)) return;
    const after = measureOf(callee, binding);
    place.demand('decreases', `call of ${callee.name}`, span, decreasesTerm(m, context.entryMeasure, after));
  };

  const freshValue = (type: Type, base: string): Value =>
    valueOfType(type, (sort, of, path) => facts.fresh(`${base}${path}`, sort, rangeOfType(of)));

  const callResult: Context['callResult'] = (place, callee, binding, old) => {
    const result = callee.result.kind === 'void' ? undefined : freshValue(callee.result, callee.name);
    const variables = new Map(binding.variables);
    if (result !== undefined) variables.set(callee.resultVariable.id, result);
    for (const clause of callee.ensures) place.assume(clauseTerm(context, clause, { ...binding, variables }, old));
    return result ?? m.truth(true);
  };

  const pureResult: Context['pureResult'] = (callee, binding) => {
    const inputs = callee.parameters.flatMap(({ id, type }): Term[] =>
      type.kind === 'array'
        ? [...contentsOf(binding.arrays, { id, type }), binding.lengths.get(id)!]
        : scalarsOf(binding.variables.get(id)!),
    );
    // A function of nothing is a function of a constant.
    const operands = inputs.length === 0 ? [m.integer(0n)] : inputs;
    const name = symbols.get(callee.key)!;
    let count = 0;
    const result = valueOfType(callee.result, (sort, of) => {
      const term = callTerm(`${name}.${++count}`, operands, sort);
      return facts.noteRange(term, rangeOfType(of));
    });
    describe(callee, binding, operands, result);
    return result;
  };

  const calls = new Map<string, Term[]>();
  /** The same call is the same term. */
  const callTerm = (name: string, operands: readonly Term[], sort: 'Int' | 'Bool'): Term => {
    const made = calls.get(name) ?? [];
    calls.set(name, made);
    const before = made.find(
      (term) => term.kind === 'call' && term.operands.every((operand, i) => operand === operands[i]),
    );
    if (before !== undefined) return before;
    const term = t.call(name, operands, sort);
    made.push(term);
    return term;
  };

  /** Facts of one call of a pure function. */
  const describe = (callee: FunctionIr, binding: Binding, operands: readonly Term[], result: Value): void => {
    const scalars = scalarsOf(result);
    const [subjectTerm] = scalars;
    const before = described.get(subjectTerm);
    if (before === 'whole' || operands.some((operand) => mentionsBound(operand, context.boundIn))) return;
    // In its own recursion a function is what its contract says, for smaller arguments; that has been demanded.
    const sameGroup = recursive.has(callee.key);
    if (!sameGroup && callee.body !== undefined && !ending.has(callee.key)) return;
    if (before === undefined) for (const term of scalars) facts.add(term, inRangeTerm(term, intervals.of(term)));
    described.set(subjectTerm, 'range');
    const depth = unfolding.get(callee.key) ?? 0;
    if (depth > UNFOLDING || levels >= DEEPEST_UNFOLDING) return;
    described.set(subjectTerm, 'whole');
    unfolding.set(callee.key, depth + 1);
    levels++;
    // Facts stand wherever the term does, the call only where its arguments were shown to fit: without their ranges a
    // contract would speak of arguments that it never had.
    const guard = m.all([
      ...parametersInRange(callee, binding),
      ...callee.requires.map((clause) => clauseTerm(context, clause, binding)),
      ...callee.throws.map((clause) => m.not(clauseTerm(context, clause, binding))),
    ]);
    const variables = new Map(binding.variables);
    variables.set(callee.resultVariable.id, result);
    const smaller = sameGroup ? decreasesTerm(m, context.entryMeasure, measureOf(callee, binding)) : m.truth(true);
    const fact: Term[] = callee.ensures.map((clause) =>
      m.implies(m.all([guard, smaller]), clauseTerm(context, clause, { ...binding, variables })),
    );
    const definition = sameGroup ? undefined : definitionOf(callee);
    if (definition !== undefined) {
      const place = clausePlace(context, withoutOld(binding));
      const value = scalarsOf(evaluate(context, place, definition));
      fact.push(...value.map((term, i) => m.implies(guard, m.equal(scalars[i], term))));
    }
    unfolding.set(callee.key, depth);
    levels--;
    for (const one of fact) for (const term of scalars) facts.add(term, one);
  };
  /** What has been said of a call; where it is met too deep in others, that is only its range until it is met again. */
  const described = new Map<Term, 'range' | 'whole'>();

  const tables = new Map<string, Term>();
  const tableLengths = new Map<string, Term>();
  for (const table of program.tables) {
    addTable(facts, tables, table);
    tableLengths.set(table.variable.id, t.integer(table.values.length));
  }
  const context: Context = {
    subject,
    facts,
    intervals,
    arithmetic: m,
    boundIn: new Map(),
    elements: new Map(),
    entryArrays: new Map(),
    entryObjects: new Map(),
    lengths: new Map(tableLengths),
    tables,
    tableLengths,
    demands,
    demand: (demand) => demands.push(demand),
    functionOf,
    textOf: ({ file, start, end }) => (program.sources.get(file) ?? '').slice(start, end),
    demandCall,
    demandKept,
    callResult,
    pureResult,
    entryMeasure: [],
    entryThrows: [],
  };
  return context;
}
