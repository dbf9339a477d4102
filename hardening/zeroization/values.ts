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
  /** Of an unknown: one of these pointers, into one region each. */
  readonly either: readonly Value[] | undefined;
  /** A power of two: of an unknown, it is a multiple of it; of a pointer, its offset is `low` and a multiple of it. */
  readonly step: number;
  /** It was made of an entry of a table that nobody can change; see tables.ts. */
  readonly entry: TableEntry | undefined;
}

/** A word of the image's memory that is never written, one of several, and what was made of it. */
export interface TableEntry {
  /** Where the first and the last one lie, and how far they are apart. */
  readonly low: number;
  readonly high: number;
  readonly step: number;
  readonly bytes: 4 | 8;
  /** Extended with its sign to 64 bits, otherwise with zeros. */
  readonly isSigned: boolean;
  /** Was added to it then. */
  readonly addend: bigint;
  /** At last its lowest bit was cleared. */
  readonly isEven: boolean;
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
  const { width, most, taint, copy, symbol, step } = made;
  return unknown(width, taint, most, copy, symbol, a.whole ?? a, a.wholeByte + byte, step);
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
    either: undefined,
    step: 1,
    entry: undefined,
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
  step = 1,
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
    either: undefined,
    step,
    entry: undefined,
  };
}

/** One of several pointers. */
const eitherOf = (either: readonly Value[], taint: number): Value => ({ ...unknown(64, taint), either });

/** A pointer to one of several offsets; `isWild`: to any. */
export function pointer(region: number, low: number, high: number, mayTaint = 0, wild = false, step = 1): Value {
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
    either: undefined,
    step,
    entry: undefined,
  };
}

/** Symbols of what a caller gives to return to. */
const RETURN = -1;
export const EVEN_RETURN = -2;

/** Where to return to: nobody knows the address. `isEven`: its lowest bit is 0, as on machines that clear it. */
export const returnAddress = (isEven: boolean): Value => unknown(64, 0, limits[64]!, -1, isEven ? EVEN_RETURN : RETURN);

export const isExact = (a: Value): boolean => a.kind === 'pointer' && a.low === a.high && !a.wild;

/** Unknown values of 64 bits of which each is the sign extension of its lower half, by how it was made; of what, if that is kept. */
const words = new WeakMap<Value, Value | undefined>();

/** What a value is the sign extension of. */
export const extendedFrom = (a: Value): Value | undefined => (a.width === 64 ? words.get(a) : undefined);

/** Whether a value of 64 bits is the sign extension of its lower half, whose bytes then say all of it. */
export function isWord(a: Value): boolean {
  if (a.width !== 64 || a.kind === 'pointer') return false;
  if (a.kind === 'known') return BigInt.asUintN(64, BigInt.asIntN(32, a.value)) === a.value;
  return a.most <= limits[31]! || words.has(a);
}

function asWord(a: Value, from?: Value): Value {
  if (a.kind === 'unknown' && a.width === 64) words.set(a, from);
  return a;
}

/** Whether two say the same. */
export function isEqual(a: Value, b: Value): boolean {
  if (a === b) return true;
  if (a.kind !== b.kind || a.width !== b.width || a.taint !== b.taint) return false;
  if (a.kind === 'known') return a.value === b.value;
  if (a.kind === 'pointer') return a.region === b.region && a.low === b.low && a.high === b.high && a.wild === b.wild;
  if (a.most !== b.most || a.symbol !== b.symbol || a.copy !== b.copy || words.has(a) !== words.has(b)) return false;
  if (a.either === undefined || b.either === undefined) return a.either === b.either;
  const others = b.either;
  return a.either.length === others.length && a.either.every((one, i) => isEqual(one, others[i]!));
}

/** Whether two are one value, whatever they are. */
export const isOne = (a: Value, b: Value): boolean =>
  a.kind === 'known'
    ? b.kind === 'known' && a.value === b.value
    : a.kind === 'pointer'
      ? isExact(a) && isExact(b) && a.region === b.region && a.low === b.low
      : b.kind === 'unknown' && a.symbol !== 0 && a.symbol === b.symbol;

