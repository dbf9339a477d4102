/**
 * What is known of a value while code is followed with a secret in it.
 *
 * A value is a constant, a pointer into a region of memory, or unknown below a bound; and of each byte it is known
 * whether it may depend on the secret (its taint). Constants and exact pointers have no taint: what is the same whatever
 * the secret is, is public, however it was computed. The taint of a byte follows what the arithmetic lets through: sums
 * and products carry upwards, shifts move, a mask of zeros removes.
 * One object stands for one value: two places that hold it hold the same, whatever that is. So what joins two makes a
 * new object, even where they look alike.
 * A symbol names an unknown value that is the same wherever the name is: what a word of memory held at the entry.
 */
import type { BitComparison, BitOperator } from '../../base/bits.ts';
import type { MachineAlgebra } from '../../machine/semantics/algebra.ts';
import { patterns } from '../../machine/semantics/algebra.ts';

export interface Value {
  readonly kind: 'known' | 'pointer' | 'unknown';
  /** Bits. */
  readonly width: number;
  /** Of a constant, without a sign. */
  readonly value: bigint;
  /** Of a pointer: which region. */
  readonly region: number;
  /** Of a pointer: the least and greatest offset. Both are where it was last known when it is `wild`. */
  readonly low: number;
  readonly high: number;
  /** The offset of a pointer is not known at all. */
  readonly wild: boolean;
  /** Of an unknown: no greater, without a sign. */
  readonly most: bigint;
  /** A bit for each byte that may depend on the secret. */
  readonly taint: number;
  /** The place in the secret of which tainted bytes are copies; -1: they are derived. */
  readonly copy: number;
  /** 0: none. */
  readonly symbol: number;
  /** The value of which this is a part, and from which of its bytes on; what is above that part is zero. */
  readonly whole: Value | undefined;
  readonly wholeByte: number;
}

/** Regions that are there for every question; in that of the image, offsets are addresses. */
export const STACK = 0;
export const IMAGE = 1;
export const THREAD = 2;

/** Truths: decided, or not, and then whether they may depend on the secret. */
export type Truth = boolean | 'public' | 'secret';

/** `made` of `a`'s bytes from one on. */
function partOf(a: Value, byte: number, made: Value): Value {
  if (made.kind !== 'unknown' || a.kind !== 'unknown') return made;
  const { width, most, taint, copy, symbol } = made;
  return unknown(width, taint, most, copy, symbol, a.whole ?? a, a.wholeByte + byte);
}

export const bytesOf = (width: number): number => (width + 7) >> 3;
export const allBytes = (width: number): number => 2 ** bytesOf(width) - 1;

const limits = Array.from({ length: 514 }, (_, i) => (1n << BigInt(i)) - 1n);
export const limitOf = (width: number): bigint => limits[width]!;

// Each in full: millions are made, and all have one shape.
export function known(value: bigint, width: number): Value {
  return {
    kind: 'known',
    width,
    value: value >= 0n && value <= limits[width]! ? value : BigInt.asUintN(width, value),
    region: 0,
    low: 0,
    high: 0,
    wild: false,
    most: 0n,
    taint: 0,
    copy: -1,
    symbol: 0,
    whole: undefined,
    wholeByte: 0,
  };
}

export function unknown(
  width: number,
  taint = 0,
  most: bigint = limits[width]!,
  copy = -1,
  symbol = 0,
  whole: Value | undefined = undefined,
  wholeByte = 0,
): Value {
  if (most === 0n) return known(0n, width);
  const kind = 'unknown';
  return {
    kind,
    width,
    value: 0n,
    region: 0,
    low: 0,
    high: 0,
    wild: false,
    most,
    taint,
    copy,
    symbol,
    whole,
    wholeByte,
  };
}

