/**
 * Integer arithmetic on terms: the instance with which code written over an abstract arithmetic is proved.
 *
 * A quotient is a fresh variable q with what defines it, k * q <= a < k * q + k. For every a there is exactly one such
 * q, so assuming the definition excludes nothing; it is linear and both solvers decide it, where div and mod of their
 * own make one of them give up. What is divided twice by the same divisor is divided once: since there is one quotient
 * only, it is one variable, whoever asks, and no solver has to find out that two of them are equal, which is where both
 * used to give up. Every value that is computed is kept, so that a proof can also show that none is too
 * large for the numbers that the same code runs on.
 */

import { makeNumbering } from './numbering.ts';
import type { Term } from './terms.ts';
import * as terms from './terms.ts';

/** Quotients that several arithmetics ask for. */
export interface Quotients {
  /** Assumptions that define them. */
  readonly definitions: readonly Term[];
  /** a / k, rounded down; a new variable is named `owner`.1, .2, ... */
  readonly divide: (a: Term, k: number, owner: string) => Term;
}

export function makeQuotients(): Quotients {
  const definitions: Term[] = [];
  const known = new Map<string, Term>();
  const owned = new Map<string, number>();
  const numberOf = makeNumbering();
  /** k * q <= a < k * q + k */
  const divide = (a: Term, k: number, owner: string): Term => {
    if (!Number.isSafeInteger(k) || k < 1) throw new RangeError(`${k} is no divisor`);
    const key = `${numberOf(a)} ${k}`;
    const same = known.get(key);
    if (same !== undefined) return same;
    const count = (owned.get(owner) ?? 0) + 1;
    owned.set(owner, count);
    const q = terms.variable(`${owner}.${count}`);
    known.set(key, q);
    const product = terms.scale(q, k);
    definitions.push(terms.atMost(product, a), terms.less(a, terms.add(product, terms.integer(k))));
    return q;
  };
  return { definitions, divide };
}

/** What one run of the code left behind, besides its result. */
export interface Trace {
  readonly quotients: Quotients;
  /** Every integer that was computed, constants aside, in order. */
  readonly values: Term[];
}

export function makeTrace(quotients = makeQuotients()): Trace {
  return { quotients, values: [] };
}

/** Arithmetic on terms that writes to `trace`. */
export function symbolicArithmetic(trace: Trace, owner: string) {
  const keep = (term: Term): Term => {
    trace.values.push(term);
    return term;
  };
  const quotient = (a: Term, k: number): Term => trace.quotients.divide(a, k, owner);
  const alignDown = (a: Term, alignment: number): Term => keep(terms.scale(quotient(a, alignment), alignment));
  return {
    constant: (value: number) => terms.integer(value),
    add: (a: Term, b: Term) => keep(terms.add(a, b)),
    subtract: (a: Term, b: Term) => keep(terms.subtract(a, b)),
    scale: (a: Term, factor: number) => keep(terms.scale(a, factor)),
    divide: (a: Term, divisor: number) => keep(quotient(a, divisor)),
    alignUp: (a: Term, alignment: number) => alignDown(keep(terms.add(a, terms.integer(alignment - 1))), alignment),
    alignDown,
    min: (a: Term, b: Term) => keep(terms.select(terms.atMost(a, b), a, b)),
    max: (a: Term, b: Term) => keep(terms.select(terms.atMost(a, b), b, a)),
    less: terms.less,
    atMost: terms.atMost,
    equal: terms.equal,
    isAligned: (a: Term, alignment: number) => terms.equal(a, terms.scale(quotient(a, alignment), alignment)),
    truth: terms.truth,
    not: terms.not,
    all: terms.all,
    any: terms.any,
    select: (condition: Term, whenTrue: Term, whenFalse: Term) => keep(terms.select(condition, whenTrue, whenFalse)),
  };
}

/** That every one of the values is a number that a double holds, and none of its neighbours is missing. */
export function exactAsNumbers(values: readonly Term[]): Term {
  const end = terms.integer(2n ** 53n);
  return terms.all(
    values.map((value) => terms.all([terms.less(terms.integer(-(2n ** 53n)), value), terms.less(value, end)])),
  );
}
