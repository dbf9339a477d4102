/**
 * Jumps and calls through tables: a word of the image's memory that nobody writes, one of so many, says where to.
 *
 * Compilers make a switch of many cases a table of addresses, or of distances that are added to an address, and jump to
 * what is at an index which they have compared with the number of entries. So a load from one of several words of such
 * memory keeps which ones (`entry`), sums and extensions keep what was made of them, and a jump to one goes to each. Is
 * the index not bounded, the memory one that may be written or that is changed where the image is loaded, or an entry no
 * place of code, then it is a jump to where nobody knows.
 */
import type { BitOperator } from '../../base/bits.ts';
import type { Region } from './memory.ts';
import type { TableEntry, Value } from './values.ts';

/** Entries of one table. */
const MOST_ENTRIES = 4096;

/** The words that a load of so many bytes at one of several places gives; undefined: they are no such table. */
export function entryAt(address: Value, count: number): TableEntry | undefined {
  const { low, high, step, wild } = address;
  if ((count !== 4 && count !== 8) || address.kind !== 'pointer' || wild || step % count !== 0) return undefined;
  return { low, high, step, bytes: count, isSigned: false, addend: 0n, isEven: false };
}

/** What is made of an entry, in 64 bits: `made` is what else is known of it. */
export function withEntry(operator: BitOperator, a: Value, b: Value, made: Value): Value {
  const [table, other] = a.entry === undefined ? [b, a] : [a, b];
  const { entry } = table;
  if (made === table || entry === undefined || other.kind !== 'known' || entry.isEven || table.width !== 64)
    return made;
  if (made.kind === 'known') return made;
  if (operator === 'bvadd') return { ...made, entry: { ...entry, addend: entry.addend + other.value } };
  if (operator === 'bvsub' && table === a) return { ...made, entry: { ...entry, addend: entry.addend - other.value } };
  if (operator === 'bvand' && other.value === EVEN) return { ...made, entry: { ...entry, isEven: true } };
  return made;
}

const EVEN = 2n ** 64n - 2n;

/** Values that an entry may be, each once and in order; undefined: there are too many, or a byte is not known. */
export function valuesOf(entry: TableEntry, { initial }: Region): readonly bigint[] | undefined {
  const { low, high, step, bytes, isSigned, addend, isEven } = entry;
  if ((high - low) / step >= MOST_ENTRIES) return undefined;
  const found = new Set<bigint>();
  for (let at = low; at <= high; at += step) {
    let word = 0n;
    for (let i = bytes - 1; i >= 0; i--) {
      const byte = initial(at + i);
      if (byte.kind !== 'known') return undefined;
      word = (word << 8n) | byte.value;
    }
    const value = BigInt.asUintN(64, (isSigned ? BigInt.asIntN(8 * bytes, word) : word) + addend);
    found.add(isEven ? value & EVEN : value);
  }
  return [...found].sort((a, b) => (a < b ? -1 : 1));
}