export const everywhere = (taint: number, width: number): number => (taint === 0 ? 0 : allBytes(width));
export const smaller = (a: bigint, b: bigint): bigint => (a < b ? a : b);
export const greater = (a: bigint, b: bigint): bigint => (b < a ? a : b);
export const mostOf = (a: Value): bigint =>
  a.kind === 'known' ? a.value : a.kind === 'unknown' ? a.most : limitOf(a.width);

/** A byte of a value, as a value. */
export function byteOf(a: Value, index: number): Value {
  if (a.width === 8) return a;
  if (a.kind === 'known') return known((a.value >> BigInt(8 * index)) & 255n, 8);
  const from = extendedFrom(a);
  if (from !== undefined && 8 * index + 8 <= from.width) return byteOf(from, index);
  const most = a.kind === 'unknown' ? smaller(255n, a.most >> BigInt(8 * index)) : 255n;
  return partOf(a, index, unknown(8, (a.taint >> index) & 1, most, a.copy < 0 ? -1 : a.copy + index));
}

/** Bytes of which each is known to be zero, by a constant. */
export function zeroBytes(a: Value): number {
  let mask = 0;
  const most = mostOf(a);
  for (let i = 0; i < bytesOf(a.width); i++) {
    const byte = a.kind === 'known' ? (a.value >> BigInt(8 * i)) & 255n : most >> BigInt(8 * i);
    if (byte === 0n) mask |= 1 << i;
  }
  return mask;
}

export function extract(a: Value, low: number, width: number): Value {
  if (low === 0 && width === a.width) return a;
  if (a.kind === 'known') return known(a.value >> BigInt(low), width);
  if (a.kind === 'pointer') return unknown(width, everywhere(a.taint, width));
  // What was extended is that itself again.
  const from = extendedFrom(a);
  if (from !== undefined && low + width <= from.width) return extract(from, low, width);
  const first = low >> 3;
  const down = a.taint >>> first;
  const isWithin = (low & 7) + width <= 8;
  const taint = isWithin ? down & 1 : ((low & 7) === 0 ? down : down | (down >>> 1)) & allBytes(width);
  const most = smaller(limitOf(width), low === 0 && a.most > limitOf(width) ? limitOf(width) : a.most >> BigInt(low));
  const isBytes = (low & 7) === 0 && width % 8 === 0;
  const plain = unknown(width, taint, most, isBytes && a.copy >= 0 ? a.copy + first : -1);
  const made = isBytes ? partOf(a, first, plain) : plain;
  const constant = low === 0 ? knownLows.get(a) : undefined;
  if (constant === undefined) return made;
  return width <= constant.width ? known(constant.value, width) : withKnownLow(made, constant);
}

/** Bytes of a value from one on. */
export function extractBytes(a: Value, index: number, count: number): Value {
  if (index === 0 && a.width === 8 * count) return a;
  if (a.kind === 'pointer') return unknown(8 * count, a.taint === 0 ? 0 : allBytes(8 * count));
  return extract(a, 8 * index, 8 * count);
}

export function extendSign(a: Value, width: number): Value {
  if (a.kind === 'known') return known(BigInt.asIntN(a.width, a.value), width);
  if (a.width === width) return a;
  if (a.kind === 'unknown' && a.most <= limitOf(a.width - 1)) return extendZero(a, width);
  const own = bytesOf(a.width);
  const sign = (a.taint >> (own - 1)) & 1;
  const taint = sign === 0 ? a.taint : a.taint | (allBytes(width) & ~((1 << own) - 1));
  const extended = unknown(width, taint, limitOf(width), a.copy);
  const { entry } = a;
  const isEntry = entry !== undefined && a.width === 8 * entry.bytes && entry.addend === 0n;
  const made = isEntry ? { ...extended, entry: { ...entry, isSigned: true } } : extended;
  return a.width <= 32 ? asWord(made, a) : made;
}

export function extendZero(a: Value, width: number): Value {
  if (a.width === width) return a;
  if (a.kind === 'known') return known(a.value, width);
  const most = a.kind === 'unknown' ? a.most : limitOf(a.width);
  const extended = partOf(a, 0, unknown(width, a.taint, most, a.copy, 0, undefined, 0, a.step));
  return a.entry === undefined ? extended : { ...extended, entry: a.entry };
}

