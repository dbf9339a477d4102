/**
 * The flags of x86-64, computed when somebody asks.
 *
 * Nearly every instruction writes them and nearly nobody reads them, so an instruction leaves a record of what it did,
 * and a condition is computed from the record. A comparison that is asked for as a whole ("below or equal" after a
 * subtraction) becomes one comparison of its operands: cheaper than five flags, and what a solver or an abstract value
 * understands best. Flags that the processor leaves undefined are absent; what they may depend on is kept.
 * AF has no reader here: instructions that read it have no meaning.
 * Source: Intel SDM volume 1, 3.4.3.1; volume 2, each instruction's "Flags Affected".
 */
import type { MachineAlgebra } from './algebra.ts';

export type Flag = 'cf' | 'of' | 'zf' | 'sf' | 'pf';

export type Flags<V> =
  /** Of a + b, or a - b, and the carry that came in. `carryFrom`: CF stays what it was there. */
  | {
      readonly kind: 'sum' | 'difference';
      readonly a: V;
      readonly b: V;
      /** One bit. */
      readonly carry?: V;
      readonly result: V;
      readonly carryFrom?: Flags<V>;
    }
  /** CF and OF are clear. */
  | { readonly kind: 'logic'; readonly result: V }
  /** CF and OF say whether the high half means anything; the others are undefined. */
  | { readonly kind: 'product'; readonly high: V; readonly low: V; readonly signed: boolean }
  /** Single ones, of one bit each. Absent ones are undefined, and may depend on `from`. */
  | ({ readonly kind: 'bits'; readonly from: readonly V[] } & { readonly [flag in Flag]?: V })
  /** As below, but CF and OF where they are given; null: undefined. */
  | {
      readonly kind: 'over';
      readonly under: Flags<V>;
      readonly cf?: V | null;
      readonly of?: V | null;
      readonly from: readonly V[];
    };

/** What flags need of a machine. `opaque`: some value that depends on nothing but these. */
export interface FlagReader<V, B> {
  readonly algebra: MachineAlgebra<V, B>;
  readonly opaque: (sources: readonly V[], width: number) => V;
}

/** CF, OF or both replaced; records do not pile up. */
export function over<V>(
  under: Flags<V>,
  from: readonly V[],
  { cf, of }: { readonly cf?: V | null; readonly of?: V | null },
): Flags<V> {
  const base = under.kind === 'over' ? under : undefined;
  const [carry, overflow] = [cf === undefined ? base?.cf : cf, of === undefined ? base?.of : of];
  return {
    kind: 'over',
    under: base?.under ?? under,
    ...(carry !== undefined && { cf: carry }),
    ...(overflow !== undefined && { of: overflow }),
    from: base === undefined || (cf !== undefined && of !== undefined) ? from : [...from, ...base.from],
  };
}

/** Where the carry of flags comes from, when later ones leave it alone. */
export const carrySource = <V>(flags: Flags<V>): Flags<V> =>
  (flags.kind === 'sum' || flags.kind === 'difference') && flags.carryFrom !== undefined ? flags.carryFrom : flags;

/** All that flags may depend on. */
export function sourcesOf<V>(flags: Flags<V>): readonly V[] {
  switch (flags.kind) {
    case 'sum':
    case 'difference': {
      const { a, b, carry, carryFrom } = flags;
      return [a, b, ...(carry === undefined ? [] : [carry]), ...(carryFrom === undefined ? [] : sourcesOf(carryFrom))];
    }
    case 'logic':
      return [flags.result];
    case 'product':
      return [flags.high, flags.low];
    case 'bits': {
      const given = [flags.cf, flags.of, flags.zf, flags.sf, flags.pf];
      return [...flags.from, ...given.filter((flag) => flag !== undefined)];
    }
    case 'over': {
      const given = [flags.cf, flags.of].filter((flag) => flag !== undefined && flag !== null);
      return [...flags.from, ...given, ...sourcesOf(flags.under)];
    }
  }
}

export const bitOf = <V, B>(v: MachineAlgebra<V, B>, condition: B): V =>
  v.select(condition, v.constant(1n, 1), v.constant(0n, 1));

/** Whether a single bit is set. */
export const isSet = <V, B>(v: MachineAlgebra<V, B>, bit: V): B => v.compare('=', bit, v.constant(1n, 1));

const signOf = <V, B>(v: MachineAlgebra<V, B>, a: V): V => v.extract(a, v.widthOf(a) - 1, 1);

function isZero<V, B>(v: MachineAlgebra<V, B>, a: V): B {
  return v.compare('=', a, v.constant(0n, v.widthOf(a)));
}

function parity<V, B>(v: MachineAlgebra<V, B>, result: V): V {
  let bits = v.extract(result, 0, 8);
  for (const places of [4n, 2n, 1n]) bits = v.operate('bvxor', bits, v.operate('bvlshr', bits, v.constant(places, 8)));
  return v.invert(v.extract(bits, 0, 1));
}