/** A pointer to one of several offsets; `isWild`: to any. */
export function pointer(region: number, low: number, high: number, mayTaint = 0, wild = false): Value {
  const taint = low === high && !wild ? 0 : mayTaint;
  return {
    kind: 'pointer',
    width: 64,
    value: 0n,
    region,
    low,
    high,
    wild,
    most: 0n,
    taint,
    copy: -1,
    symbol: 0,
    whole: undefined,
    wholeByte: 0,
  };
}

/** Symbols of what a caller gives to return to. */
const RETURN = -1;
const EVEN_RETURN = -2;

/** Where to return to: nobody knows the address. `isEven`: its lowest bit is 0, as on machines that clear it. */
export const returnAddress = (isEven: boolean): Value => unknown(64, 0, limits[64]!, -1, isEven ? EVEN_RETURN : RETURN);

export const isExact = (a: Value): boolean => a.kind === 'pointer' && a.low === a.high && !a.wild;

/** Whether two say the same. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.width !== b.width || a.taint !== b.taint) return false;
  if (a.kind === 'known') return a.value === b.value;
  if (a.kind === 'pointer') return a.region === b.region && a.low === b.low && a.high === b.high && a.wild === b.wild;
  return a.most === b.most && a.symbol === b.symbol && a.copy === b.copy;
}

/** Whether two are one value, whatever they are. */
export const isOne = (a: Value, b: Value): boolean =>
  a.kind === 'known'
    ? b.kind === 'known' && a.value === b.value
    : a.kind === 'pointer'
      ? isExact(a) && isExact(b) && a.region === b.region && a.low === b.low
      : b.kind === 'unknown' && a.symbol !== 0 && a.symbol === b.symbol;

/** All bytes from the lowest tainted one on. */
function carried(taint: number, width: number): number {
  if (taint === 0) return 0;
  const lowest = taint & -taint;
  return allBytes(width) & ~(lowest - 1);
}

const everywhere = (taint: number, width: number): number => (taint === 0 ? 0 : allBytes(width));
const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
const greater = (a: bigint, b: bigint): bigint => (b < a ? a : b);
export const mostOf = (a: Value): bigint =>
  a.kind === 'known' ? a.value : a.kind === 'unknown' ? a.most : limitOf(a.width);

/** All bits up to the highest one, of a few widths: a bound for what bits of two bounded values make. */
function roundedUp(most: bigint, limit: bigint): bigint {
  for (const bits of [1, 4, 8, 16, 32]) if (most <= limitOf(bits)) return smaller(limit, limitOf(bits));
  return limit;
}

/** A byte of a value, as a value. */
export function byteOf(a: Value, index: number): Value {
  if (a.width === 8) return a;
  if (a.kind === 'known') return known((a.value >> BigInt(8 * index)) & 255n, 8);
  const most = a.kind === 'unknown' ? smaller(255n, a.most >> BigInt(8 * index)) : 255n;
  return partOf(a, index, unknown(8, (a.taint >> index) & 1, most, a.copy < 0 ? -1 : a.copy + index));
}

