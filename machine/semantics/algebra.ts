/**
 * The arithmetic over which instructions are written: bits of a width, and truths.
 *
 * Who instantiates it with terms has instructions to prove with, who instantiates it with numbers runs them, and tests
 * hold the second against a processor. It is what the table of operators is written over, and what machines need
 * besides, so that one instance serves the source and the machine.
 */
import type { BitAlgebra, BitOperator } from '../../base/bits.ts';

export interface MachineAlgebra<V, B> extends BitAlgebra<V, B> {
  /** Bits `low` to `low + width - 1`. */
  readonly extract: (a: V, low: number, width: number) => V;
  /** As wide as both, `high` above `low`. */
  readonly concatenate: (high: V, low: V) => V;
  readonly not: (condition: B) => B;
  /** Undefined where nobody knows. */
  readonly decided: (condition: B) => boolean | undefined;
  /** The value without a sign; undefined where nobody knows it. */
  readonly known: (a: V) => bigint | undefined;
}

/** A bit pattern of a width. */
export interface Pattern {
  /** Without a sign. */
  readonly value: bigint;
  readonly width: number;
}

const signed = ({ value, width }: Pattern): bigint => BigInt.asIntN(width, value);

function operateExactly(operator: BitOperator, a: Pattern, b: Pattern): bigint {
  const far = b.value >= BigInt(a.width);
  switch (operator) {
    case 'bvadd':
      return a.value + b.value;
    case 'bvsub':
      return a.value - b.value;
    case 'bvmul':
      return a.value * b.value;
    case 'bvand':
      return a.value & b.value;
    case 'bvor':
      return a.value | b.value;
    case 'bvxor':
      return a.value ^ b.value;
    case 'bvshl':
      return far ? 0n : a.value << b.value;
    case 'bvlshr':
      return far ? 0n : a.value >> b.value;
    case 'bvashr':
      return signed(a) >> (far ? BigInt(a.width) : b.value);
    // Of a division by zero: as SMT-LIB has it, so that a term and its value never differ.
    case 'bvsdiv':
      return b.value === 0n ? (signed(a) < 0n ? 1n : -1n) : signed(a) / signed(b);
    case 'bvsrem':
      return b.value === 0n ? a.value : signed(a) % signed(b);
    case 'bvudiv':
      return b.value === 0n ? -1n : a.value / b.value;
    case 'bvurem':
      return b.value === 0n ? a.value : a.value % b.value;
  }
}

const pattern = (value: bigint, width: number): Pattern => ({ value: BigInt.asUintN(width, value), width });

/** The instance that runs. */
export const patterns: MachineAlgebra<Pattern, boolean> = {
  constant: pattern,
  widthOf: ({ width }) => width,
  operate: (operator, a, b) => {
    if (a.width !== b.width) throw new TypeError(`${operator} of ${a.width} and ${b.width} bits`);
    return pattern(operateExactly(operator, a, b), a.width);
  },
  invert: (a) => pattern(~a.value, a.width),
  compare: (operator, a, b) => {
    if (a.width !== b.width) throw new TypeError(`${operator} of ${a.width} and ${b.width} bits`);
    switch (operator) {
      case '=':
        return a.value === b.value;
      case 'bvult':
        return a.value < b.value;
      case 'bvule':
        return a.value <= b.value;
      case 'bvslt':
        return signed(a) < signed(b);
      case 'bvsle':
        return signed(a) <= signed(b);
    }
  },
  select: (condition, whenTrue, whenFalse) => (condition ? whenTrue : whenFalse),
  signExtend: (a, width) => pattern(signed(a), width),
  zeroExtend: (a, width) => pattern(a.value, width),
  truncate: (a, width) => pattern(a.value, width),
  extract: (a, low, width) => pattern(a.value >> BigInt(low), width),
  concatenate: (high, low) => pattern((high.value << BigInt(low.width)) | low.value, high.width + low.width),
  not: (condition) => !condition,
  decided: (condition) => condition,
  known: ({ value }) => value,
};