function resultFlag<V, B>(v: MachineAlgebra<V, B>, result: V, flag: 'zf' | 'sf' | 'pf'): V {
  if (flag === 'zf') return bitOf(v, isZero(v, result));
  return flag === 'sf' ? signOf(v, result) : parity(v, result);
}

function carryOf<V, B>(m: FlagReader<V, B>, flags: Flags<V> & { kind: 'sum' | 'difference' }): V {
  const { algebra: v } = m;
  const { kind, a, b, carry, result, carryFrom } = flags;
  if (carryFrom !== undefined) return flagOf(m, carryFrom, 'cf');
  if (carry === undefined) return bitOf(v, kind === 'sum' ? v.compare('bvult', result, a) : v.compare('bvult', a, b));
  const wide = v.widthOf(a) + 1;
  const [x, y, c] = [v.zeroExtend(a, wide), v.zeroExtend(b, wide), v.zeroExtend(carry, wide)];
  const withCarry = v.operate('bvadd', y, c);
  if (kind === 'sum') return v.extract(v.operate('bvadd', x, withCarry), wide - 1, 1);
  return bitOf(v, v.compare('bvult', x, withCarry));
}

function overflowOf<V, B>(v: MachineAlgebra<V, B>, flags: Flags<V> & { kind: 'sum' | 'difference' }): V {
  const { kind, a, b, result } = flags;
  const other = v.operate('bvxor', b, kind === 'sum' ? result : a);
  return signOf(v, v.operate('bvand', v.operate('bvxor', a, result), other));
}

/** One flag, as one bit. */
export function flagOf<V, B>(m: FlagReader<V, B>, flags: Flags<V>, flag: Flag): V {
  const { algebra: v } = m;
  switch (flags.kind) {
    case 'sum':
    case 'difference':
      if (flag === 'cf') return carryOf(m, flags);
      return flag === 'of' ? overflowOf(v, flags) : resultFlag(v, flags.result, flag);
    case 'logic':
      return flag === 'cf' || flag === 'of' ? v.constant(0n, 1) : resultFlag(v, flags.result, flag);
    case 'product': {
      const { high, low, signed } = flags;
      if (flag !== 'cf' && flag !== 'of') return m.opaque([high, low], 1);
      const width = v.widthOf(low);
      const none = v.constant(0n, width);
      const plain = signed ? v.operate('bvashr', low, v.constant(BigInt(width - 1), width)) : none;
      return bitOf(v, v.not(v.compare('=', high, plain)));
    }
    case 'bits':
      return flags[flag] ?? m.opaque(flags.from, 1);
    case 'over': {
      const own = flag === 'cf' || flag === 'of' ? flags[flag] : undefined;
      if (own === undefined) return flagOf(m, flags.under, flag);
      return own ?? m.opaque(flags.from, 1);
    }
  }
}

/** Conditions that are no negation of another, by half their number. */
function plainCondition<V, B>(m: FlagReader<V, B>, flags: Flags<V>, half: number): B {
  const { algebra: v } = m;
  const flag = (name: Flag): V => flagOf(m, flags, name);
  const isComparison = flags.kind === 'difference' && flags.carry === undefined;
  const plain = isComparison && flags.carryFrom === undefined;
  switch (half) {
    case 0:
      return isSet(v, flag('of'));
    case 1:
      return plain ? v.compare('bvult', flags.a, flags.b) : isSet(v, flag('cf'));
    case 2:
      if (isComparison) return v.compare('=', flags.a, flags.b);
      return flags.kind === 'sum' || flags.kind === 'logic' ? isZero(v, flags.result) : isSet(v, flag('zf'));
    case 3:
      return plain ? v.compare('bvule', flags.a, flags.b) : isSet(v, v.operate('bvor', flag('cf'), flag('zf')));
    case 4:
      return isSet(v, flag('sf'));
    case 5:
      return isSet(v, flag('pf'));
    case 6:
      if (isComparison) return v.compare('bvslt', flags.a, flags.b);
      if (flags.kind === 'logic') return isSet(v, flag('sf'));
      return isSet(v, v.operate('bvxor', flag('sf'), flag('of')));
    default: {
      if (isComparison) return v.compare('bvsle', flags.a, flags.b);
      const isLess = flags.kind === 'logic' ? flag('sf') : v.operate('bvxor', flag('sf'), flag('of'));
      return isSet(v, v.operate('bvor', isLess, flag('zf')));
    }
  }
}

/** Whether a condition, by its number in `conditions`, holds. */
export function conditionOf<V, B>(m: FlagReader<V, B>, flags: Flags<V>, condition: number): B {
  const plain = plainCondition(m, flags, condition >> 1);
  return (condition & 1) === 0 ? plain : m.algebra.not(plain);
}
