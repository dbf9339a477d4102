/**
 * What is known of terms besides what a path assumes: ranges of variables and of array elements, definitions of
 * quotients, properties of functions.
 *
 * A fact is true of its subject in every state, whatever the path, so a query takes only the facts whose subjects it
 * mentions, and those that these mention in turn. Leaving one out can make a proof fail but never succeed.
 */
import type { Range } from '../analyzers/types.ts';
import type { Term } from './smt/terms.ts';
import * as terms from './smt/terms.ts';

export interface Facts {
  /** A new name: BASE.N, the base made of letters, digits and _. Names with a dot are left out of counterexamples. */
  readonly name: (base: string) => string;
  /** A new integer or array variable; a range becomes a fact. */
  readonly fresh: (base: string, sort?: terms.Sort, range?: Range) => Term;
  /** A variable that a counterexample shows as `base`, by a name that nothing else has. */
  readonly visible: (base: string, sort?: terms.Sort, range?: Range) => Term;
  /** Names of visible variables in texts, by what they show. */
  readonly shown: ReadonlyMap<string, string>;
  readonly bound: () => terms.Bound;
  readonly add: (subject: Term, fact: Term) => void;
  /** Says that what is known of the term's parts puts it in the range. */
  readonly noteRange: (term: Term, range: Range) => Term;
  /** The range of a variable or noted term, as it was given. */
  readonly rangeOf: (term: Term) => Range;
  readonly about: (subject: Term) => readonly Term[];
}

/** Names as SMT text may hold them: whatever else a name has, in hexadecimal between underscores. */
export function plainName(name: string): string {
  return name.replace(/[^A-Za-z0-9]/g, (c) => (c === '_' ? '_' : `_${c.codePointAt(0)!.toString(16)}_`)).slice(0, 60);
}

/** That the term lies in the range. */
export function inRangeTerm(term: Term, { low, high }: Range): Term {
  const parts: Term[] = [];
  if (low !== undefined) parts.push(terms.atMost(terms.integer(low), term));
  if (high !== undefined) parts.push(terms.atMost(term, terms.integer(high)));
  return terms.all(parts);
}

export function createFacts(): Facts {
  let count = 0;
  let bounds = 0;
  const taken = new Set<string>();
  const shown = new Map<string, string>();
  const ranges = new Map<Term, Range>();
  const facts = new Map<Term, Term[]>();
  const name = (base: string): string => `s_${plainName(base)}.${++count}`;
  const add = (subject: Term, fact: Term): void => {
    const known = facts.get(subject);
    if (known === undefined) facts.set(subject, [fact]);
    else known.push(fact);
  };
  const make = (term: Term, range: Range): Term => {
    ranges.set(term, range);
    if (range.low !== undefined || range.high !== undefined) add(term, inRangeTerm(term, range));
    return term;
  };
  return {
    name,
    add,
    fresh: (base, sort = 'Int', range = {}) => make(terms.variable(name(base), sort), range),
    visible: (base, sort = 'Int', range = {}) => {
      let chosen = `v_${plainName(base)}`;
      while (taken.has(chosen)) chosen += '_';
      taken.add(chosen);
      shown.set(base, chosen);
      return make(terms.variable(chosen, sort), range);
    },
    shown,
    bound: () => terms.bound(++bounds),
    noteRange: (term, range) => {
      if (term.kind !== 'integer' && !ranges.has(term)) ranges.set(term, range);
      return term;
    },
    rangeOf: (term) => ranges.get(term) ?? {},
    about: (subject) => facts.get(subject) ?? [],
  };
}

/** What a term is made of. */
export function partsOf(term: Term): readonly Term[] {
  switch (term.kind) {
    case 'apply':
    case 'call':
      return term.operands;
    case 'quantified':
      return [term.body];
    default:
      return [];
  }
}

/** The facts that a query about these terms needs, in the order in which they are met. */
export function relevantFacts(facts: Facts, roots: readonly Term[]): Term[] {
  const seen = new Set<Term>();
  const found: Term[] = [];
  const stack = [...roots].reverse();
  for (let term = stack.pop(); term !== undefined; term = stack.pop()) {
    if (seen.has(term)) continue;
    seen.add(term);
    for (const fact of facts.about(term)) {
      found.push(fact);
      stack.push(fact);
    }
    const parts = partsOf(term);
    for (let i = parts.length - 1; i >= 0; i--) stack.push(parts[i]);
  }
  return found;
}
