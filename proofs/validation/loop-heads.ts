/**
 * Where loops of machine code begin: the instructions that a jump backwards leads to, backwards along a way from the
 * function's entry. And in which order they may go with the loops of the source.
 *
 * Nothing rests on it: a loop that is not found is run round by round until a bound, and a pair that is none is refuted.
 */
import type { FunctionIr, Loop, Statement } from '../../analyzers/ir.ts';
import { instructionsOf } from './machine.ts';
import type { CodeImage } from './walk.ts';

/** Instructions of one function, at most. */
const MOST_INSTRUCTIONS = 5_000;

/** In the order of their addresses. */
export function loopHeads(code: CodeImage, start: number): number[] {
  const { following } = instructionsOf(code);
  const heads = new Set<number>();
  const state = new Map<number, 'open' | 'done'>();
  const stack: { readonly pc: number; readonly next: number[] }[] = [];
  const enter = (pc: number): void => {
    state.set(pc, 'open');
    stack.push({ pc, next: [...following(code, start, pc)] });
  };
  enter(start);
  while (stack.length > 0 && state.size < MOST_INSTRUCTIONS) {
    const top = stack[stack.length - 1];
    const next = top.next.pop();
    if (next === undefined) {
      state.set(top.pc, 'done');
      stack.pop();
    } else if (state.get(next) === 'open') heads.add(next);
    else if (!state.has(next)) enter(next);
  }
  return [...heads].sort((a, b) => a - b);
}

/** The loops that a function runs itself, outer ones first. */
export function sourceLoops({ body = [] }: FunctionIr): Loop[] {
  const within = (statements: readonly Statement[]): Loop[] =>
    statements.flatMap((statement) => {
      if (statement.kind === 'loop') return [statement, ...within(statement.body), ...within(statement.update)];
      return statement.kind === 'if' ? [...within(statement.whenTrue), ...within(statement.whenFalse)] : [];
    });
  return within(body);
}
