/**
 * Words of arguments that a function never looks at: the length of an array of which only elements are used, a scalar
 * that only a contract speaks of.
 *
 * Compilers pass whatever a register happens to hold for an argument that they have seen to be dead in the callee. So a
 * word that the source's body does not use carries nothing here: a function is validated for any value of it, and calls
 * are not held to it. Both go together; of a callee that is assumed, that is assumed, too. What runs is looked at, not
 * clauses. That a word is passed on counts where the callee uses its own; of a function without a body all are used.
 */
import type { Argument, Expression, FunctionIr, Statement } from '../../analyzers/ir.ts';
import { allStatements, expressionsOf, partsOf } from '../../analyzers/walk.ts';

/** Ids of parameters, by the function's key: scalars and records that are used, arrays whose lengths are. */
export type UsedWords = ReadonlyMap<string, ReadonlySet<string>>;

type Node = Expression | Argument;

/** What is computed when the function runs, by itself and not through its callees. */
function runs({ body = [] }: FunctionIr): readonly Node[] {
  const own = (statements: readonly Statement[]): readonly Node[] =>
    statements.flatMap((statement): readonly Node[] => {
      if (statement.kind === 'assert' || statement.kind === 'ghost') return [];
      if (statement.kind === 'loop') return [statement.condition, ...own(statement.body), ...own(statement.update)];
      if (statement.kind === 'if')
        return [statement.condition, ...own(statement.whenTrue), ...own(statement.whenFalse)];
      return expressionsOf(statement);
    });
  return own(body);
}

interface Passing {
  /** An array of the caller, and what it is passed as. */
  readonly id: string;
  readonly callee: string;
  readonly parameter: number;
}

interface Uses {
  readonly used: Set<string>;
  readonly passed: readonly Passing[];
}

function usesOf(fn: FunctionIr): Uses {
  const used = new Set<string>();
  const passed: Passing[] = [];
  const passAll = (callee: string, given: readonly Argument[]): void => {
    for (const [parameter, one] of given.entries())
      if (one.kind === 'array') passed.push({ id: one.array.id, callee, parameter });
  };
  const visit = (node: Node): void => {
    if (node.kind === 'variable') used.add(node.variable.id);
    else if (node.kind === 'length') used.add(node.array.id);
    else if (node.kind === 'call') passAll(node.function, node.arguments);
    for (const part of partsOf(node)) visit(part);
  };
  for (const node of runs(fn)) visit(node);
  for (const statement of allStatements(fn.body ?? []))
    if (statement.kind === 'call') passAll(statement.function, statement.arguments);
  return { used, passed };
}

/** Of all functions of a program. */
export function usedWords(functions: readonly FunctionIr[]): UsedWords {
  const uses = new Map(functions.map((fn) => [fn.key, usesOf(fn)]));
  const byKey = new Map(functions.map((fn) => [fn.key, fn]));
  for (const fn of functions)
    if (fn.body === undefined) for (const { id } of fn.parameters) uses.get(fn.key)!.used.add(id);
  for (let changes = true; changes; ) {
    changes = false;
    for (const { used, passed } of uses.values())
      for (const { id, callee, parameter } of passed) {
        const own = byKey.get(callee)?.parameters[parameter]?.id;
        const isUsed = own === undefined || uses.get(callee)!.used.has(own);
        if (!isUsed || used.has(id)) continue;
        used.add(id);
        changes = true;
      }
  }
  return new Map([...uses].map(([key, { used }]) => [key, used]));
}
