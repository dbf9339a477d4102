/**
 * What branches show of values: that one is no greater than a bound, on the way that a comparison decides.
 *
 * A compiler compares an index with the number of a table's entries before it jumps through the table, and only that
 * makes the jump one of so many. A fact is about the value itself, wherever it is or is moved to, so it holds as long as
 * the way goes on; where ways meet, what both have shown is left. In a loop whose rounds are joined one value stands for
 * another number in each, so that what one round has shown is true of the next only if that shows it, too. Of a value
 * that is a part of another (the lower half of a register) the fact is about these bits of the whole.
 */
import { extendedFrom, limitOf, mostOf, unknown, type Value } from './values.ts';

/** The lowest bits of a value from one of its bytes on, as many as `limit` has, are no greater without a sign. */
export interface Fact {
  readonly root: Value;
  readonly byte: number;
  /** Of so many bits, the greatest number. */
  readonly limit: bigint;
  readonly most: bigint;
}

/** The newest first. */
export type Facts = readonly Fact[];

export const noFacts: Facts = [];

/** A fact is used some instructions behind its branch, or never. */
const MOST_FACTS = 16;

export const withFacts = (facts: Facts, more: Facts): Facts =>
  more.length === 0 ? facts : [...more, ...facts].slice(0, MOST_FACTS);

const follows = ({ root, byte, limit, most }: Fact, from: Fact): boolean =>
  root === from.root && byte === from.byte && limit === from.limit && from.most <= most;

/** Those of the first that the second say as well. */
export function commonFacts(a: Facts, b: Facts): Facts {
  if (a === b || a.length === 0) return a;
  const common = a.filter((one) => b.some((other) => one === other || follows(one, other)));
  return common.length === a.length ? a : common;
}

const rootOf = (a: Value): Value => a.whole ?? a;

/** The value with what facts say of it: another object, which says no more than that. */
export function narrowedBy(facts: Facts, a: Value): Value {
  if (facts.length === 0 || a.kind !== 'unknown' || a.either !== undefined || a.entry !== undefined) return a;
  let most = a.most;
  const root = rootOf(a);
  // No greater than the limit: it is these bits, or some of them, whatever part of the whole it is.
  for (const fact of facts)
    if (fact.root === root && fact.byte === a.wholeByte && a.most <= fact.limit && fact.most < most) most = fact.most;
  return most === a.most ? a : unknown(a.width, a.taint, most, a.copy, 0, root, a.wholeByte, a.step);
}

/** That a value is no greater; of a sign extension it is one of what was extended, too. */
function atMost(a: Value, most: bigint): Facts {
  if (a.kind !== 'unknown' || most >= mostOf(a)) return noFacts;
  // A part is at least as many bits of its whole as its own bound has.
  const limit = limitOf(mostOf(a).toString(2).length);
  const fact: Fact = { root: rootOf(a), byte: a.wholeByte, limit, most };
  const from = extendedFrom(a);
  return from === undefined || most > limitOf(from.width - 1) ? [fact] : [fact, ...atMost(from, most)];
}

export type Comparison = 'below' | 'below or equal' | 'equal';

/** What follows where a comparison without signs holds, and where it fails. */
export interface Shown {
  readonly holds: Facts;
  readonly fails: Facts;
}

export const nothingShown: Shown = { holds: noFacts, fails: noFacts };

export function shownBy(comparison: Comparison, a: Value, b: Value): Shown {
  switch (comparison) {
    case 'below':
      return {
        holds: b.kind === 'known' && b.value > 0n ? atMost(a, b.value - 1n) : noFacts,
        fails: a.kind === 'known' ? atMost(b, a.value) : noFacts,
      };
    case 'below or equal':
      return {
        holds: b.kind === 'known' ? atMost(a, b.value) : noFacts,
        fails: a.kind === 'known' && a.value > 0n ? atMost(b, a.value - 1n) : noFacts,
      };
    case 'equal': {
      const ofA = b.kind === 'known' ? atMost(a, b.value) : noFacts;
      return { holds: a.kind === 'known' ? atMost(b, a.value) : ofA, fails: noFacts };
    }
  }
}
