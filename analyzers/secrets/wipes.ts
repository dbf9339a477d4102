/**
 * What counts as a wipe in source: a loop that runs an index from 0 up to an array's length and stores a constant each
 * time, and stores of constants to all indices one by one. Anything cleverer is not recognised, and the array counts as
 * not wiped: the author writes the plain loop, or calls a function that has it and is @zeroized.
 */
import type { Clause, Expression, FunctionIr, Loop, Statement } from '../ir.ts';
import { allStatements } from '../walk.ts';
import type { State } from './state.ts';

/** The expression without conversions between integers, which keep the value. */
export function plain(expression: Expression): Expression {
  return expression.kind === 'convert' &&
    expression.type.kind === 'integer' &&
    expression.operand.type.kind === 'integer'
    ? plain(expression.operand)
    : expression;
}

/** The value that is written there. */
export function literalOf(expression: Expression): bigint | undefined {
  const inner = plain(expression);
  return inner.kind === 'integer' ? inner.value : undefined;
}

/** Lengths of arrays, by id, that the text says: of those that are made, and of parameters by `a.length === 32`. */
export function lengthsOf({ body, requires }: Pick<FunctionIr, 'body' | 'requires'>): Map<string, bigint> {
  const lengths = new Map<string, bigint>();
  const take = (expression: Expression): void => {
    if (expression.kind === 'logical' && expression.operator === 'and') {
      take(expression.left);
      take(expression.right);
    }
    if (expression.kind !== 'operation' || expression.operator !== 'equal') return;
    const [a, b] = expression.operands.map(plain);
    for (const [array, length] of [
      [a, b],
      [b, a],
    ])
      if (array.kind === 'length' && length.kind === 'integer') lengths.set(array.array.id, length.value);
  };
  for (const { expression } of requires as readonly Clause[]) take(expression);
  for (const statement of allStatements(body ?? [])) {
    const length = statement.kind === 'allocate' ? literalOf(statement.length) : undefined;
    if (statement.kind === 'allocate' && length !== undefined) lengths.set(statement.variable.id, length);
  }
  return lengths;
}

/** The expression's value, where the text or the way up to here says it. */
export function knownValue(
  state: State,
  lengths: ReadonlyMap<string, bigint>,
  expression: Expression,
): bigint | undefined {
  const inner = plain(expression);
  if (inner.kind === 'integer') return inner.value;
  if (inner.kind === 'variable') return state.known.get(inner.variable.id);
  return inner.kind === 'length' ? lengths.get(inner.array.id) : undefined;
}

const isVariable = (expression: Expression, id: string): boolean => {
  const inner = plain(expression);
  return inner.kind === 'variable' && inner.variable.id === id;
};

/** Whether the statement adds 1 to the variable. */
function steps(statement: Statement | undefined, id: string): boolean {
  if (statement?.kind !== 'assign' || statement.variable.id !== id) return false;
  const sum = plain(statement.value);
  return (
    sum.kind === 'operation' &&
    sum.operator === 'add' &&
    isVariable(sum.operands[0], id) &&
    literalOf(sum.operands[1]) === 1n
  );
}

/** Whether the statement does nothing in compiled code. */
const isForProof = (statement: Statement): boolean =>
  statement.kind === 'ghost' ||
  statement.kind === 'assert' ||
  (statement.kind === 'declare' && statement.variable.ghost === true) ||
  (statement.kind === 'assign' && statement.variable.ghost === true);

/** Arrays that the loop sets to a constant from their first element to their last, with the constant; undefined: it does other things. */
export function wipedBy(
  loop: Loop,
  state: State,
  lengths: ReadonlyMap<string, bigint>,
): { readonly index: string; readonly arrays: ReadonlyMap<string, bigint> } | undefined {
  const { condition } = loop;
  if (condition.kind !== 'operation' || condition.operator !== 'less') return undefined;
  const [low, high] = condition.operands.map(plain);
  if (low.kind !== 'variable' || state.known.get(low.variable.id) !== 0n) return undefined;
  const { id } = low.variable;
  const bound = knownValue(state, lengths, high);
  const work = [...loop.body, ...loop.update].filter((statement) => !isForProof(statement));
  if (!steps(work.pop(), id)) return undefined;
  const arrays = new Map<string, bigint>();
  for (const statement of work) {
    const value = statement.kind === 'store' ? literalOf(statement.value) : undefined;
    if (statement.kind !== 'store' || value === undefined || !isVariable(statement.index, id)) return undefined;
    const { array } = statement;
    const whole =
      (high.kind === 'length' && high.array.id === array.id) ||
      (bound !== undefined && bound === lengths.get(array.id));
    if (!whole || (arrays.has(array.id) && arrays.get(array.id) !== value)) return undefined;
    arrays.set(array.id, value);
  }
  return arrays.size > 0 ? { index: id, arrays } : undefined;
}
