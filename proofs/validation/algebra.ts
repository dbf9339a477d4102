/**
 * Bits as terms that fold where both operands are known: the instance of the arithmetic of instructions and of operators
 * with which code is executed symbolically.
 *
 * Addresses are sums of a base and offsets, and must be recognized as such whatever order they were added in, so sums
 * keep their constant outermost. Everything else is left as it was computed: a solver simplifies better.
 */
import type { BitComparison, BitOperator } from '../../base/bits.ts';
import { type MachineAlgebra, patterns } from '../../machine/semantics/algebra.ts';
import type { Term } from '../smt/terms.ts';
import * as t from '../smt/terms.ts';

const constantOf = (term: Term): bigint | undefined => (term.kind === 'bits' ? term.value : undefined);

function fold(operator: BitOperator, a: Term, b: Term): Term | undefined {
  const [x, y] = [constantOf(a), constantOf(b)];
  if (x === undefined || y === undefined) return undefined;
  const width = t.bitsOf(a);
  return t.bitConstant(patterns.operate(operator, { value: x, width }, { value: y, width }).value, width);
}

const isSum = (term: Term): term is Term & { readonly kind: 'apply' } =>
  term.kind === 'apply' && term.operator === 'bvadd';

/** a + b, a constant at the outer right. */
function sum(a: Term, b: Term): Term {
  const width = t.bitsOf(a);
  if (constantOf(a) !== undefined) return constantOf(b) === undefined ? sum(b, a) : fold('bvadd', a, b)!;
  const y = constantOf(b);
  if (y === 0n) return a;
  if (isSum(a)) {
    const [inner, last] = a.operands;
    const c = constantOf(last);
    if (c !== undefined) return y === undefined ? sum(sum(inner, b), last) : sum(inner, t.bitConstant(c + y, width));
  }
  if (y === undefined && isSum(b) && constantOf(b.operands[1]) !== undefined)
    return sum(sum(a, b.operands[0]), b.operands[1]);
  return t.bits('bvadd', [a, b], width);
}

function operate(operator: BitOperator, a: Term, b: Term): Term {
  const known = fold(operator, a, b);
  if (known !== undefined) return known;
  if (operator === 'bvadd') return sum(a, b);
  const width = t.bitsOf(a);
  const y = constantOf(b);
  if (operator === 'bvsub') return y === undefined ? t.bits('bvsub', [a, b], width) : sum(a, t.bitConstant(-y, width));
  if (y === 0n && ['bvor', 'bvxor', 'bvshl', 'bvlshr', 'bvashr'].includes(operator)) return a;
  return t.bits(operator, [a, b], width);
}

/** Terms that are looked at before two count as different. */
const MOST_ALIKE = 500;

/** Whether two terms are written alike; no more than so many of their parts are looked at. */
export function alike(a: Term, b: Term): boolean {
  let left = MOST_ALIKE;
  const same = (x: Term, y: Term): boolean => {
    if (x === y) return true;
    if (left-- <= 0 || x.kind !== y.kind || x.sort !== y.sort) return false;
    if (x.kind === 'bits' || x.kind === 'truth' || x.kind === 'integer') return x.value === (y as typeof x).value;
    if (x.kind === 'variable') return x.name === (y as typeof x).name;
    const [of, others] = [t.operandsOf(x), t.operandsOf(y)];
    const isOne =
      x.kind === 'apply'
        ? x.operator === (y as typeof x).operator
        : x.kind === 'call' && x.name === (y as typeof x).name;
    return isOne && of.length === others.length && of.every((one, i) => same(one, others[i]));
  };
  return same(a, b);
}

function compare(operator: BitComparison, a: Term, b: Term): Term {
  const [x, y] = [constantOf(a), constantOf(b)];
  const width = t.bitsOf(a);
  if (x !== undefined && y !== undefined)
    return t.truth(patterns.compare(operator, { value: x, width }, { value: y, width }));
  return operator === '=' && alike(a, b) ? t.truth(true) : t.bitComparison(operator, [a, b]);
}

function extended(how: 'sign_extend' | 'zero_extend', a: Term, width: number): Term {
  const own = t.bitsOf(a);
  if (own === width) return a;
  const x = constantOf(a);
  if (x !== undefined) return t.bitConstant(how === 'sign_extend' ? BigInt.asIntN(own, x) : x, width);
  return t.bits(`(_ ${how} ${width - own})`, [a], width);
}