export function concatenate(high: Value, low: Value): Value {
  const width = high.width + low.width;
  if (high.kind === 'known' && low.kind === 'known') return known((high.value << BigInt(low.width)) | low.value, width);
  const most = (mostOf(high) << BigInt(low.width)) | (mostOf(high) === 0n ? mostOf(low) : limitOf(low.width));
  const whole = (low.width & 7) === 0;
  const taint = whole ? low.taint | (high.taint << (low.width >> 3)) : everywhere(low.taint | high.taint, width);
  const follows = low.taint === 0 || high.taint === 0 || (low.copy >= 0 && high.copy === low.copy + (low.width >> 3));
  const start = low.taint !== 0 ? low.copy : high.copy - (low.width >> 3);
  const made = unknown(width, taint, most, whole && follows && start >= 0 ? start : -1);
  return low.kind === 'known' ? withKnownLow(made, low) : made;
}

/** Unknown values of which the lowest bits are known: a byte that was written to the register of something else. */
const knownLows = new WeakMap<Value, Value>();

/** A constant that the lowest bits of a value are. */
export const knownLow = (a: Value): Value | undefined => (a.kind === 'unknown' ? knownLows.get(a) : undefined);

function withKnownLow(a: Value, low: Value): Value {
  if (a.kind === 'unknown') knownLows.set(a, low);
  return a;
}

/** Pointers into so many regions may be meant by one value. */
const MOST_ALTERNATIVES = 4;

const alternativesOf = (a: Value): readonly Value[] | undefined => (a.kind === 'pointer' ? [a] : a.either);

/** The pointers that either may be, one for each region; undefined: one of them may be no pointer, or they are too many. */
function together(a: Value, b: Value, widen: boolean): readonly Value[] | undefined {
  const [these, those] = [alternativesOf(a), alternativesOf(b)];
  if (these === undefined || those === undefined) return undefined;
  const byRegion = new Map(these.map((one) => [one.region, one]));
  for (const one of those) {
    const same = byRegion.get(one.region);
    byRegion.set(one.region, same === undefined ? one : join(same, one, widen));
  }
  if (byRegion.size > MOST_ALTERNATIVES) return undefined;
  return [...byRegion.values()].sort((x, y) => x.region - y.region);
}

/** What is known of a value that is one of two; `widen`: where a loop goes on, bounds are given up at once. */
export function join(a: Value, b: Value, widen = false): Value {
  if (a === b || isOne(a, b)) return a;
  const joined = joinUnmarked(a, b, widen);
  return isWord(a) && isWord(b) ? asWord(joined) : joined;
}

/** Always another object. */
function joinUnmarked(a: Value, b: Value, widen: boolean): Value {
  // Alike, and yet two: one object is one value wherever it is.
  if (isEqual(a, b))
    return a.kind === 'pointer'
      ? pointer(a.region, a.low, a.high, a.taint, a.wild)
      : a.either === undefined
        ? unknown(a.width, a.taint, a.most, a.copy, a.symbol)
        : eitherOf(a.either, a.taint);
  const { width } = a;
  let taint = a.taint | b.taint;
  if (a.kind === 'pointer' && b.kind === 'pointer' && a.region === b.region) {
    const wild = a.wild || b.wild || widen;
    return wild
      ? pointer(a.region, a.low, a.low, taint, true)
      : pointer(a.region, Math.min(a.low, b.low), Math.max(a.high, b.high), taint);
  }
  if (a.kind === 'pointer' || b.kind === 'pointer') taint = everywhere(taint, width);
  const alternatives = together(a, b, widen);
  if (alternatives !== undefined) return eitherOf(alternatives, taint);
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
  if (joined.either !== undefined) return eitherOf(joined.either, allBytes(64));
  let taint = 0;
  for (let i = 0; i < bytesOf(a.width); i++) {
    const [x, y] = [byteOf(a, i), byteOf(b, i)];
    if (x.kind !== 'known' || y.kind !== 'known' || x.value !== y.value) taint |= 1 << i;
  }
  const either = unknown(a.width, taint, joined.kind === 'unknown' ? joined.most : mostOf(joined));
  return isWord(joined) ? asWord(either) : either;
}
