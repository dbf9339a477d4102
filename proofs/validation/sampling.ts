/**
 * Terms on numbers: quick trials of what may be equal, before a solver is asked. Nothing is concluded from an equality
 * that held on trials; one that did not hold is only tried no further.
 *
 * Values are small, so that sums that never wrap in a run do not wrap here either.
 */
import { patterns } from '../../machine/semantics/algebra.ts';
import type { Term } from '../smt/terms.ts';
import { bitsOf, operandsOf } from '../smt/terms.ts';
import type { Effort } from './effort.ts';

type Value = bigint | boolean;

/** FNV-1a, of 32 bits. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) state = Math.imul(state ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return (state ^ (state >>> 15)) >>> 0;
}

function applied(term: Term & { kind: 'apply' }, operands: readonly Value[]): Value {
  const [a, b] = operands;
  const { operator } = term;
  const pattern = (i: number) => ({ value: operands[i] as bigint, width: bitsOf(term.operands[i]) });
  switch (operator) {
    case 'and':
      return operands.every(Boolean);
    case 'or':
      return operands.some(Boolean);
    case 'not':
      return !a;
    case '=>':
      return !a || (b as boolean);
    case 'ite':
      return a ? b : operands[2];
    case '=':
      return a === b;
    case 'bvslt':
    case 'bvsle':
    case 'bvult':
    case 'bvule':
      return patterns.compare(operator, pattern(0), pattern(1));
    case 'bvnot':
      return patterns.invert(pattern(0)).value;
    case 'concat':
      return patterns.concatenate(pattern(0), pattern(1)).value;
  }
  const [, name, high, low] = /^\(_ (\w+) (\d+) ?(\d*)\)$/.exec(operator) ?? [];
  if (name === 'extract') return ((a as bigint) >> BigInt(low)) & ((1n << BigInt(Number(high) - Number(low) + 1)) - 1n);
  if (name === 'zero_extend') return a;
  if (name === 'sign_extend') return patterns.signExtend(pattern(0), bitsOf(term)).value;
  if (operator.startsWith('bv')) return patterns.operate(operator as 'bvadd', pattern(0), pattern(1)).value;
  throw new TypeError(`${operator} on numbers`);
}

/** What is worth trying, by what conditions say. */
export interface Hints {
  /** Constants that conditions may be about. */
  readonly favored: readonly bigint[];
  /** Names of bytes that are truths: 0 or 1. */
  readonly truths: ReadonlySet<string>;
}

export function hintsIn(term: Term): Hints {
  const seen = new Set<Term>();
  const favored = new Set<bigint>();
  const truths = new Set<string>();
  const pending = [term];
  for (let one = pending.pop(); one !== undefined; one = pending.pop()) {
    if (seen.has(one)) continue;
    seen.add(one);
    if (one.kind === 'bits' && one.value < 2n ** 32n) favored.add(one.value);
    const operands = operandsOf(one);
    if (one.kind === 'apply' && one.operator === 'bvule') {
      const [a, b] = operands;
      if (a.kind === 'variable' && b.kind === 'bits' && b.value === 1n) truths.add(a.name);
    }
    pending.push(...operands);
  }
  return { favored: [...favored], truths };
}

/**
 * Gives each term its value in the trial of this number; a name has the same value wherever it is met, half of the time
 * one of those that are favored.
 */
export function createTrial(number: number, { favored, truths }: Hints, effort: Effort): (term: Term) => Value {
  // One of them comes more often than the others, so that two are equal now and then.
  const favorite = (drawn: number): bigint | undefined => {
    if (drawn % 8 > 5 || favored.length === 0) return undefined;
    return favored[(drawn % 8 > 3 ? drawn >>> 3 : number) % favored.length];
  };
  /** Small; very small in every other trial, so that sums are equal now and then. */
  const small = (name: string): bigint => {
    const drawn = hash(`${number} ${name}`);
    return favorite(drawn) ?? BigInt(drawn % (number % 2 === 0 ? 8 : 1000));
  };
  const drawn = (name: string, term: Term): Value => {
    const plain = hash(`${number} ${name}`);
    if (term.sort === 'Bool') return plain % 2 === 0;
    if (truths.has(name)) return BigInt(plain % 2);
    const width = bitsOf(term);
    // Addresses are apart.
    if (/^(at\.|x\d)/.test(name)) return BigInt.asUintN(width, BigInt(plain) << 16n);
    if (name.startsWith('length')) return BigInt(plain % (number % 4 === 0 ? 100 : 5000));
    // A word of a record may be two fields.
    if (/^p\d+\.\d+$|\.word\d+$/.test(name)) return small(name) | (small(`${name} high`) << 32n);
    return BigInt.asUintN(width, small(name));
  };
  const known = new Map<Term, Value>();
  const numberOf = (term: Term): Value => {
    const before = known.get(term);
    if (before !== undefined) return before;
    effort.step(1);
    const value = compute(term);
    known.set(term, value);
    return value;
  };
  const compute = (term: Term): Value => {
    switch (term.kind) {
      case 'bits':
      case 'truth':
        return term.value;
      case 'variable':
        return drawn(term.name, term);
      case 'call': {
        const drawn = hash(`${number} ${term.name} ${term.operands.map(numberOf).join(' ')}`);
        return BigInt.asUintN(bitsOf(term), favorite(drawn) ?? BigInt(drawn));
      }
      case 'apply':
        return applied(term, operandsOf(term).map(numberOf));
      default:
        throw new TypeError(`${term.kind} on numbers`);
    }
  };
  return numberOf;
}
