/**
 * An obligation: one thing that must be shown of one function, with a name that an edit elsewhere does not change.
 *
 * Names are FUNCTION/KIND/TEXT, the text being what was written, on one line; only obligations that would have the same
 * name get an ordinal. Two kinds of question exist: that something always holds, and, for preconditions and branches,
 * that a state exists at all: a contract that nothing satisfies proves everything and says nothing.
 */
import type { Span } from '../analyzers/ir.ts';
import { printable } from '../base/errors.ts';
import type { Query } from './smt/print.ts';
import type { Term } from './smt/terms.ts';

export type ObligationKind =
  | 'requires' // a precondition at a call
  | 'ensures' // a postcondition at a return
  | 'throws' // an error that is thrown and not announced, or announced and not thrown
  | 'invariant entry'
  | 'invariant kept'
  | 'decreases' // a loop's or a recursion's measure
  | 'bounds' // an index of an array
  | 'range' // a value that goes where its type is narrower
  | 'overflow' // a result that a double cannot hold exactly
  | 'division by zero'
  | 'shift count'
  | 'assert'
  | 'modifies' // a write outside the frame
  | 'separated' // two arguments that may not be one array
  | 'defined' // a clause that speaks of something that is not there
  | 'variant' // a field of a union, or a value, that may not be there
  | 'returns' // the end of a function that should give a value
  | 'satisfiable' // some state meets the precondition
  | 'reachable'; // some state comes here

export interface Obligation extends Demand {
  /** Stable: see above. */
  readonly name: string;
  /** Key of the function. */
  readonly function: string;
  readonly query: Query;
}

export interface Demand {
  readonly kind: ObligationKind;
  readonly text: string;
  readonly span: Span;
  readonly question: 'holds' | 'exists';
  /** For 'exists': the place that a run may come to, as the interpreter marks it. */
  readonly mark?: string;
  readonly assumptions: readonly Term[];
  readonly goal: Term;
}

/** Text for a name: one line, at most 80 characters. */
export function nameText(text: string): string {
  return printable(text.replace(/\s+/g, ' ').trim(), 80);
}

/** Names for demands in order; equal ones are told apart by an ordinal. */
export function nameDemands(functionName: string, demands: readonly Demand[]): string[] {
  const seen = new Map<string, number>();
  return demands.map(({ kind, text }) => {
    const base = `${functionName}/${kind}/${nameText(text)}`;
    const count = (seen.get(base) ?? 0) + 1;
    seen.set(base, count);
    return count === 1 ? base : `${base}#${count}`;
  });
}
