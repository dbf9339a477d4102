/**
 * Which functions a proof stands on that are not proved themselves.
 *
 * A caller is proved from the contracts of what it calls, so it is proved only as far as those hold: where one of them is
 * trusted, or its proof does not hold and somebody let it pass, everything above it is conditional, however many calls lie
 * between. Clauses, lemmas and ghost code count like code that is run: a false lemma proves anything.
 */
import type { FunctionIr } from '../analyzers/ir.ts';
import { calleesOf } from './groups.ts';

/**
 * Of each function, by key, those that `isOpen` which it relies on, directly or through others, in the order of
 * `functions`. A function does not rely on itself; one that relies on nothing open is left out.
 */
export function reliances(
  functions: readonly FunctionIr[],
  isOpen: (fn: FunctionIr) => boolean,
): ReadonlyMap<string, readonly FunctionIr[]> {
  const callers = new Map<string, string[]>();
  for (const fn of functions)
    for (const callee of calleesOf(fn)) {
      const known = callers.get(callee);
      if (known === undefined) callers.set(callee, [fn.key]);
      else known.push(fn.key);
    }
  const found = new Map<string, FunctionIr[]>();
  for (const open of functions.filter(isOpen)) {
    const seen = new Set([open.key]);
    const pending = [open.key];
    for (let key = pending.pop(); key !== undefined; key = pending.pop())
      for (const caller of callers.get(key) ?? []) {
        if (seen.has(caller)) continue;
        seen.add(caller);
        pending.push(caller);
        const known = found.get(caller);
        if (known === undefined) found.set(caller, [open]);
        else known.push(open);
      }
  }
  return found;
}
