/**
 * Functions in groups that call each other, callees first: the strongly connected components of the call graph
 * (Tarjan). Recursion is a matter within a group; what one group uses of another has been decided before.
 */
import type { FunctionIr, Statement } from '../analyzers/ir.ts';
import { allStatements, callsIn, expressionsOf } from '../analyzers/walk.ts';

export interface Group {
  readonly functions: readonly FunctionIr[];
  /** Whether its functions may call each other, or the one itself. */
  readonly recursive: boolean;
}

function callsInStatements(statements: readonly Statement[], found: Set<string>): void {
  for (const statement of allStatements(statements)) {
    if (statement.kind === 'call') found.add(statement.function);
    for (const expression of expressionsOf(statement)) callsIn(expression, found);
  }
}

/** Keys of the functions that a function calls, in its body or its contract. */
export function calleesOf(subject: FunctionIr): Set<string> {
  const found = new Set<string>();
  for (const { expression } of [...subject.requires, ...subject.throws, ...subject.ensures, ...subject.decreases])
    callsIn(expression, found);
  callsInStatements(subject.body ?? [], found);
  return found;
}

export function groupFunctions(functions: readonly FunctionIr[]): Group[] {
  const byKey = new Map(functions.map((one) => [one.key, one]));
  const callees = new Map(functions.map((one) => [one.key, calleesOf(one)]));
  const indices = new Map<string, number>();
  const lows = new Map<string, number>();
  const open: string[] = [];
  const groups: Group[] = [];
  const visit = (key: string): void => {
    indices.set(key, indices.size);
    lows.set(key, indices.get(key)!);
    open.push(key);
    for (const next of callees.get(key) ?? []) {
      if (!byKey.has(next)) continue;
      if (!indices.has(next)) visit(next);
      if (open.includes(next)) lows.set(key, Math.min(lows.get(key)!, lows.get(next)!));
    }
    if (lows.get(key) !== indices.get(key)) return;
    const members = open.splice(open.indexOf(key));
    const recursive = members.length > 1 || callees.get(key)!.has(key);
    // In the order of the program, whatever the walk's.
    groups.push({ functions: functions.filter((one) => members.includes(one.key)), recursive });
  };
  for (const { key } of functions) if (!indices.has(key)) visit(key);
  return groups;
}
