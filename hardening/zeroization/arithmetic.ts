/**
 * What instructions compute on values that may depend on a secret: bounds, pointers, and which bytes let taint through.
 *
 * Pointers keep what they point to through additions, alignments and differences, as compiled code computes addresses;
 * whatever else is made of one is some number. A result says less than is true where more is not needed.
 */
import type { BitComparison, BitOperator } from '../../base/bits.ts';
import type { MachineAlgebra } from '../../machine/semantics/algebra.ts';
import { patterns } from '../../machine/semantics/algebra.ts';
import { withEntry } from './tables.ts';
import {
  allBytes,
  bytesOf,
  concatenate,
  EVEN_RETURN,
  everywhere,
  extendSign,
  extendZero,
  extract,
  greater,
  IMAGE,
  isExact,
  isOne,
  join,
  joinSecretly,
  known,
  knownLow,
  limitOf,
  mostOf,
  pointer,
  STACK,
  smaller,
  type Truth,
  unknown,
  type Value,
  zeroBytes,
} from './values.ts';

/** All bytes from the lowest tainted one on. */
function carried(taint: number, width: number): number {
  if (taint === 0) return 0;
  const lowest = taint & -taint;
  return allBytes(width) & ~(lowest - 1);
}

/** All bits up to the highest one, of a few widths: a bound for what bits of two bounded values make. */
function roundedUp(most: bigint, limit: bigint): bigint {
  for (const bits of [1, 4, 8, 16, 32]) if (most <= limitOf(bits)) return smaller(limit, limitOf(bits));
  return limit;
}

/** What is known of where regions are. */
export interface Places {
  /** What the beginning of a region leaves when divided by a power of two; undefined: nobody knows. */
  readonly remainder: (region: number, modulus: number) => number | undefined;
  /** The region whose offsets are addresses, where a number is an address of the image. */
  readonly imageAt: (address: bigint) => number | undefined;
}

/** Offsets beyond are no pointers: numbers and pages of memory tell nearer ones apart. */
const FARTHEST = 2 ** 44;

function reaching(region: number, low: number, high: number, taint: number, wild: boolean, step = 1): Value {
  if (low < -FARTHEST || high > FARTHEST) return unknown(64, everywhere(taint, 64));
  return pointer(region, low, high, taint, wild, step);
}

/** The greatest power of two that divides a number other than zero, up to 2^64. */
const stepOf = (value: bigint): number => Number(value & -value);

function addOffset(a: Value, b: Value, sign: 1 | -1): Value {
  if (b.kind === 'known') {
    const by = Number(BigInt.asIntN(64, sign === 1 ? b.value : -b.value));
    return reaching(a.region, a.low + by, a.high + by, a.taint, a.wild, a.step);
  }
  const taint = carried(a.taint | b.taint, 64);
  const most = mostOf(b);
  if (a.wild || most > 0x7fffffffn) return pointer(a.region, a.low, a.low, taint, true);
  const reach = Number(most);
  const [low, high] = sign === 1 ? [a.low, a.high + reach] : [a.low - reach, a.high];
  // Downwards the lowest offset need not be one of them.
  const step = sign === -1 ? 1 : a.low === a.high ? b.step : Math.min(a.step, b.step);
  return reaching(a.region, low, high, taint, false, step);
}

/** Offsets that no address wraps around at: of code that compares places of one object. */
const isNear = ({ low, high, wild }: Value): boolean => !wild && low >= -0x100000 && high <= 0x7fffffff;

/** Offsets at which no region is in the first page. Of the image, offsets are addresses, and a segment may be low. */
const isBeyondFirstPage = (a: Value): boolean =>
  isNear(a) && (a.region === STACK || a.low >= (a.region === IMAGE ? 4096 : 0));

function aligned(places: Places, a: Value, mask: bigint): Value | undefined {
  const size = -BigInt.asIntN(64, mask);
  if (size <= 0n || size > 4096n || (size & (size - 1n)) !== 0n) return undefined;
  const modulus = Number(size);
  const remainder = places.remainder(a.region, modulus);
  if (!isExact(a) || remainder === undefined) return pointer(a.region, a.low - modulus + 1, a.high, a.taint, a.wild);
  const offset = Math.floor((a.low + remainder) / modulus) * modulus - remainder;
  return pointer(a.region, offset, offset);
}

