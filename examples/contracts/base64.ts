/**
 * Base64 without a table and without a branch that depends on what is encoded: each digit is computed by arithmetic,
 * so the time that it takes says nothing of a secret.
 */
import { invariant, type u8, type u32 } from 'casemate';

/**
 * The character of six bits.
 * @pure
 * @requires bits < 64
 * @ensures implies(bits < 26, result === 65 + bits)
 * @ensures implies(26 <= bits && bits < 52, result === 71 + bits)
 * @ensures implies(52 <= bits && bits < 62, result === bits - 4)
 * @ensures implies(bits === 62, result === 43)
 * @ensures implies(bits === 63, result === 47)
 */
export function digit(bits: u8): u8 {
  // (limit - bits) >> 8 is -1 above the limit and 0 up to it.
  return (
    bits +
    65 +
    (((25 - bits) >> 8) & 6) -
    (((51 - bits) >> 8) & 75) -
    (((61 - bits) >> 8) & 15) +
    (((62 - bits) >> 8) & 3)
  );
}

/**
 * Encodes whole groups of three bytes into four characters each; how many characters that are.
 * @requires count % 3 === 0 && count <= from.length && count <= 0x3fffffff
 * @requires Math.trunc(count / 3) * 4 <= to.length
 * @modifies to
 * @ensures result === Math.trunc(count / 3) * 4
 */
export function encode(to: Uint8Array, from: Readonly<Uint8Array>, count: u32): u32 {
  let at: u32 = 0;
  const groups = Math.trunc(count / 3);
  for (let group = 0; group < groups; group++) {
    invariant(at === 4 * group);
    const a = from[3 * group];
    const b = from[3 * group + 1];
    const c = from[3 * group + 2];
    to[at] = digit(a >>> 2);
    to[at + 1] = digit(((a & 3) << 4) | (b >>> 4));
    to[at + 2] = digit(((b & 15) << 2) | (c >>> 6));
    to[at + 3] = digit(c & 63);
    at += 4;
  }
  return at;
}
