/**
 * The arithmetic of the operator table on terms: the instance with which programs are proved.
 *
 * Solvers decide linear integer arithmetic and little more, so everything is brought there where that is exact:
 * constants are computed; a quotient by a constant is a fresh variable between its bounds; a bit mask is a sum of
 * remainders by powers of two; `a | b` of a multiple of 2 ** k and of something below is their sum; a power of two
 * is a choice among constants. Equal sums, differences and products are one term, whoever writes them: then their
 * quotients are one variable too, and nothing is left to prove of what merely was computed twice. The rest is a
 * product or a function `bits_and` of which only bounds are known: then a solver may find a state that does not exist,
 * and `abstracted` remembers that it may.
 */
import { type Algebra, exact } from '../analyzers/operators.ts';
import { inRange, within } from '../analyzers/types.ts';
import type { Facts } from './facts.ts';
import type { Intervals } from './intervals.ts';
import type { Term } from './smt/terms.ts';
import * as t from './smt/terms.ts';

export interface Arithmetic extends Algebra<Term, Term> {
  readonly truth: (value: boolean) => Term;
  readonly any: (conditions: readonly Term[]) => Term;
  readonly implies: (a: Term, b: Term) => Term;
  readonly choose: (condition: Term, whenTrue: Term, whenFalse: Term) => Term;
}

const ZERO = t.integer(0);
const isZero = (term: Term): boolean => term.kind === 'integer' && term.value === 0n;
const isOne = (term: Term): boolean => term.kind === 'integer' && term.value === 1n;

/** Whether a bound variable is somewhere in the term; then nothing outside its quantifier may speak of it. */
export function mentionsBound(term: Term, known: Map<Term, boolean>): boolean {
  const before = known.get(term);
  if (before !== undefined) return before;
  const answer =
    term.kind === 'bound' ||
    ((term.kind === 'apply' || term.kind === 'call') &&
      term.operands.some((operand) => mentionsBound(operand, known))) ||
    (term.kind === 'quantified' && mentionsBound(term.body, known));
  known.set(term, answer);
  return answer;
}

/** A nest of choices among constants, as powerOfTwo makes it. */
function isChoice(term: Term): boolean {
  if (term.kind === 'integer') return true;
  return (
    term.kind === 'apply' &&
    term.operator === 'ite' &&
    term.operands[1].kind === 'integer' &&
    isChoice(term.operands[2])
  );
}

/** What a product of b and something else is the product with; a divisor is not 0. */
function otherFactor(a: Term, b: Term): Term | undefined {
  if (a.kind !== 'apply' || a.operator !== '*') return undefined;
  const same = (factor: Term): boolean =>
    factor === b || (factor.kind === 'integer' && b.kind === 'integer' && factor.value === b.value && b.value > 0n);
  const [first, second] = a.operands;
  return same(first) ? second : same(second) ? first : undefined;
}

/** Runs of ones in the binary form of a value that is not negative: from the lower end up to, and without, the higher. */
function runsOf(value: bigint): { readonly low: number; readonly high: number }[] {
  const runs: { low: number; high: number }[] = [];
  let bit = 0;
  for (let rest = value; rest > 0n; rest >>= 1n, bit++) {
    if ((rest & 1n) === 0n) continue;
    const last = runs.at(-1);
    if (last?.high === bit) last.high = bit + 1;
    else runs.push({ low: bit, high: bit + 1 });
  }
  return runs;
}

