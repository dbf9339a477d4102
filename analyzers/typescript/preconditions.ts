/**
 * A precondition, or a condition of @throws, may call pure functions, and each of those calls needs such conditions of
 * its own to hold. Where that comes back to the first one, no call of it would ever be shown to be allowed, and whoever
 * tried would not end; so a function whose precondition calls the function itself, directly or through the
 * preconditions of others, is refused.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { FunctionIr } from '../ir.ts';
import { callsIn } from '../walk.ts';

/** Reports each precondition that needs itself. */
export function refuseCyclicPreconditions(functions: readonly FunctionIr[], diagnostics: Diagnostic[]): void {
  const needs = new Map(
    functions.map(({ key, requires, throws }) => {
      const found = new Set<string>();
      for (const { expression } of [...requires, ...throws]) callsIn(expression, found);
      return [key, found] as const;
    }),
  );
  for (const { key, name, requires, throws } of functions) {
    for (const { expression, span } of [...requires, ...throws]) {
      const found = new Set<string>();
      callsIn(expression, found);
      // Grows while it is walked.
      for (const next of found) for (const further of needs.get(next) ?? []) found.add(further);
      if (!found.has(key)) continue;
      diagnostics.push({
        span,
        message: `the precondition of ${name} calls ${name}, or what needs ${name}`,
        advice: 'Say what is meant with operators, or with a function that has no precondition.',
      });
    }
  }
}
