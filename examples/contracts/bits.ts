/** Tricks with bits, each shown to be what it stands for by a claim about bits alone. */
import { assertBits, type u8, type u32 } from 'casemate';

/**
 * Whether exactly one bit is set.
 * @ensures result === (x === 1 || x === 2 || x === 4 || x === 8 || x === 16 || x === 32 || x === 64 || x === 128)
 */
export function isPowerOfTwo(x: u8): boolean {
  assertBits(
    (x > 0 && (x & (x - 1)) === 0) ===
      (x === 1 || x === 2 || x === 4 || x === 8 || x === 16 || x === 32 || x === 64 || x === 128),
  );
  return x > 0 && (x & (x - 1)) === 0;
}

/**
 * The smaller one, without a branch: `less` is 1 where a is smaller.
 * @requires less === (a < b ? 1 : 0)
 * @ensures result === (a < b ? a : b)
 */
export function least(a: u32, b: u32, less: u8): u32 {
  assertBits((b ^ ((a ^ b) & -less)) >>> 0 === (less === 1 ? a : b) || less > 1);
  return (b ^ ((a ^ b) & -less)) >>> 0;
}

/**
 * How many of eight bits are set: first in pairs, then in fours, then in all.
 * @ensures result === (x & 1) + ((x >> 1) & 1) + ((x >> 2) & 1) + ((x >> 3) & 1) + ((x >> 4) & 1) + ((x >> 5) & 1) + ((x >> 6) & 1) + ((x >> 7) & 1)
 */
export function population(x: u8): number {
  assertBits(
    ((((x - ((x >> 1) & 0x55)) & 0x33) + (((x - ((x >> 1) & 0x55)) >> 2) & 0x33)) & 15) +
      (((((x - ((x >> 1) & 0x55)) & 0x33) + (((x - ((x >> 1) & 0x55)) >> 2) & 0x33)) >> 4) & 15) ===
      (x & 1) +
        ((x >> 1) & 1) +
        ((x >> 2) & 1) +
        ((x >> 3) & 1) +
        ((x >> 4) & 1) +
        ((x >> 5) & 1) +
        ((x >> 6) & 1) +
        ((x >> 7) & 1),
  );
  const pairs = x - ((x >> 1) & 0x55);
  const fours = (pairs & 0x33) + ((pairs >> 2) & 0x33);
  return (fours & 15) + ((fours >> 4) & 15);
}
