/**
 * What of a program is run: the functions that others can call from outside, and all that code calls from there. What is
 * left out exists for proofs alone (lemmas, functions of contracts) and needs no form in machine code.
 */
import type { Argument, Expression, FunctionIr, Program, Statement } from '../analyzers/ir.ts';
import { allStatements, callsIn, expressionsOf, partsOf } from '../analyzers/walk.ts';

/** The statements that are run, outer ones first. */
export function runStatements(body: readonly Statement[]): readonly Statement[] {
  const all = allStatements(body);
  const ghosts = new Set(all.flatMap((one) => (one.kind === 'ghost' ? allStatements(one.body) : [])));
  return all.filter((one) => one.kind !== 'assert' && one.kind !== 'ghost' && !ghosts.has(one));
}

/** The expressions of a statement that are computed when it is run. */
export const runExpressions = (statement: Statement): readonly (Expression | Argument)[] =>
  statement.kind === 'loop' ? [statement.condition] : expressionsOf(statement);

/** Calls `visit` with an expression and all that it is made of, outer ones first. */
function visitExpression(node: Expression | Argument, visit: (node: Expression | Argument) => void): void {
  visit(node);
  for (const part of partsOf(node)) visitExpression(part, visit);
}

/** Calls `visit` with each expression that a function's code computes, outer ones first. */
export function visitCode(body: readonly Statement[], visit: (node: Expression | Argument) => void): void {
  for (const statement of runStatements(body))
    for (const node of runExpressions(statement)) visitExpression(node, visit);
}

/** Keys of the functions that a function's code calls. */
export function calledFunctions({ body = [] }: FunctionIr): Set<string> {
  const found = new Set<string>();
  for (const statement of runStatements(body)) if (statement.kind === 'call') found.add(statement.function);
  visitCode(body, (node) => {
    if (node.kind === 'call') found.add(node.function);
  });
  return found;
}

/**
 * The program without what is not run when only `roots`, keys of functions, are called from outside, and `computed` is
 * computed as well.
 */
export function reachableFrom(
  program: Program,
  roots: ReadonlySet<string>,
  computed: readonly Expression[] = [],
): Program {
  const byKey = new Map(program.functions.map((fn) => [fn.key, fn]));
  const reached = new Set<string>();
  const calls = new Set<string>();
  for (const expression of computed) callsIn(expression, calls);
  const pending = [...roots, ...calls];
  for (let key = pending.pop(); key !== undefined; key = pending.pop()) {
    const fn = byKey.get(key);
    if (fn === undefined || reached.has(key)) continue;
    reached.add(key);
    pending.push(...calledFunctions(fn));
  }
  const functions = program.functions.filter(({ key }) => reached.has(key));
  // Tables: nothing stores to them.
  const arrays = new Set<string>();
  const seeArray = (node: Expression | Argument): void => {
    if (node.kind === 'element' || node.kind === 'length' || node.kind === 'array') arrays.add(node.array.id);
  };
  for (const { body = [] } of functions) visitCode(body, seeArray);
  for (const expression of computed) visitExpression(expression, seeArray);
  return { ...program, functions, tables: program.tables.filter(({ variable }) => arrays.has(variable.id)) };
}