/** Bytes of which each is known to be zero, by a constant. */
function zeroBytes(a: Value): number {
  let mask = 0;
  const most = mostOf(a);
  for (let i = 0; i < bytesOf(a.width); i++) {
    const byte = a.kind === 'known' ? (a.value >> BigInt(8 * i)) & 255n : most >> BigInt(8 * i);
    if (byte === 0n) mask |= 1 << i;
  }
  return mask;
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

function reaching(region: number, low: number, high: number, taint: number, wild: boolean): Value {
  if (low < -FARTHEST || high > FARTHEST) return unknown(64, everywhere(taint, 64));
  return pointer(region, low, high, taint, wild);
}

function addOffset(a: Value, b: Value, sign: 1 | -1): Value {
  if (b.kind === 'known') {
    const by = Number(BigInt.asIntN(64, sign === 1 ? b.value : -b.value));
    return reaching(a.region, a.low + by, a.high + by, a.taint, a.wild);
  }
  const taint = carried(a.taint | b.taint, 64);
  const most = mostOf(b);
  if (a.wild || most > 0x7fffffffn) return pointer(a.region, a.low, a.low, taint, true);
  const reach = Number(most);
  const [low, high] = sign === 1 ? [a.low, a.high + reach] : [a.low - reach, a.high];
  return reaching(a.region, low, high, taint, false);
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
    return unknown(width, (rest === 0 ? up : up | (up << 1)) & all, most > limitOf(width) ? limitOf(width) : most);
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
  return unknown(width, taint & all, fill ? limitOf(width) : a.most >> BigInt(places));
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
      return unknown(width, carried(taint, width), smaller(x + y, limit));
    }
    case 'bvsub':
      if (b.kind === 'known' && b.value === 0n) return a;
      if (isOne(a, b)) return known(0n, width);
      return unknown(width, carried(taint, width));
    case 'bvmul': {
      if (x === 0n || y === 0n) return known(0n, width);
      if (b.kind === 'known' && b.value === 1n) return a;
      if (a.kind === 'known' && a.value === 1n) return b;
      return unknown(width, carried(taint, width), smaller(x * y, limit));
    }
    case 'bvand': {
      const clear = zeroBytes(a) | zeroBytes(b);
      if (clear === allBytes(width)) return known(0n, width);
      if (b.kind === 'known' && b.value === limit) return a;
      if (a.kind === 'known' && a.value === limit) return b;
      if (a.kind === 'unknown' && a.symbol === EVEN_RETURN && y === limit - 1n && b.kind === 'known') return a;
      return unknown(width, taint & ~clear, smaller(x, y));
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

function compare(operator: BitComparison, a: Value, b: Value): Truth {
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

function extract(a: Value, low: number, width: number): Value {
  if (low === 0 && width === a.width) return a;
  if (a.kind === 'known') return known(a.value >> BigInt(low), width);
  if (a.kind === 'pointer') return unknown(width, everywhere(a.taint, width));
  const first = low >> 3;
  const down = a.taint >>> first;
  const isWithin = (low & 7) + width <= 8;
  const taint = isWithin ? down & 1 : ((low & 7) === 0 ? down : down | (down >>> 1)) & allBytes(width);
  const most = smaller(limitOf(width), low === 0 && a.most > limitOf(width) ? limitOf(width) : a.most >> BigInt(low));
  const isBytes = (low & 7) === 0 && width % 8 === 0;
  const made = unknown(width, taint, most, isBytes && a.copy >= 0 ? a.copy + first : -1);
  return isBytes ? partOf(a, first, made) : made;
}

/** Bytes of a value from one on. */
export function extractBytes(a: Value, index: number, count: number): Value {
  if (index === 0 && a.width === 8 * count) return a;
  if (a.kind === 'pointer') return unknown(8 * count, a.taint === 0 ? 0 : allBytes(8 * count));
  return extract(a, 8 * index, 8 * count);
}

function extendSign(a: Value, width: number): Value {
  if (a.kind === 'known') return known(BigInt.asIntN(a.width, a.value), width);
  if (a.width === width) return a;
  if (a.kind === 'unknown' && a.most <= limitOf(a.width - 1)) return extendZero(a, width);
  const own = bytesOf(a.width);
  const sign = (a.taint >> (own - 1)) & 1;
  return unknown(width, sign === 0 ? a.taint : a.taint | (allBytes(width) & ~((1 << own) - 1)), limitOf(width), a.copy);
}

function extendZero(a: Value, width: number): Value {
  if (a.width === width) return a;
  if (a.kind === 'known') return known(a.value, width);
  return partOf(a, 0, unknown(width, a.taint, a.kind === 'unknown' ? a.most : limitOf(a.width), a.copy));
}

function concatenate(high: Value, low: Value): Value {
  const width = high.width + low.width;
  if (high.kind === 'known' && low.kind === 'known') return known((high.value << BigInt(low.width)) | low.value, width);
  const most = (mostOf(high) << BigInt(low.width)) | (mostOf(high) === 0n ? mostOf(low) : limitOf(low.width));
  const whole = (low.width & 7) === 0;
  const taint = whole ? low.taint | (high.taint << (low.width >> 3)) : everywhere(low.taint | high.taint, width);
  const follows = low.taint === 0 || high.taint === 0 || (low.copy >= 0 && high.copy === low.copy + (low.width >> 3));
  const start = low.taint !== 0 ? low.copy : high.copy - (low.width >> 3);
  return unknown(width, taint, most, whole && follows && start >= 0 ? start : -1);
}

/** Some value that depends on nothing but these. */
export function opaque(sources: readonly Value[], width: number): Value {
  return unknown(width, sources.some(({ taint }) => taint !== 0) ? allBytes(width) : 0);
}

/** What is known of a value that is one of two; `widen`: where a loop goes on, bounds are given up at once. */
export function join(a: Value, b: Value, widen = false): Value {
  if (a === b || isOne(a, b)) return a;
  // Alike, and yet two: one object is one value wherever it is.
  if (isEqual(a, b))
    return a.kind === 'pointer'
      ? pointer(a.region, a.low, a.high, a.taint, a.wild)
      : unknown(a.width, a.taint, a.most, a.copy, a.symbol);
  const { width } = a;
  let taint = a.taint | b.taint;
  if (a.kind === 'pointer' && b.kind === 'pointer' && a.region === b.region) {
    const wild = a.wild || b.wild || widen;
    return wild
      ? pointer(a.region, a.low, a.low, taint, true)
      : pointer(a.region, Math.min(a.low, b.low), Math.max(a.high, b.high), taint);
  }
  if (a.kind === 'pointer' || b.kind === 'pointer') taint = everywhere(taint, width);
  const [x, y] = [mostOf(a), mostOf(b)];
  const most = widen && x !== y ? limitOf(width) : greater(x, y);
  const clean = zeroBytes(a) & zeroBytes(b);
  return unknown(
    width,
    taint & ~clean,
    most,
    a.copy === b.copy ? a.copy : b.taint === 0 ? a.copy : a.taint === 0 ? b.copy : -1,
  );
}

/** As join, where which of the two it is depends on the secret. Bytes that are the same constant in both are public. */
export function joinSecretly(a: Value, b: Value, widen = false): Value {
  if (a === b || isOne(a, b)) return a;
  const joined = join(a, b, widen);
  if (joined.kind === 'pointer') return pointer(joined.region, joined.low, joined.high, allBytes(64), joined.wild);
  let taint = 0;
  for (let i = 0; i < bytesOf(a.width); i++) {
    const [x, y] = [byteOf(a, i), byteOf(b, i)];
    if (x.kind !== 'known' || y.kind !== 'known' || x.value !== y.value) taint |= 1 << i;
  }
  return unknown(a.width, taint, joined.kind === 'unknown' ? joined.most : mostOf(joined));
}

/** The arithmetic of instructions on such values. */
export function createAlgebra(places: Places): MachineAlgebra<Value, Truth> {
  return {
    constant: known,
    widthOf: ({ width }) => width,
    operate: (operator, a, b) => {
      if (a.kind === 'known' && b.kind === 'known') return known(patterns.operate(operator, a, b).value, a.width);
      if (a.kind === 'pointer' || b.kind === 'pointer') return onPointers(places, operator, a, b);
      return onUnknown(places, operator, a, b);
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
    zeroExtend: (a, width) => extendZero(a, width),
    truncate: (a, width) => extract(a, 0, width),
    extract: (a, low, width) => extract(a, low, width),
    concatenate,
    not: (condition) => (typeof condition === 'boolean' ? !condition : condition),
    decided: (condition) => (typeof condition === 'boolean' ? condition : undefined),
    known: (a) => (a.kind === 'known' ? a.value : undefined),
  };
}