/** A pointer with its low bits combined with a small constant, as code does where it knows how objects are aligned. */
function lowBits(places: Places, operator: BitOperator, a: Value, b: Value): Value | undefined {
  const [p, mask] = a.kind === 'pointer' ? [a, b] : [b, a];
  if (mask.kind !== 'known' || mask.value >= 64n || !isExact(p)) return undefined;
  const by = Number(mask.value);
  let modulus = 2;
  while (modulus <= by) modulus *= 2;
  const remainder = places.remainder(p.region, modulus);
  if (remainder === undefined) return undefined;
  const low = (((p.low + remainder) % modulus) + modulus) % modulus;
  if (operator === 'bvand') return known(BigInt(low & by), 64);
  const offset = p.low - low + (operator === 'bvor' ? low | by : low ^ by);
  return pointer(p.region, offset, offset);
}

function onPointers(places: Places, operator: BitOperator, a: Value, b: Value): Value {
  const taint = a.taint | b.taint;
  if (operator === 'bvadd') {
    if (a.kind === 'pointer' && b.kind !== 'pointer') return addOffset(a, b, 1);
    if (b.kind === 'pointer' && a.kind !== 'pointer') return addOffset(b, a, 1);
  } else if (operator === 'bvsub') {
    if (a.kind === 'pointer' && b.kind !== 'pointer') return addOffset(a, b, -1);
    if (a.kind === 'pointer' && b.kind === 'pointer') {
      if (a.region === b.region && isExact(a) && isExact(b)) return known(BigInt(a.low - b.low), 64);
      return unknown(64, everywhere(taint, 64));
    }
  } else if (operator === 'bvand') {
    const [p, mask] = a.kind === 'pointer' ? [a, b] : [b, a];
    if (mask.kind === 'known') {
      const result = aligned(places, p, mask.value);
      if (result !== undefined) return result;
      if (mask.value < 64n)
        return lowBits(places, operator, a, b) ?? unknown(64, everywhere(p.taint, 64) & 1, mask.value);
    }
    if (isOne(a, b)) return a;
  } else if (operator === 'bvor' || operator === 'bvxor') {
    if (b.kind === 'known' && b.value === 0n) return a;
    if (a.kind === 'known' && a.value === 0n) return b;
    if (isOne(a, b)) return operator === 'bvor' ? a : known(0n, 64);
    const combined = lowBits(places, operator, a, b);
    if (combined !== undefined) return combined;
  } else if ((operator === 'bvshl' || operator === 'bvlshr') && b.kind === 'known' && b.value === 0n) return a;
  else if (operator === 'bvmul' && b.kind === 'known' && b.value === 1n) return a;
  return unknown(64, everywhere(taint, 64));
}

function shift(operator: BitOperator, a: Value, places: number): Value {
  const { width } = a;
  if (places === 0) return a;
  const all = allBytes(width);
  const [whole, rest] = [places >> 3, places & 7];
  if (operator === 'bvshl') {
    if (places >= width) return known(0n, width);
    const up = a.taint << whole;
    const most = a.most << BigInt(places);
    const bound = most > limitOf(width) ? limitOf(width) : most;
    const step = Math.min(a.step, FARTHEST) * 2 ** places;
    return unknown(width, (rest === 0 ? up : up | (up << 1)) & all, bound, -1, 0, undefined, 0, step);
  }
  // Whole bytes that move down stay the bytes that they are.
  if (operator === 'bvlshr' && rest === 0 && places < width)
    return extendZero(extract(a, places, width - places), width);
  const fill = operator === 'bvashr' && a.most > limitOf(width - 1);
  if (places >= width && !fill) return known(0n, width);
  const down = Math.min(whole, bytesOf(width));
  let taint = rest === 0 ? a.taint >> down : (a.taint >> down) | (a.taint >> (down + 1));
  if (fill && ((a.taint >> (bytesOf(width) - 1)) & 1) === 1) {
    const first = Math.max(0, bytesOf(width) - 1 - down);
    taint |= all & ~((1 << first) - 1);
  }
  const step = operator === 'bvlshr' ? Math.max(1, a.step / 2 ** places) : 1;
  const most = fill ? limitOf(width) : a.most >> BigInt(places);
  return unknown(width, taint & all, most, -1, 0, undefined, 0, step);
}

