/**
 * The source's side: a function of the IR executed on bits, on every path.
 *
 * A `number` is 64 bits in two's complement. That is exact because the function is proved: no sum leaves the safe
 * integers, no index its array, and each such fact is assumed at its place (`assumptions`); compilers make use of some of
 * them. Nothing of a contract is used but the function's own preconditions, which the caller adds (clauses.ts).
 *
 * A callee is executed where it is called. Loops, and whatever else is not understood, leave the function undecided.
 */
import type { Argument, Expression, FunctionIr, Statement } from '../../analyzers/ir.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { rangeOf, type Type } from '../../analyzers/types.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { isFalse, isTrue, negation, terms, word } from './algebra.ts';
import { bytesOf, isSafe, type Places, type SourceValue, scalarFrom } from './entry.ts';
import { scalarBytes } from './layout.ts';
import { type Region, readBytes, writeBytes } from './memory.ts';
import { undecided } from './undecided.ts';

/** More paths than this are no small function. */
const MOST_PATHS = 128;
const DEEPEST_CALL = 12;

export interface SourceState extends Places {
  readonly regions: ReadonlyMap<string, Region>;
  readonly conditions: readonly Term[];
  readonly assumptions: readonly Term[];
}

/** A way through a function. */
export interface SourcePath {
  readonly state: SourceState;
  readonly value?: SourceValue;
}

export interface Functions {
  readonly byKey: ReadonlyMap<string, FunctionIr>;
  readonly depth: number;
}

const isFields = (value: SourceValue): value is SourceValue & { readonly kind: 'fields' } => value.kind === 'fields';

function scalar(value: SourceValue): Term {
  if (isFields(value)) throw new TypeError('a record is no scalar');
  return value;
}

/** One of two values, field by field. */
function choose(condition: Term, a: SourceValue, b: SourceValue): SourceValue {
  if (!isFields(a) || !isFields(b)) {
    const [x, y] = [scalar(a), scalar(b)];
    return terms.select(condition, x, y);
  }
  return { kind: 'fields', fields: a.fields.map((field, i) => choose(condition, field, b.fields[i])) };
}

interface Evaluation {
  readonly functions: Functions;
  readonly state: SourceState;
  /** What is proved to hold here. */
  readonly assume: (fact: Term) => void;
}

const guarded = (at: Evaluation, condition: Term): Evaluation => ({
  ...at,
  assume: (fact) => at.assume(t.implies(condition, fact)),
});

function inType(value: Term, type: Type): Term {
  if (type.kind !== 'integer') return t.truth(true);
  const { low, high } = rangeOf(type.name);
  return t.all([terms.compare('bvsle', word(low!), value), terms.compare('bvsle', value, word(high!))]);
}

