/**
 * What a value becomes as another type, where one of the two is an enumeration: said once, for those who prove it and
 * for those who run it.
 *
 * A member is stored as its place among the members of its type, so the same member has different places in different
 * types, and an enum's member is a place here and the integer that it is written as there.
 */
import type { EnumerationType, IntegerType, Type } from './types.ts';

export interface Conversion {
  /** Which value becomes which. */
  readonly pairs: readonly (readonly [from: bigint, to: bigint])[];
  /** Whether each value of the first type is in `pairs`. */
  readonly total: boolean;
  /** Whether each value stays as it is. */
  readonly same: boolean;
}

function conversion(pairs: readonly (readonly [bigint, bigint])[], total: boolean): Conversion {
  return { pairs, total, same: pairs.every(([from, to]) => from === to) };
}

/** Undefined: between integers, where values stay and ranges matter. */
export function conversionOf(from: Type, to: IntegerType | EnumerationType): Conversion | undefined {
  if (from.kind === 'enumeration') {
    const pairs = from.members.flatMap((member, place): (readonly [bigint, bigint])[] => {
      const target = to.kind === 'integer' ? member : to.members.indexOf(member);
      return typeof target === 'bigint' || (typeof target === 'number' && target >= 0)
        ? [[BigInt(place), BigInt(target)]]
        : [];
    });
    return conversion(pairs, pairs.length === from.members.length);
  }
  if (to.kind === 'integer') return undefined;
  const pairs = to.members.flatMap((member, place): (readonly [bigint, bigint])[] =>
    typeof member === 'bigint' ? [[member, BigInt(place)]] : [],
  );
  return conversion(pairs, false);
}