function onUnknown(places: Places, operator: BitOperator, a: Value, b: Value): Value {
  const { width } = a;
  const limit = limitOf(width);
  const taint = a.taint | b.taint;
  const [x, y] = [mostOf(a), mostOf(b)];
  switch (operator) {
    case 'bvadd': {
      if (b.kind === 'known' && b.value === 0n) return a;
      if (a.kind === 'known' && a.value === 0n) return b;
      // An index into the image's data.
      const [base, index] = a.kind === 'known' ? [a, b] : [b, a];
      const image = width === 64 && base.kind === 'known' ? places.imageAt(base.value) : undefined;
      if (image !== undefined) return addOffset(pointer(image, Number(base.value), Number(base.value)), index, 1);
      const step = a.kind === 'unknown' && b.kind === 'unknown' ? Math.min(a.step, b.step) : 1;
      return unknown(width, carried(taint, width), smaller(x + y, limit), -1, 0, undefined, 0, step);
    }
    case 'bvsub':
      if (b.kind === 'known' && b.value === 0n) return a;
      if (isOne(a, b)) return known(0n, width);
      return unknown(width, carried(taint, width));
    case 'bvmul': {
      if (x === 0n || y === 0n) return known(0n, width);
      if (b.kind === 'known' && b.value === 1n) return a;
      if (a.kind === 'known' && a.value === 1n) return b;
      const [some, factor] = a.kind === 'known' ? [b, a] : [a, b];
      const step = factor.kind === 'known' ? Math.min(some.step, FARTHEST) * stepOf(factor.value) : 1;
      return unknown(width, carried(taint, width), smaller(x * y, limit), -1, 0, undefined, 0, step);
    }
    case 'bvand': {
      const clear = zeroBytes(a) | zeroBytes(b);
      if (clear === allBytes(width)) return known(0n, width);
      if (b.kind === 'known' && b.value === limit) return a;
      if (a.kind === 'known' && a.value === limit) return b;
      if (a.kind === 'unknown' && a.symbol === EVEN_RETURN && y === limit - 1n && b.kind === 'known') return a;
      const [some, mask] = a.kind === 'known' ? [b, a] : [a, b];
      const low = mask.kind === 'known' ? knownLow(some) : undefined;
      if (low !== undefined && mask.value <= limitOf(low.width)) return known(low.value & mask.value, width);
      const step = mask.kind === 'known' ? Math.max(some.step, stepOf(mask.value)) : 1;
      return unknown(width, taint & ~clear, smaller(x, y), -1, 0, undefined, 0, step);
    }
    case 'bvor':
    case 'bvxor': {
      if (b.kind === 'known' && b.value === 0n) return a;
      if (a.kind === 'known' && a.value === 0n) return b;
      if (isOne(a, b)) return operator === 'bvor' ? a : known(0n, width);
      if (operator === 'bvor' && ((x === limit && a.kind === 'known') || (y === limit && b.kind === 'known')))
        return known(limit, width);
      return unknown(width, taint, roundedUp(greater(x, y), limit));
    }
    case 'bvshl':
    case 'bvlshr':
    case 'bvashr':
      if (b.kind === 'known' && a.kind === 'unknown') return shift(operator, a, Number(smaller(b.value, 1024n)));
      return unknown(width, everywhere(taint, width), operator === 'bvlshr' ? x : limit);
    case 'bvudiv':
      return unknown(width, everywhere(taint, width));
    case 'bvurem':
      return unknown(width, everywhere(taint, width), b.kind === 'known' && y > 0n ? smaller(x, y - 1n) : limit);
    default:
      return unknown(width, everywhere(taint, width));
  }
}

/** One of several: what comes of each. */
function onEach(a: Value, b: Value, combine: (a: Value, b: Value) => Value): Value | undefined {
  if (a.either !== undefined && b.either !== undefined) return undefined;
  const results = a.either?.map((one) => combine(one, b)) ?? b.either!.map((one) => combine(a, one));
  const isSecret = a.taint !== 0 || b.taint !== 0;
  return results.reduce((x, y) => (isSecret ? joinSecretly(x, y) : join(x, y)));
}

/** A truth of several is theirs if they agree. */
function compareEach(operator: BitComparison, a: Value, b: Value): Truth {
  const truths = (a.either ?? [a]).flatMap((x) => (b.either ?? [b]).map((y) => compare(operator, x, y)));
  if (typeof truths[0] === 'boolean' && truths.every((truth) => truth === truths[0])) return truths[0];
  return (a.taint | b.taint) === 0 && !truths.includes('secret') ? 'public' : 'secret';
}

