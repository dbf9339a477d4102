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

/** A function whose callees are being visited: which, and how many of them are done. */
interface Visit {
  readonly key: string;
  readonly callees: readonly string[];
  done: number;
}

export function groupFunctions(functions: readonly FunctionIr[]): Group[] {
  const order = new Map(functions.map(({ key }, place) => [key, place]));
  const callees = new Map(functions.map((one) => [one.key, calleesOf(one)]));
  const indices = new Map<string, number>();
  const lows = new Map<string, number>();
  const open: string[] = [];
  const isOpen = new Set<string>();
  const groups: Group[] = [];
  const lower = (key: string, low: number): void => {
    lows.set(key, Math.min(lows.get(key)!, low));
  };
  const close = (key: string): void => {
    if (lows.get(key) !== indices.get(key)) return;
    const members = open.splice(open.lastIndexOf(key));
    for (const member of members) isOpen.delete(member);
    const recursive = members.length > 1 || callees.get(key)!.has(key);
    // In the order of the program, whatever the walk's.
    const places = members.map((member) => order.get(member)!).sort((a, b) => a - b);
    groups.push({ functions: places.map((place) => functions[place]), recursive });
  };
  // An explicit stack: a chain of calls may be longer than the call stack is deep.
  const stack: Visit[] = [];
  const enter = (key: string): void => {
    indices.set(key, indices.size);
    lows.set(key, indices.get(key)!);
    open.push(key);
    isOpen.add(key);
    stack.push({ key, callees: [...callees.get(key)!].filter((next) => order.has(next)), done: 0 });
  };
  for (const { key } of functions) {
    if (!indices.has(key)) enter(key);
    for (let visit = stack.at(-1); visit !== undefined; visit = stack.at(-1)) {
      const next = visit.callees.at(visit.done);
      if (next === undefined) {
        close(visit.key);
        stack.pop();
        const caller = stack.at(-1);
        if (caller !== undefined && isOpen.has(visit.key)) lower(caller.key, lows.get(visit.key)!);
        if (caller !== undefined) caller.done++;
      } else if (!indices.has(next)) enter(next);
      else {
        if (isOpen.has(next)) lower(visit.key, indices.get(next)!);
        visit.done++;
      }
    }
  }
  return groups;
}