export function createArithmetic(facts: Facts, intervals: Intervals): Arithmetic {
  const boundIn = new Map<Term, boolean>();
  const quotients = new Map<Term, Map<Term | bigint, Term>>();
  const remainders = new Map<Term, Map<Term | bigint, Term>>();
  const products = new Map<Term, Map<Term, Term>>();
  const sums = new Map<Term, Map<Term, Term>>();
  const differences = new Map<Term, Map<Term, Term>>();
  const cached = <K>(cache: Map<Term, Map<K, Term>>, a: Term, b: K, compute: () => Term): Term => {
    const inner = cache.get(a) ?? new Map<K, Term>();
    cache.set(a, inner);
    const known = inner.get(b);
    if (known !== undefined) return known;
    const made = compute();
    inner.set(b, made);
    return made;
  };
  const integers = new Map<bigint, Term>([[0n, ZERO]]);
  const integer = (value: bigint): Term => {
    const known = integers.get(value);
    if (known !== undefined) return known;
    const made = t.integer(value);
    integers.set(value, made);
    return made;
  };
  const truth = t.truth;

  const add = (a: Term, b: Term): Term => {
    if (a.kind === 'integer' && b.kind === 'integer') return integer(a.value + b.value);
    return isZero(a) ? b : isZero(b) ? a : cached(sums, a, b, () => t.add(a, b));
  };
  const subtract = (a: Term, b: Term): Term => {
    if (a.kind === 'integer' && b.kind === 'integer') return integer(a.value - b.value);
    return isZero(b) ? a : cached(differences, a, b, () => t.subtract(a, b));
  };
  /** `of` applied to the constants of a choice. */
  const distribute = (choice: Term, of: (value: Term) => Term): Term => {
    if (choice.kind !== 'apply') return of(choice);
    const [condition, first, rest] = choice.operands;
    return choose(condition, of(first), distribute(rest, of));
  };
  const multiply = (a: Term, b: Term): Term => {
    if (a.kind === 'integer' && b.kind === 'integer') return integer(a.value * b.value);
    if (isZero(a) || isZero(b)) return ZERO;
    if (isOne(a)) return b;
    if (isOne(b)) return a;
    if (a.kind === 'integer') return cached(products, a, b, () => t.multiply(a, b));
    if (b.kind === 'integer') return multiply(b, a);
    if (isChoice(b)) return distribute(b, (value) => multiply(a, value));
    if (isChoice(a)) return distribute(a, (value) => multiply(value, b));
    return cached(products, a, b, () => {
      const product = t.multiply(a, b);
      if (mentionsBound(product, boundIn)) return product;
      const { low, high } = intervals.of(product);
      if (low !== undefined) facts.add(product, t.atMost(t.integer(low), product));
      if (high !== undefined) facts.add(product, t.atMost(product, t.integer(high)));
      return product;
    });
  };
  const floorDivide = (a: Term, b: Term): Term => {
    if (a.kind === 'integer' && b.kind === 'integer' && b.value > 0n)
      return integer(exact.floorDivide(a.value, b.value));
    if (isOne(b)) return a;
    const factor = otherFactor(a, b);
    if (factor !== undefined) return factor;
    if (b.kind !== 'integer' && isChoice(b)) return distribute(b, (value) => floorDivide(a, value));
    if (b.kind === 'integer' && b.value > 0n) {
      const range = intervals.of(a);
      if (within(range, { low: 0n, high: b.value - 1n })) return ZERO;
      if (mentionsBound(a, boundIn)) return t.floorDivide(a, b);
      return cached(quotients, a, b.value, () => {
        const q = facts.fresh('quotient', 'Int', {
          ...(range.low === undefined ? {} : { low: exact.floorDivide(range.low, b.value) }),
          ...(range.high === undefined ? {} : { high: exact.floorDivide(range.high, b.value) }),
        });
        const product = t.multiply(b, q);
        facts.add(q, t.all([t.atMost(product, a), t.less(a, t.add(product, b))]));
        return q;
      });
    }
    if (mentionsBound(a, boundIn) || mentionsBound(b, boundIn)) return t.floorDivide(a, b);
    return cached<Term | bigint>(quotients, a, b, () => {
      const q = facts.fresh('quotient');
      const product = t.multiply(b, q);
      const positive = t.less(ZERO, b);
      facts.add(q, t.implies(positive, t.all([t.atMost(product, a), t.less(a, t.add(product, b))])));
      const natural = t.all([positive, t.atMost(ZERO, a)]);
      facts.add(q, t.implies(natural, t.all([t.atMost(ZERO, q), t.atMost(q, a)])));
      return q;
    });
  };
  const floorModulo = (a: Term, b: Term): Term => {
    if (b.kind === 'integer' && b.value > 0n && within(intervals.of(a), { low: 0n, high: b.value - 1n })) return a;
    if (isOne(b) || otherFactor(a, b) !== undefined) return ZERO;
    if (b.kind === 'integer' && b.value <= 0n) return t.floorModulo(a, b);
    const known = b.kind === 'integer' ? { low: 0n, high: b.value - 1n } : {};
    if (mentionsBound(a, boundIn) || mentionsBound(b, boundIn)) return facts.noteRange(t.floorModulo(a, b), known);
    return cached<Term | bigint>(remainders, a, b.kind === 'integer' ? b.value : b, () =>
      facts.noteRange(subtract(a, multiply(b, floorDivide(a, b))), known),
    );
  };
  const powerOfTwo = (a: Term): Term => {
    const most = 64n;
    if (a.kind === 'integer')
      return a.value >= 0n && a.value <= most ? integer(2n ** a.value) : t.call('power_of_two', [a]);
    const { low, high } = intervals.of(a);
    const from = low === undefined || low < 0n ? 0n : low > most ? most : low;
    // A range that lies outside is one of a shift that is refused; it still has some meaning.
    const to = high === undefined || high > most ? most : high < from ? from : high;
    let choice: Term = t.integer(2n ** to);
    for (let k = to - 1n; k >= from; k--) choice = t.select(t.equal(a, t.integer(k)), t.integer(2n ** k), choice);
    return choice;
  };
  const wrap = (a: Term, bits: number, signed: boolean): Term => {
    const size = 2n ** BigInt(bits);
    const half = signed ? size / 2n : 0n;
    if (a.kind === 'integer') return integer(exact.wrap(a.value, bits, signed));
    if (within(intervals.of(a), { low: -half, high: size - half - 1n })) return a;
    const shifted = add(a, integer(half));
    return facts.noteRange(subtract(floorModulo(shifted, integer(size)), integer(half)), {
      low: -half,
      high: size - half - 1n,
    });
  };
  /** a & mask for a constant that is not negative. */
  const masked = (a: Term, mask: bigint): Term => {
    const { low, high } = intervals.of(a);
    // Bits above a's own are no question.
    const width = low !== undefined && low >= 0n && high !== undefined ? high.toString(2).length : undefined;
    let sum: Term = ZERO;
    for (const run of runsOf(width === undefined ? mask : mask & (2n ** BigInt(width) - 1n))) {
      const part = subtract(
        floorModulo(a, integer(2n ** BigInt(run.high))),
        floorModulo(a, integer(2n ** BigInt(run.low))),
      );
      sum = add(sum, part);
    }
    return sum;
  };
  const and = (a: Term, b: Term): Term => {
    if (a.kind === 'integer' && b.kind === 'integer') return integer(a.value & b.value);
    if (a.kind === 'integer') return and(b, a);
    if (b.kind === 'integer') return b.value >= 0n ? masked(a, b.value) : subtract(a, masked(a, ~b.value));
    if (a === b) return a;
    for (const [upper, lower] of [
      [a, b],
      [b, a],
    ]) {
      const { low, high } = intervals.of(lower);
      if (low !== undefined && low >= 0n && high !== undefined && high < 2n ** BigInt(intervals.alignment(upper)))
        return ZERO;
    }
    const common = t.call('bits_and', [a, b]);
    if (mentionsBound(common, boundIn)) return common;
    return cached(ands, a, b, () => {
      for (const operand of [a, b]) {
        const natural = t.atMost(ZERO, operand);
        facts.add(common, t.implies(natural, t.all([t.atMost(ZERO, common), t.atMost(common, operand)])));
      }
      facts.add(common, t.equal(common, t.call('bits_and', [b, a])));
      return common;
    });
  };
  const ands = new Map<Term, Map<Term, Term>>();
  const bitwise: Arithmetic['bitwise'] = (operator, a, b) => {
    const common = and(a, b);
    if (operator === 'and') return common;
    const sum = add(a, b);
    return subtract(sum, operator === 'or' ? common : multiply(integer(2n), common));
  };

  /** The comparison where the ranges decide it. */
  const decided = (a: Term, b: Term, strict: boolean): boolean | undefined => {
    const [x, y] = [intervals.of(a), intervals.of(b)];
    if (x.high !== undefined && y.low !== undefined && (strict ? x.high < y.low : x.high <= y.low)) return true;
    if (x.low !== undefined && y.high !== undefined && (strict ? x.low >= y.high : x.low > y.high)) return false;
    return undefined;
  };
  const less = (a: Term, b: Term): Term => {
    const known = decided(a, b, true);
    return known === undefined ? t.less(a, b) : truth(known);
  };
  const atMost = (a: Term, b: Term): Term => {
    const known = decided(a, b, false);
    return known === undefined ? t.atMost(a, b) : truth(known);
  };
  const equal = (a: Term, b: Term): Term => {
    if (a === b) return truth(true);
    if (a.kind === 'integer' && b.kind === 'integer') return truth(a.value === b.value);
    if (a.kind === 'integer' && b.sort === 'Int' && !inRange(a.value, intervals.of(b))) return truth(false);
    if (b.kind === 'integer' && a.sort === 'Int' && !inRange(b.value, intervals.of(a))) return truth(false);
    return t.equal(a, b);
  };
  const not = (a: Term): Term => {
    if (a.kind === 'truth') return truth(!a.value);
    return a.kind === 'apply' && a.operator === 'not' ? a.operands[0] : t.not(a);
  };
  const all = (conditions: readonly Term[]): Term => {
    const open = conditions.filter((condition) => !(condition.kind === 'truth' && condition.value));
    return open.some((condition) => condition.kind === 'truth') ? truth(false) : t.all(open);
  };
  const any = (conditions: readonly Term[]): Term => {
    const open = conditions.filter((condition) => !(condition.kind === 'truth' && !condition.value));
    return open.some((condition) => condition.kind === 'truth') ? truth(true) : t.any(open);
  };
  const implies = (a: Term, b: Term): Term =>
    a.kind === 'truth' ? (a.value ? b : truth(true)) : b.kind === 'truth' && b.value ? b : t.implies(a, b);
  const choose = (condition: Term, whenTrue: Term, whenFalse: Term): Term => {
    if (condition.kind === 'truth') return condition.value ? whenTrue : whenFalse;
    return whenTrue === whenFalse ? whenTrue : t.select(condition, whenTrue, whenFalse);
  };
  return {
    integer,
    truth,
    add,
    subtract,
    multiply,
    floorDivide,
    floorModulo,
    powerOfTwo,
    bitwise,
    equal,
    less,
    atMost,
    not,
    all,
    any,
    implies,
    select: choose,
    choose,
    wrap,
  };
}