function compare(operator: BitComparison, a: Value, b: Value): Truth {
  if (a.either !== undefined || b.either !== undefined) return compareEach(operator, a, b);
  if (a.kind === 'known' && b.kind === 'known')
    return patterns.compare(operator, { value: a.value, width: a.width }, { value: b.value, width: b.width });
  if (isOne(a, b)) return operator === '=' || operator === 'bvsle' || operator === 'bvule';
  if (a.kind === 'pointer' && b.kind === 'pointer' && a.region === b.region && isNear(a) && isNear(b)) {
    if (a.high < b.low) return operator !== '=';
    if (a.low > b.high) return false;
    if (a.high <= b.low && (operator === 'bvule' || operator === 'bvsle')) return true;
  } else if (a.kind === 'pointer' && isBeyondFirstPage(a) && b.kind === 'known' && b.value < 4096n) {
    // No region lies in the first page.
    if (operator === '=' || operator === 'bvult' || operator === 'bvule') return false;
  } else if (b.kind === 'pointer' && isBeyondFirstPage(b) && a.kind === 'known' && a.value < 4096n) {
    if (operator === '=') return false;
    if (operator === 'bvult' || operator === 'bvule') return true;
  } else if (a.kind !== 'pointer' && b.kind !== 'pointer') {
    const [x, y] = [mostOf(a), mostOf(b)];
    const signs = limitOf(a.width - 1);
    const isPlain = operator === 'bvult' || operator === 'bvule' || operator === '=' || (x <= signs && y <= signs);
    if (isPlain && b.kind === 'known') {
      if (x < b.value) return operator !== '=';
      if (x === b.value && (operator === 'bvule' || operator === 'bvsle')) return true;
      if (b.value === 0n && (operator === 'bvult' || operator === 'bvslt')) return false;
    }
    if (isPlain && a.kind === 'known') {
      if (y < a.value) return false;
      if (y === a.value && (operator === 'bvult' || operator === 'bvslt')) return false;
      if (a.value === 0n && (operator === 'bvule' || operator === 'bvsle')) return true;
    }
  }
  return (a.taint | b.taint) === 0 ? 'public' : 'secret';
}

/** Some value that depends on nothing but these. */
export function opaque(sources: readonly Value[], width: number): Value {
  return unknown(width, sources.some(({ taint }) => taint !== 0) ? allBytes(width) : 0);
}

const unchanged = (a: Value): Value => a;

/** Of which the bounds of what they are made of matter. */
const bounded: ReadonlySet<BitOperator> = new Set(['bvadd', 'bvmul', 'bvshl', 'bvlshr', 'bvand']);

/**
 * The arithmetic of instructions on such values. `narrowed`: a value with what branches have shown of it (facts.ts); it
 * is asked for what sums, products, shifts and parts are made of.
 */
export function createAlgebra(places: Places, narrowed = unchanged): MachineAlgebra<Value, Truth> {
  const operateOn = (operator: BitOperator, a: Value, b: Value): Value => {
    if (a.kind === 'known' && b.kind === 'known') return known(patterns.operate(operator, a, b).value, a.width);
    if (a.kind === 'pointer' || b.kind === 'pointer') return onPointers(places, operator, a, b);
    return onUnknown(places, operator, a, b);
  };
  const operate = (operator: BitOperator, a: Value, b: Value): Value => {
    const made = bounded.has(operator) ? operateOn(operator, narrowed(a), narrowed(b)) : operateOn(operator, a, b);
    return a.entry === undefined && b.entry === undefined ? made : withEntry(operator, a, b, made);
  };
  const partly = (a: Value, part: Value): Value => (part === a ? a : narrowed(part));
  return {
    constant: known,
    widthOf: ({ width }) => width,
    operate: (operator, a, b) => {
      if (a.either !== undefined || b.either !== undefined)
        return onEach(a, b, (x, y) => operate(operator, x, y)) ?? operate(operator, a, b);
      return operate(operator, a, b);
    },
    invert: (a) => {
      if (a.kind === 'known') return known(~a.value, a.width);
      return unknown(a.width, a.taint);
    },
    compare,
    select: (condition, a, b) => {
      if (condition === true) return a;
      if (condition === false) return b;
      return condition === 'secret' ? joinSecretly(a, b) : join(a, b);
    },
    signExtend: (a, width) => extendSign(a, width),
    zeroExtend: (a, width) => partly(a, extendZero(a, width)),
    truncate: (a, width) => partly(a, extract(a, 0, width)),
    extract: (a, low, width) => partly(a, extract(a, low, width)),
    concatenate,
    not: (condition) => (typeof condition === 'boolean' ? !condition : condition),
    decided: (condition) => (typeof condition === 'boolean' ? condition : undefined),
    known: (a) => (a.kind === 'known' ? a.value : undefined),
  };
}
