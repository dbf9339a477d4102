/**
 * Variables that C has as an int though their type says less: parameters of the unit's own functions that are of 8 or 16
 * bits, and local constants whose value is an int and goes into no operation in 64 bits.
 *
 * A compiler that sees a byte converted keeps to a byte as long as it can, and vectors have no shifts of bytes: base64 by
 * clang -O2 took a tenth longer for it than the same C with ints. A value that C or memory is given has its own width all
 * the same; and that one is in the range of its type is proved, so nothing is lost by not cutting it off again.
 */
import type { Expression, FunctionIr, Statement, Variable } from '../../analyzers/ir.ts';
import type { Bounds } from '../../analyzers/operators/bounds.ts';
import { operatorOf } from '../../analyzers/operators.ts';
import { type IntegerName, integer, rangeOf, type Type, valueType } from '../../analyzers/types.ts';
import { allStatements } from '../../analyzers/walk.ts';
import { runStatements, visitCode } from '../reachable.ts';

const small: ReadonlySet<IntegerName> = new Set(['u8', 'i8', 'u16', 'i16']);

/** The bounds of a parameter that becomes an int. */
function boundsOf({ type }: Variable): Bounds | undefined {
  if (type.kind !== 'integer' || !small.has(type.name)) return undefined;
  const { low, high } = rangeOf(type.name);
  return { low: low!, high: high! };
}

/** C's types of the parameters of a function that nothing outside of the unit calls. */
export const widenedParameters = ({ parameters }: FunctionIr): Type[] =>
  parameters.map((one) => (boundsOf(one) === undefined ? one.type : integer('i32')));

/** The same parameters' bounds, by id. */
export const heldByParameters = ({ parameters }: FunctionIr): Map<string, Bounds> =>
  new Map(
    parameters.flatMap((one) => {
      const bounds = boundsOf(one);
      return bounds === undefined ? [] : [[one.id, bounds] as const];
    }),
  );

/** Ids of variables that get a value more than once. */
function reassigned(body: readonly Statement[]): ReadonlySet<string> {
  const found = new Set<string>();
  for (const statement of allStatements(body)) {
    if (statement.kind === 'assign') found.add(statement.variable.id);
    if (statement.kind === 'call' && statement.target !== undefined) found.add(statement.target.id);
  }
  return found;
}

function isNumber({ type, ghost }: Variable): boolean {
  const own = valueType(type);
  return own.kind === 'integer' && !['bigint', 'u64', 'i64'].includes(own.name) && ghost !== true;
}

const stripped = (node: Expression): Expression => (node.kind === 'convert' ? stripped(node.operand) : node);

/** The bounds of an expression that C has as an int; undefined of any other. */
export type IntBounds = (expression: Expression) => Bounds | undefined;

/** Ids of variables that an operation in 64 bits reads: each would have to be widened there, again and again. */
function usedWide(body: readonly Statement[], intBounds: IntBounds): Set<string> {
  const found = new Set<string>();
  visitCode(body, (node) => {
    if (node.kind !== 'operation') return;
    const { domain, gives } = operatorOf(node.operator);
    const isNarrow =
      domain === 'number' &&
      (gives === 'integer'
        ? intBounds(node) !== undefined
        : node.operands.every((one) => intBounds(one) !== undefined));
    if (isNarrow) return;
    for (const one of node.operands.map(stripped)) if (one.kind === 'variable') found.add(one.variable.id);
  });
  return found;
}

/**
 * What the local constants hold that become ints, with `held`, which others do; `boundsWith` gives the bounds of
 * expressions where that is held.
 */
export function heldByConstants(
  body: readonly Statement[],
  held: ReadonlyMap<string, Bounds>,
  boundsWith: (held: ReadonlyMap<string, Bounds>) => IntBounds,
): ReadonlyMap<string, Bounds> {
  const left = reassigned(body);
  const constants = runStatements(body).flatMap((one) =>
    one.kind === 'declare' && isNumber(one.variable) && !left.has(one.variable.id) ? [one] : [],
  );
  const wide = new Set<string>();
  for (;;) {
    const all = new Map(held);
    const intBounds = boundsWith(all);
    // In the order of the text: a value is made of those before it.
    for (const { variable, value } of constants) {
      const bounds = wide.has(variable.id) ? undefined : intBounds(value);
      if (bounds !== undefined) all.set(variable.id, bounds);
    }
    const more = [...usedWide(body, intBounds)].filter((id) => all.has(id) && !held.has(id));
    if (more.length === 0) return all;
    for (const id of more) wide.add(id);
  }
}