function evaluate(at: Evaluation, expression: Expression): SourceValue {
  const inner = (one: Expression): SourceValue => evaluate(at, one);
  const one = (part: Expression): Term => scalar(inner(part));
  const { state } = at;
  switch (expression.kind) {
    case 'integer':
      return word(expression.value);
    case 'boolean':
      return t.truth(expression.value);
    case 'variable': {
      const object = state.objects.get(expression.variable.id);
      if (object !== undefined) return objectValue(state, expression.variable.id, expression.type);
      return state.values.get(expression.variable.id) ?? undecided(`the variable ${expression.variable.name}`);
    }
    case 'operation': {
      const operator = operatorOf(expression.operator);
      if (operator.domain === 'bigint') return undecided('a bigint');
      const operands = expression.operands.map(one);
      const result = operator.machine(terms, operands, { width: 64, signed: true });
      if (operator.conditions !== undefined) at.assume(negation(terms.compare('=', operands[1], word(0))));
      if (operator.gives === 'integer') at.assume(isSafe(result));
      return result;
    }
    case 'convert': {
      const value = one(expression.operand);
      at.assume(inType(value, expression.type));
      return value;
    }
    case 'not':
      return negation(one(expression.operand));
    case 'logical': {
      const left = one(expression.left);
      const isAnd = expression.operator === 'and';
      if (expression.operator === 'implies') return undecided('implies in code');
      if (isAnd ? isFalse(left) : isTrue(left)) return left;
      const right = scalar(evaluate(guarded(at, isAnd ? left : negation(left)), expression.right));
      return isAnd ? t.all([left, right]) : t.any([left, right]);
    }
    case 'same':
      return t.equal(one(expression.left), one(expression.right));
    case 'conditional': {
      const condition = one(expression.condition);
      if (condition.kind === 'truth') return inner(condition.value ? expression.whenTrue : expression.whenFalse);
      return choose(
        condition,
        evaluate(guarded(at, condition), expression.whenTrue),
        evaluate(guarded(at, negation(condition)), expression.whenFalse),
      );
    }
    case 'element': {
      const array = state.arrays.get(expression.array.id) ?? undecided(`the table ${expression.array.name}`);
      const index = one(expression.index);
      at.assume(terms.compare('bvult', index, array.length));
      const offset = terms.operate('bvmul', index, word(array.elementBytes));
      const region = state.regions.get(array.region)!;
      return scalarFrom(
        readBytes(region, array.elementBytes === 1 ? index : offset, array.elementBytes),
        expression.array.type.element,
      );
    }
    case 'length':
      return state.arrays.get(expression.array.id)?.length ?? undecided(`the table ${expression.array.name}`);
    case 'record':
      return { kind: 'fields', fields: expression.fields.map(inner) };
    case 'field': {
      const { type } = expression.operand;
      const fields = type.kind === 'record' ? type.fields : type.kind === 'object' ? type.record.fields : [];
      const value = inner(expression.operand);
      const index = fields.findIndex(({ name }) => name === expression.name);
      return isFields(value) ? value.fields[index] : undecided('a field of what is no record');
    }
    case 'call': {
      const paths = runCallee(at.functions, state, expression.function, expression.arguments, at);
      if (paths.length === 0) return undecided('a call that never returns');
      for (const path of paths)
        for (const fact of path.state.assumptions) at.assume(t.implies(t.all(path.state.conditions), fact));
      return paths
        .map(({ state: { conditions }, value }) => ({ condition: t.all(conditions), value: value! }))
        .reduceRight((rest, { condition, value }) => ({ condition, value: choose(condition, value, rest.value) }))
        .value;
    }
    default:
      return undecided(`${expression.kind} in code`);
  }
}

function objectValue(state: SourceState, id: string, type: Type): SourceValue {
  const { region, layout } = state.objects.get(id)!;
  let next = 0;
  const build = (inner: Type): SourceValue => {
    if (inner.kind === 'object') return build(inner.record);
    if (inner.kind === 'record') return { kind: 'fields', fields: inner.fields.map((field) => build(field.type)) };
    const { offset } = layout.scalars[next++];
    return scalarFrom(readBytes(state.regions.get(region)!, word(offset), scalarBytes(inner)!), inner);
  };
  return build(type);
}

/** The ways through a callee; their conditions and assumptions are those of the callee alone. */
function runCallee(
  functions: Functions,
  state: SourceState,
  key: string,
  args: readonly Argument[],
  at: Evaluation,
): SourcePath[] {
  const callee = functions.byKey.get(key);
  if (callee?.body === undefined) return undecided(`a call of ${callee?.name ?? key}, which has no body`);
  if (functions.depth >= DEEPEST_CALL) return undecided('calls too deep to follow');
  const values = new Map<string, SourceValue>();
  const arrays = new Map<string, typeof state.arrays extends ReadonlyMap<string, infer A> ? A : never>();
  const objects = new Map<string, typeof state.objects extends ReadonlyMap<string, infer O> ? O : never>();
  for (const [i, given] of args.entries()) {
    const { id } = callee.parameters[i];
    if (given.kind === 'array')
      arrays.set(id, state.arrays.get(given.array.id) ?? undecided(`the table ${given.array.name}`));
    else if (given.kind === 'object')
      objects.set(id, state.objects.get(given.object.id) ?? undecided('an object of its own'));
    else values.set(id, evaluate(at, given));
  }
  const inside: SourceState = { values, arrays, objects, regions: state.regions, conditions: [], assumptions: [] };
  return pathsOf({ ...functions, depth: functions.depth + 1 }, callee, inside);
}