/** What a term is extended from, and by what. */
function extension(a: Term): { readonly how: 'sign' | 'zero'; readonly from: Term } | undefined {
  if (a.kind !== 'apply') return undefined;
  const [, how] = /^\(_ (sign|zero)_extend/.exec(a.operator) ?? [];
  return how === undefined ? undefined : { how: how as 'sign' | 'zero', from: a.operands[0] };
}

/** How both operands must be extended for the lower half of a result to be the result of the lower halves. */
const halved: Readonly<Record<string, 'sign' | 'zero' | 'either'>> = {
  bvmul: 'either',
  bvsdiv: 'sign',
  bvsrem: 'sign',
  bvudiv: 'zero',
  bvurem: 'zero',
};

/**
 * The lower bits of what was computed on extended operands, without the extension: the lower half of a product is that
 * of the halves, and so are quotients and remainders, those of a division by zero and the one that overflows, too.
 */
function lowerHalf(a: Term & { readonly kind: 'apply' }, width: number): Term | undefined {
  const wanted = halved[a.operator];
  if (wanted === undefined) return undefined;
  const halves = a.operands.map((one) => {
    const half = extract(one, 0, width);
    const isExtended =
      wanted === 'either'
        ? constantOf(one) !== undefined || extension(one) !== undefined
        : alike(extended(`${wanted}_extend`, half, t.bitsOf(one)), one);
    return isExtended ? half : undefined;
  });
  const [x, y] = halves;
  return x === undefined || y === undefined ? undefined : operate(a.operator as BitOperator, x, y);
}

/** Bits `low` to `low + width - 1`. */
export function extract(a: Term, low: number, width: number): Term {
  const x = constantOf(a);
  if (x !== undefined) return t.bitConstant(x >> BigInt(low), width);
  if (low === 0 && t.bitsOf(a) === width) return a;
  const wide = extension(a);
  if (wide !== undefined) {
    const inner = t.bitsOf(wide.from);
    if (low + width <= inner) return extract(wide.from, low, width);
    if (low >= inner && wide.how === 'zero') return t.bitConstant(0n, width);
  }
  if (a.kind === 'apply' && a.operator === 'concat') {
    const [high, lower] = a.operands;
    const border = t.bitsOf(lower);
    if (low + width <= border) return extract(lower, low, width);
    if (low >= border) return extract(high, low - border, width);
  }
  if (a.kind === 'apply' && a.operator.startsWith('(_ extract')) {
    const [, from] = /^\(_ extract \d+ (\d+)\)$/.exec(a.operator)!;
    return extract(a.operands[0], Number(from) + low, width);
  }
  const half = a.kind === 'apply' && low === 0 ? lowerHalf(a, width) : undefined;
  return half ?? t.bits(`(_ extract ${low + width - 1} ${low})`, [a], width);
}

export const negation = (a: Term): Term => (a.kind === 'truth' ? t.truth(!a.value) : t.not(a));

/** Whether a term is the sign of another, in every bit. */
function isSignOf(a: Term, of: Term): boolean {
  if (a.kind !== 'apply' || a.operator !== 'bvashr' || !alike(a.operands[0], of)) return false;
  return constantOf(a.operands[1]) === BigInt(t.bitsOf(of) - 1);
}

function concatenate(high: Term, low: Term): Term {
  const width = t.bitsOf(high) + t.bitsOf(low);
  const [x, y] = [constantOf(high), constantOf(low)];
  if (x !== undefined && y !== undefined) return t.bitConstant((x << BigInt(t.bitsOf(low))) | y, width);
  if (x === 0n) return extended('zero_extend', low, width);
  if (isSignOf(high, low)) return extended('sign_extend', low, width);
  return t.bits('concat', [high, low], width);
}

export const terms: MachineAlgebra<Term, Term> = {
  constant: t.bitConstant,
  widthOf: t.bitsOf,
  operate,
  invert: (a) => t.bits('bvnot', [a], t.bitsOf(a)),
  compare,
  select: (condition, whenTrue, whenFalse) =>
    condition.kind === 'truth' ? (condition.value ? whenTrue : whenFalse) : t.select(condition, whenTrue, whenFalse),
  signExtend: (a, width) => extended('sign_extend', a, width),
  zeroExtend: (a, width) => extended('zero_extend', a, width),
  truncate: (a, width) => extract(a, 0, width),
  extract,
  concatenate,
  not: negation,
  known: constantOf,
  decided: (condition) => (condition.kind === 'truth' ? condition.value : undefined),
};

export const word = (value: bigint | number): Term => t.bitConstant(BigInt(value), 64);
export const isTrue = (a: Term): boolean => a.kind === 'truth' && a.value;
export const isFalse = (a: Term): boolean => a.kind === 'truth' && !a.value;

/** What is left of an address when a base is taken away; undefined where the base is not in it, just once. */
export function offsetFrom(base: Term, address: Term): Term | undefined {
  if (address === base) return word(0);
  if (!isSum(address)) return undefined;
  const [left, right] = address.operands;
  const fromLeft = offsetFrom(base, left);
  const fromRight = offsetFrom(base, right);
  if (fromLeft !== undefined && fromRight !== undefined) return undefined;
  if (fromLeft !== undefined) return sum(fromLeft, right);
  return fromRight === undefined ? undefined : sum(left, fromRight);
}
