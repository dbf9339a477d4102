/**
 * Effects on the world outside: a trusted function that is not pure may have one (casemate/platform: every one of its
 * functions), and so has whatever calls it.
 *
 * Two such calls are two events, whose order and number count, though nothing that is proved depends on them: each
 * result is fresh, and only its contract is known. The order of calls in an expression is JavaScript's and not C's, and
 * some forms stand for an expression that is computed once and written twice (`f() ?? 0`, `a[f()] += 1`). So a statement
 * has at most one call with an effect, which is there once: then all agree on what happens, and when.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { Argument, Expression, FunctionIr, Statement } from '../ir.ts';
import { allStatements, callsIn, expressionsOf, partsOf } from '../walk.ts';

/** What a function calls in its body. */
export function calledBy({ body }: FunctionIr): Set<string> {
  const found = new Set<string>();
  for (const statement of allStatements(body ?? [])) {
    if (statement.kind === 'call') found.add(statement.function);
    for (const expression of expressionsOf(statement)) callsIn(expression, found);
  }
  return found;
}

/** Says by key which trusted function that is not pure a function comes to, itself or through others, if any. */
export function createEffects(functions: readonly FunctionIr[]): (key: string) => FunctionIr | undefined {
  const byKey = new Map(functions.map((one) => [one.key, one]));
  const calls = new Map(functions.map((one) => [one.key, calledBy(one)]));
  const known = new Map<string, FunctionIr | undefined>();
  return (key) => {
    if (known.has(key)) return known.get(key);
    const found = new Set([key]);
    // Grows while it is walked.
    for (const next of found) for (const further of calls.get(next) ?? []) found.add(further);
    const effect = [...found].map((one) => byKey.get(one)!).find(({ body, pure }) => body === undefined && !pure);
    known.set(key, effect);
    return effect;
  };
}

/** The functions of a program, without some that nothing calls. */
export function withoutUncalled(
  functions: readonly FunctionIr[],
  some: (one: FunctionIr) => boolean,
): readonly FunctionIr[] {
  const called = new Set(functions.flatMap((one) => [...calledBy(one)]));
  return functions.filter((one) => !some(one) || called.has(one.key));
}

type Call = (Expression & { readonly kind: 'call' }) | (Statement & { readonly kind: 'call' });

function callsOf(node: Expression | Argument): Call[] {
  const inner = partsOf(node).flatMap(callsOf);
  return node.kind === 'call' ? [...inner, node] : inner;
}

/** What is run of a statement itself, as far as it is an expression. */
const runIn = (statement: Statement): readonly (Expression | Argument)[] =>
  statement.kind === 'loop' ? [statement.condition] : statement.kind === 'assert' ? [] : expressionsOf(statement);

/** Reports statements with more than one call that has an effect, and measures of loops that have one. */
export function refuseRepeatedEffects(functions: readonly FunctionIr[], diagnostics: Diagnostic[]): void {
  const effectOf = createEffects(functions);
  for (const { body, diverges } of functions) {
    for (const statement of allStatements(body ?? [])) {
      const calls = runIn(statement).flatMap(callsOf);
      if (statement.kind === 'call') calls.push(statement);
      const [first, second] = calls.filter((call) => effectOf(call.function) !== undefined);
      if (second !== undefined) {
        const name = functions.find(({ key }) => key === first.function)!.name;
        const isSame = first.span.start === second.span.start;
        diagnostics.push({
          span: first.span,
          message: isSame
            ? `${name} has an effect outside, and what is made of its result here would call it twice`
            : `two calls with an effect outside in one statement, of ${name} first`,
          advice: 'Call each in a statement of its own, const x = f(...);, and use x.',
        });
      } else if (statement.kind === 'loop' && first !== undefined && !diverges) {
        diagnostics.push({
          span: first.span,
          message: 'the condition of this loop has an effect outside, so it may hold for ever',
          advice: 'Test a variable, and call it in the body; for an event loop mark the function as @diverges.',
        });
      }
    }
  }
}
