/**
 * Ghost code: what a proof needs and a program does not.
 *
 * `const n = ghost(e)` is a variable for the proof: only clauses and other ghost code may name it, and only
 * `n = ghost(e)` gives it another value. JavaScript computes e, since clauses compute with n, so e is held to what
 * clauses are: calls of pure functions, and no `old`, of which JavaScript knows nothing. `ghost(() => { ... })` is a
 * block for the proof: calls of lemmas, tests, loops. JavaScript never runs it, so it may change nothing that lies
 * outside, not even a ghost variable, and leaves by its end alone.
 *
 * What is promised of a function that was not run is known only if it is a theorem, not where it comes of an effect:
 * a trusted function may have stopped the program where its promise did not hold. So no ghost block comes to such a
 * function, and for the same reason no function that is called pure does: two calls of it would be equal for the prover
 * and not at run time.
 */
import type { Diagnostic } from '../diagnostics.ts';
import type { FunctionIr, Span, Statement, Variable } from '../ir.ts';
import { CONTRACTS_FILE, ts } from './compiler.ts';
import { createEffects } from './effects.ts';
import { coerce, lowerExpression } from './expressions.ts';
import { refuse } from './refuse.ts';
import { bare, declareVariable, type Header, libraryName, type Scope } from './scope.ts';
import { lowerEffect, lowerStatements } from './statements.ts';
import { lowerType } from './types.ts';

const usage = 'Write const n = ghost(e), n = ghost(e), or ghost(() => { ... }).';

/** The call of `ghost` that an expression is. */
export function ghostCall(scope: Scope, node: ts.Expression): ts.CallExpression | undefined {
  const call = bare(node);
  const isGhost = ts.isCallExpression(call) && libraryName(scope.world, call.expression, CONTRACTS_FILE) === 'ghost';
  return isGhost ? call : undefined;
}

function argumentOf(scope: Scope, call: ts.CallExpression): ts.Expression {
  const span = scope.world.spanOf(call);
  if (scope.place === 'ghost') refuse(span, 'ghost(...) inside ghost code', 'Leave it out: all of this is ghost code.');
  if (call.arguments.length !== 1) refuse(span, 'ghost takes one value or one block', usage);
  return bare(call.arguments[0]);
}

/** Expressions of ghost values: what clauses may say, but about the present alone. */
const valueScope = (scope: Scope): Scope => ({ ...scope, place: 'ghost', oldAllowed: false });

/** const n = ghost(e); */
export function lowerGhostDeclaration(
  scope: Scope,
  name: ts.Identifier,
  call: ts.CallExpression,
  span: Span,
): Statement {
  const { world } = scope;
  const argument = argumentOf(scope, call);
  const nameSpan = world.spanOf(name);
  const type = lowerType(world, world.checker.getTypeAtLocation(name), nameSpan);
  if (type.kind === 'array' || type.kind === 'void')
    return refuse(
      span,
      `the ghost variable ${name.text} has no value`,
      'Ghost variables are integers, booleans and records.',
    );
  const inner = valueScope(scope);
  const value = coerce(lowerExpression(inner, argument), type);
  const variable = declareVariable(inner, world.checker.getSymbolAtLocation(name), name.text, type, nameSpan);
  return { kind: 'ghost', body: [{ kind: 'declare', variable, value, span }], span };
}

/** n = ghost(e); */
export function lowerGhostAssignment(scope: Scope, variable: Variable, call: ts.CallExpression, span: Span): Statement {
  const argument = argumentOf(scope, call);
  if (variable.ghost !== true)
    refuse(
      span,
      `a ghost value goes to ${variable.name}, which is no ghost variable`,
      `Declare it so: let ${variable.name} = ghost(...).`,
    );
  const value = coerce(lowerExpression(valueScope(scope), argument), variable.type);
  return { kind: 'ghost', body: [{ kind: 'assign', variable, value, span }], span };
}

/** ghost(() => { ... }); */
export function lowerGhostBlock(scope: Scope, call: ts.CallExpression): Statement {
  const { world } = scope;
  const span = world.spanOf(call);
  const block = argumentOf(scope, call);
  if (!ts.isArrowFunction(block) || block.parameters.length > 0 || block.modifiers !== undefined)
    return refuse(span, 'a ghost value that goes nowhere', usage);
  const inner: Scope = { ...scope, place: 'ghost', oldAllowed: true, ghostBlock: block };
  const body = ts.isBlock(block.body)
    ? lowerStatements(inner, block.body.statements)
    : [lowerEffect(inner, block.body)];
  return { kind: 'ghost', body, span };
}

/** Turns away what ghost code may not do: `what` would change something outside of it. */
export function refuseInGhost(scope: Scope, span: Span, what: string): void {
  if (scope.place === 'ghost')
    refuse(span, `${what} in ghost code`, 'Ghost code changes nothing: it calls lemmas, asserts, and computes.');
}

/** Whether the symbol is declared in the ghost block that is being lowered. */
export function isGhostLocal(scope: Scope, symbol: ts.Symbol | undefined): boolean {
  const block = scope.ghostBlock;
  const node = symbol?.valueDeclaration;
  return block !== undefined && node !== undefined && block.pos <= node.pos && node.end <= block.end;
}

/** A jump may not leave the ghost block. */
export function refuseJump(scope: Scope, node: ts.Node): void {
  if (scope.place !== 'ghost') return;
  for (let outer = node.parent; outer !== scope.ghostBlock; outer = outer.parent)
    if (ts.isIterationStatement(outer, false) && !ts.isReturnStatement(node)) return;
  refuse(
    scope.world.spanOf(node),
    'a jump out of ghost code',
    'JavaScript does not run it: it ends where its block does.',
  );
}

/** Turns away a call that might throw, and notes one in a ghost block, to be looked at when all functions are known. */
export function noteGhostCall(scope: Scope, header: Header, span: Span): void {
  if (scope.place !== 'ghost') return;
  if (header.throws) refuse(span, `ghost code calls ${header.name}, which throws`, 'Call it in code.');
  scope.world.ghostCalls.push({ function: header.key, span });
}

/** Reports pure functions, and calls in ghost blocks, that come to a trusted function that is not pure. */
export function refuseHiddenEffects(
  functions: readonly FunctionIr[],
  ghostCalls: readonly { readonly function: string; readonly span: Span }[],
  diagnostics: Diagnostic[],
): void {
  const effectOf = createEffects(functions);
  const effectBelow = (key: string): string | undefined => effectOf(key)?.name;
  for (const { key, name, pure, body, span } of functions) {
    const effect = pure && body !== undefined ? effectBelow(key) : undefined;
    if (effect === undefined) continue;
    const message = `${name} is @pure and calls ${effect}, which is trusted and not pure`;
    diagnostics.push({ span, message, advice: `Mark ${effect} as @pure too, if equal calls of it are equal.` });
  }
  for (const { function: key, span } of ghostCalls) {
    const effect = effectBelow(key);
    if (effect === undefined) continue;
    const message = `ghost code calls ${effect}, which is trusted and not pure`;
    diagnostics.push({
      span,
      message,
      advice: 'Ghost code is not run, so what this does is not done: call it in code.',
    });
  }
}
