/**
 * Expressions of the IR on bits.
 *
 * A `number` is 64 bits in two's complement. That is exact because the function is proved: no sum leaves the safe
 * integers, no index its array, and each such fact is assumed at its place (`assumptions`); compilers make use of some of
 * them. What stands behind a condition is assumed under it.
 */
import type { Argument, Expression } from '../../analyzers/ir.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { domainOf, rangeOf, type Type } from '../../analyzers/types.ts';
import { partsOf } from '../../analyzers/walk.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';
import { isFalse, isTrue, negation, terms, word } from './algebra.ts';
import { isSafe, type Places, type SourceValue, scalarFrom } from './entry.ts';
import { scalarBytes } from './layout.ts';
import { type Region, readBytes } from './memory.ts';
import { undecided } from './undecided.ts';

export interface SourceState extends Places {
  readonly regions: ReadonlyMap<string, Region>;
  readonly conditions: readonly Term[];
  readonly assumptions: readonly Term[];
  /** Keys of the callees so far, in this segment. */
  readonly history: readonly string[];
}

/** How an expression is computed: the state changes as its calls are. */
export interface Evaluation {
  now: SourceState;
  /** What must hold for this part to be computed. */
  readonly guards: readonly Term[];
  /** Makes a call, which may stop and change the state. */
  readonly call: (at: Evaluation, key: string, args: readonly Argument[]) => SourceValue | undefined;
}

const isFields = (value: SourceValue): value is SourceValue & { readonly kind: 'fields' } => value.kind === 'fields';

export function scalar(value: SourceValue): Term {
  if (isFields(value)) throw new TypeError('a record is no scalar');
  return value;
}

/** One of two values, field by field. */
export function choose(condition: Term, a: SourceValue, b: SourceValue): SourceValue {
  if (!isFields(a) || !isFields(b)) {
    const [x, y] = [scalar(a), scalar(b)];
    return terms.select(condition, x, y);
  }
  return { kind: 'fields', fields: a.fields.map((field, i) => choose(condition, field, b.fields[i])) };
}

/** Assumes what is proved to hold here. */
export function assume(at: Evaluation, fact: Term): void {
  const guarded = at.guards.length === 0 ? fact : t.implies(t.all(at.guards), fact);
  at.now = { ...at.now, assumptions: [...at.now.assumptions, guarded] };
}

/** Computes under one more condition. */
function under(at: Evaluation, condition: Term, expression: Expression): SourceValue {
  const inner: Evaluation = { ...at, guards: [...at.guards, condition] };
  const value = evaluate(inner, expression);
  at.now = inner.now;
  return value;
}

export function inType(value: Term, type: Type): Term {
  if (type.kind !== 'integer') return t.truth(true);
  const { low, high } = rangeOf(type.name);
  return t.all([terms.compare('bvsle', word(low!), value), terms.compare('bvsle', value, word(high!))]);
}

/** The offset of an element. */
export const offsetOf = (index: Term, elementBytes: number): Term =>
  elementBytes === 1 ? index : terms.operate('bvmul', index, word(elementBytes));

export function evaluate(at: Evaluation, expression: Expression): SourceValue {
  const inner = (one: Expression): SourceValue => evaluate(at, one);
  const one = (part: Expression): Term => scalar(inner(part));
  switch (expression.kind) {
    case 'integer':
      return word(expression.value);
    case 'boolean':
      return t.truth(expression.value);
    case 'variable': {
      const object = at.now.objects.get(expression.variable.id);
      if (object !== undefined) return objectValue(at.now, expression.variable.id, expression.type);
      return at.now.values.get(expression.variable.id) ?? undecided(`the variable ${expression.variable.name}`);
    }
    case 'operation': {
      const operator = operatorOf(expression.operator);
      if (operator.domain === 'bigint') return undecided('a bigint');
      const operands = expression.operands.map(one);
      const result = operator.machine(terms, operands, { width: 64, signed: true });
      if (operator.conditions !== undefined) assume(at, negation(terms.compare('=', operands[1], word(0))));
      if (operator.gives === 'integer') assume(at, isSafe(result));
      return result;
    }
    case 'convert': {
      const { type } = expression;
      // Its range has no meaning in 64 bits with a sign.
      if (type.kind === 'integer' && domainOf(type) === 'bigint') return undecided('a bigint');
      const value = one(expression.operand);
      assume(at, inType(value, type));
      return value;
    }
    case 'not':
      return negation(one(expression.operand));
    case 'logical': {
      const left = one(expression.left);
      const isAnd = expression.operator === 'and';
      if (expression.operator === 'implies') return undecided('implies in code');
      if (isAnd ? isFalse(left) : isTrue(left)) return left;
      const right = scalar(under(at, isAnd ? left : negation(left), expression.right));
      return isAnd ? t.all([left, right]) : t.any([left, right]);
    }
    case 'same':
      return t.equal(one(expression.left), one(expression.right));
    case 'conditional': {
      const condition = one(expression.condition);
      if (condition.kind === 'truth') return inner(condition.value ? expression.whenTrue : expression.whenFalse);
      return choose(
        condition,
        under(at, condition, expression.whenTrue),
        under(at, negation(condition), expression.whenFalse),
      );
    }
    case 'element': {
      const array = at.now.arrays.get(expression.array.id) ?? undecided(`the table ${expression.array.name}`);
      const index = one(expression.index);
      assume(at, terms.compare('bvult', index, array.length));
      const bytes = readBytes(
        at.now.regions.get(array.region)!,
        offsetOf(index, array.elementBytes),
        array.elementBytes,
      );
      return scalarFrom(bytes, expression.array.type.element);
    }
    case 'length':
      return at.now.arrays.get(expression.array.id)?.length ?? undecided(`the table ${expression.array.name}`);
    case 'record':
      return { kind: 'fields', fields: expression.fields.map(inner) };
    case 'field': {
      const { type } = expression.operand;
      const fields = type.kind === 'record' ? type.fields : type.kind === 'object' ? type.record.fields : [];
      const value = inner(expression.operand);
      const index = fields.findIndex(({ name }) => name === expression.name);
      return isFields(value) ? value.fields[index] : undecided('a field of what is no record');
    }
    case 'call':
      return at.call(at, expression.function, expression.arguments) ?? undecided('a call that never returns');
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

/** Whether one of some functions is called where it may not come to be. */
export function callsUnderCondition(expression: Expression, isMeant: (fn: string) => boolean): boolean {
  const calls = (node: Expression | Argument): boolean =>
    (node.kind === 'call' && isMeant(node.function)) || partsOf(node).some(calls);
  if (expression.kind === 'logical') return callsUnderCondition(expression.left, isMeant) || calls(expression.right);
  if (expression.kind === 'conditional') return calls(expression.whenTrue) || calls(expression.whenFalse);
  if (expression.kind === 'not') return callsUnderCondition(expression.operand, isMeant);
  return false;
}
