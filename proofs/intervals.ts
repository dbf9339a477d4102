/**
 * Bounds of terms that can be read off them: what lies in a range by construction needs no solver, and no wrapping.
 *
 * Ranges of variables are facts of every query that mentions them (facts.ts), so what follows from them here holds
 * there too.
 */
import type { Range } from '../analyzers/types.ts';
import type { Facts } from './facts.ts';
import type { Term } from './smt/terms.ts';

export interface Intervals {
  readonly of: (term: Term) => Range;
  /** The largest k up to 64 for which the term is a multiple of 2 ** k in every state. */
  readonly alignment: (term: Term) => number;
}

const hull = (a: Range, b: Range): Range => make(lesser(a.low, b.low), greater(a.high, b.high));

function make(low: bigint | undefined, high: bigint | undefined): Range {
  return { ...(low === undefined ? {} : { low }), ...(high === undefined ? {} : { high }) };
}

/** What lies in both. */
function meet(a: Range, b: Range): Range {
  const low = a.low === undefined ? b.low : b.low === undefined || a.low > b.low ? a.low : b.low;
  const high = a.high === undefined ? b.high : b.high === undefined || a.high < b.high ? a.high : b.high;
  return make(low, high);
}

const lesser = (a?: bigint, b?: bigint): bigint | undefined =>
  a === undefined || b === undefined ? undefined : a < b ? a : b;
const greater = (a?: bigint, b?: bigint): bigint | undefined =>
  a === undefined || b === undefined ? undefined : a > b ? a : b;
const plus = (a?: bigint, b?: bigint): bigint | undefined => (a === undefined || b === undefined ? undefined : a + b);
const minus = (a?: bigint, b?: bigint): bigint | undefined => (a === undefined || b === undefined ? undefined : a - b);

function product(a: Range, b: Range): Range {
  const ends = [a.low, a.high].flatMap((x) =>
    [b.low, b.high].map((y) => (x === undefined || y === undefined ? undefined : x * y)),
  );
  const known = ends.filter((end) => end !== undefined);
  if (known.length === 4)
    return { low: known.reduce((x, y) => lesser(x, y)!), high: known.reduce((x, y) => greater(x, y)!) };
  // Of two that are not negative, the product is not either.
  return a.low !== undefined && a.low >= 0n && b.low !== undefined && b.low >= 0n ? { low: a.low * b.low } : {};
}

function trailingZeros(value: bigint): number {
  if (value === 0n) return 64;
  let zeros = 0;
  for (let rest = value; (rest & 1n) === 0n && zeros < 64; rest >>= 1n) zeros++;
  return zeros;
}

export function createIntervals(facts: Facts): Intervals {
  const ranges = new Map<Term, Range>();
  const alignments = new Map<Term, number>();
  const of = (term: Term): Range => {
    const known = ranges.get(term);
    if (known !== undefined) return known;
    const range = compute(term);
    ranges.set(term, range);
    return range;
  };
  const compute = (term: Term): Range => {
    if (term.kind === 'integer') return { low: term.value, high: term.value };
    return meet(facts.rangeOf(term), structural(term));
  };
  const structural = (term: Term): Range => {
    if (term.kind !== 'apply') return {};
    const { operator, operands } = term;
    if (operator === 'ite') return hull(of(operands[1]), of(operands[2]));
    if (operator !== '+' && operator !== '-' && operator !== '*') return {};
    const [a, b] = operands.map(of);
    if (operator === '+') return make(plus(a.low, b.low), plus(a.high, b.high));
    if (operator === '-') return make(minus(a.low, b.high), minus(a.high, b.low));
    return product(a, b);
  };
  const alignment = (term: Term): number => {
    const known = alignments.get(term);
    if (known !== undefined) return known;
    const found = computeAlignment(term);
    alignments.set(term, found);
    return found;
  };
  const computeAlignment = (term: Term): number => {
    if (term.kind === 'integer') return trailingZeros(term.value);
    if (term.kind !== 'apply') return 0;
    const { operator, operands } = term;
    if (operator === 'ite') return Math.min(alignment(operands[1]), alignment(operands[2]));
    if (operator === '+' || operator === '-') return Math.min(...operands.map(alignment));
    if (operator === '*') return Math.min(64, alignment(operands[0]) + alignment(operands[1]));
    return 0;
  };
  return { of, alignment };
}
