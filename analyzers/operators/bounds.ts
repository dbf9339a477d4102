/** Bounds of results by bounds of operands: how wide an exact value may become. Both ends are part of them. */

export interface Bounds {
  readonly low: bigint;
  readonly high: bigint;
}

/** The least that hold all of the values. */
export function hull(...values: readonly bigint[]): Bounds {
  const sorted = [...values].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  return { low: sorted[0], high: sorted[sorted.length - 1] };
}

const magnitude = ({ low, high }: Bounds): bigint => hull(low, high, -low, -high).high;

export const sumBounds = (a: Bounds, b: Bounds): Bounds => ({ low: a.low + b.low, high: a.high + b.high });
export const differenceBounds = (a: Bounds, b: Bounds): Bounds => ({ low: a.low - b.high, high: a.high - b.low });
export const productBounds = (a: Bounds, b: Bounds): Bounds =>
  hull(a.low * b.low, a.low * b.high, a.high * b.low, a.high * b.high);
export const negativeBounds = (a: Bounds): Bounds => ({ low: -a.high, high: -a.low });
export const invertedBounds = (a: Bounds): Bounds => ({ low: ~a.high, high: ~a.low });

/** Of a quotient without its fraction. */
export function quotientBounds(a: Bounds, b: Bounds): Bounds {
  const most = magnitude(a);
  return { low: a.low >= 0n && b.low >= 0n ? 0n : -most, high: most };
}

/** Of the remainder that goes with it: it is no larger than either, and has the sign of a. */
export function remainderBounds(a: Bounds, b: Bounds): Bounds {
  const most = hull(magnitude(a), magnitude(b)).low;
  return { low: a.low >= 0n ? 0n : -most, high: most };
}

/** Of & | ^ on two's complement: what lies in [-2**n, 2**n) stays there, and is not negative where no operand is. */
export function bitBounds(a: Bounds, b: Bounds): Bounds {
  const most = [a.low, a.high, b.low, b.high].map((value) => (value < 0n ? ~value : value));
  const bound = 2n ** BigInt(hull(...most).high.toString(2).length);
  return { low: a.low >= 0n && b.low >= 0n ? 0n : -bound, high: bound - 1n };
}

/** Of &, which keeps within what is not negative on either side. */
export function andBounds(a: Bounds, b: Bounds): Bounds {
  const positive = [a, b].filter(({ low }) => low >= 0n).map(({ high }) => high);
  return positive.length === 0 ? bitBounds(a, b) : { low: 0n, high: hull(...positive).low };
}

/** Of a * 2 ** k, where k is at most 64. */
export function scaledBounds(a: Bounds, k: Bounds): Bounds {
  const most = k.high > 64n ? 64n : k.high < 0n ? 0n : k.high;
  return hull(a.low, a.high, a.low << most, a.high << most);
}

/** Of floor(a / 2 ** k). */
export const shiftedBounds = (a: Bounds): Bounds => hull(a.low, a.high, a.low < 0n ? -1n : 0n, 0n);