/** All ways through a function's body from a state. */
export function pathsOf(functions: Functions, subject: FunctionIr, state: SourceState): SourcePath[] {
  const ended: SourcePath[] = [];
  const through = execute(functions, [state], subject.body!, ended);
  if (subject.result.kind === 'void') ended.push(...through.map((one) => ({ state: one })));
  // That each way returns a value is proved: what comes here is not there.
  if (ended.length > MOST_PATHS) undecided(`more than ${MOST_PATHS} paths`);
  return ended;
}

function execute(
  functions: Functions,
  states: readonly SourceState[],
  statements: readonly Statement[],
  ended: SourcePath[],
): readonly SourceState[] {
  let current = states;
  for (const statement of statements) {
    current = current.flatMap((state) => executeOne(functions, state, statement, ended));
    if (current.length + ended.length > MOST_PATHS) undecided(`more than ${MOST_PATHS} paths`);
  }
  return current;
}

function executeOne(
  functions: Functions,
  state: SourceState,
  statement: Statement,
  ended: SourcePath[],
): readonly SourceState[] {
  const facts: Term[] = [];
  const at: Evaluation = { functions, state, assume: (fact) => facts.push(fact) };
  const value = (expression: Expression): SourceValue => evaluate(at, expression);
  const after = (changed: Partial<SourceState>): SourceState => ({
    ...state,
    assumptions: [...state.assumptions, ...facts],
    ...changed,
  });
  const withRegion = (name: string, offset: Term, bytes: Term): ReadonlyMap<string, Region> =>
    new Map(state.regions).set(name, writeBytes(state.regions.get(name)!, offset, bytes));
  switch (statement.kind) {
    case 'declare':
    case 'assign': {
      if (statement.variable.type.kind === 'object') return undecided('an object of its own');
      const given = value(statement.value);
      return [after({ values: new Map(state.values).set(statement.variable.id, given) })];
    }
    case 'store': {
      const { element } = statement.array.type;
      const array = state.arrays.get(statement.array.id) ?? undecided('an array of its own');
      const index = scalar(value(statement.index));
      const bytes = bytesOf(scalar(value(statement.value)), element);
      facts.push(terms.compare('bvult', index, array.length));
      const offset = array.elementBytes === 1 ? index : terms.operate('bvmul', index, word(array.elementBytes));
      return [after({ regions: withRegion(array.region, offset, bytes) })];
    }
    case 'set': {
      const object = state.objects.get(statement.object.id) ?? undecided('an object of its own');
      const { fields } = statement.object.type.record;
      const field = fields.findIndex(({ name }) => name === statement.field);
      const place = object.layout.scalars.find(({ path }) => path.length === 1 && path[0] === field);
      if (place === undefined) return undecided('a field of an object that is a record');
      const bytes = bytesOf(scalar(value(statement.value)), place.type);
      return [after({ regions: withRegion(object.region, word(place.offset), bytes) })];
    }
    case 'if': {
      const condition = scalar(value(statement.condition));
      const branch = (holds: Term, body: readonly Statement[]): readonly SourceState[] =>
        isFalse(holds) ? [] : execute(functions, [after({ conditions: [...state.conditions, holds] })], body, ended);
      return [...branch(condition, statement.whenTrue), ...branch(negation(condition), statement.whenFalse)];
    }
    case 'return': {
      const given = statement.value === undefined ? undefined : value(statement.value);
      ended.push({ state: after({}), ...(given === undefined ? {} : { value: given }) });
      return [];
    }
    case 'call': {
      const paths = runCallee(functions, state, statement.function, statement.arguments, at);
      return paths.map((path) => {
        const { conditions, assumptions, regions } = path.state;
        const { target } = statement;
        return after({
          regions,
          conditions: [...state.conditions, ...conditions],
          assumptions: [...state.assumptions, ...facts, ...assumptions],
          ...(target === undefined ? {} : { values: new Map(state.values).set(target.id, path.value!) }),
        });
      });
    }
    case 'assert':
    case 'ghost':
      return [state];
    case 'loop':
      return undecided('a loop');
    default:
      return undecided(`the statement ${statement.kind}`);
  }
}
