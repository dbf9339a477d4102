/**
 * Numbers in network byte order, pieces of messages, and the Internet checksum (RFC 1071).
 *
 * What is written says what it leaves alone, so that a header that was written stays true while others follow. No frame,
 * and no message in one, is longer than 2048 bytes.
 */
import { forall, invariant, old, type u8, type u16, type u32 } from 'casemate';

/**
 * @pure
 * @requires 0 <= at && at + 2 <= bytes.length
 * @ensures result === bytes[at] * 256 + bytes[at + 1]
 */
export function read16(bytes: Readonly<Uint8Array>, at: number): u16 {
  return (bytes[at] << 8) | bytes[at + 1];
}

/**
 * @pure
 * @requires 0 <= at && at + 4 <= bytes.length
 * @ensures result === read16(bytes, at) * 65536 + read16(bytes, at + 2)
 */
export function read32(bytes: Readonly<Uint8Array>, at: number): u32 {
  return read16(bytes, at) * 65536 + read16(bytes, at + 2);
}

/**
 * @requires 0 <= at && at + 2 <= out.length
 * @modifies out
 * @ensures read16(out, at) === value
 * @ensures forall(0, out.length, (i) => i === at || i === at + 1 || out[i] === old(out[i]))
 */
export function put16(out: Uint8Array, at: number, value: u16): void {
  out[at] = value >>> 8;
  out[at + 1] = value & 255;
}

/**
 * @requires 0 <= at && at + 4 <= out.length
 * @modifies out
 * @ensures read32(out, at) === value
 * @ensures forall(0, out.length, (i) => (at <= i && i < at + 4) || out[i] === old(out[i]))
 */
export function put32(out: Uint8Array, at: number, value: u32): void {
  put16(out, at, value >>> 16);
  put16(out, at + 2, value & 0xffff);
}

/**
 * Copies `length` bytes from `start` on to `at`.
 * @requires start + length <= from.length && at + length <= out.length
 * @modifies out
 * @ensures forall(0, length, (i) => out[at + i] === from[start + i])
 * @ensures forall(0, out.length, (i) => (at <= i && i < at + length) || out[i] === old(out[i]))
 */
export function copy(out: Uint8Array, at: u32, from: Readonly<Uint8Array>, start: u32, length: u32): void {
  for (let i = 0; i < length; i++) {
    invariant(forall(0, i, (j) => out[at + j] === from[start + j]));
    invariant(forall(0, out.length, (j) => (at <= j && j < at + i) || out[j] === old(out[j])));
    out[at + i] = from[start + i];
  }
}

/**
 * Makes every byte 0, so that nothing of an earlier message is in the next one.
 * @modifies out
 * @ensures forall(0, out.length, (i) => out[i] === 0)
 */
export function clear(out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) {
    invariant(forall(0, i, (j) => out[j] === 0));
    out[i] = 0;
  }
}

/**
 * Whether `length` bytes are the same.
 * @requires start + length <= a.length && at + length <= b.length
 * @ensures result === forall(0, length, (i) => a[start + i] === b[at + i])
 */
export function sameBytes(a: Readonly<Uint8Array>, start: u32, b: Readonly<Uint8Array>, at: u32, length: u8): boolean {
  for (let i = 0; i < length; i++) {
    invariant(forall(0, i, (j) => a[start + j] === b[at + j]));
    if (a[start + i] !== b[at + i]) return false;
  }
  return true;
}

/**
 * A sum in one's complement: what is beyond 16 bits comes back at the low end.
 * @pure
 * @ensures result % 65535 === sum % 65535
 * @ensures (result === 0) === (sum === 0)
 */
export function fold(sum: u32): u16 {
  return foldOnce(foldOnce(sum));
}

/**
 * @pure
 * @ensures result % 65535 === sum % 65535 && (result === 0) === (sum === 0)
 * @ensures result <= 131070 && (sum > 131070 || result <= 65535)
 */
export function foldOnce(sum: u32): u32 {
  return (sum & 0xffff) + (sum >>> 16);
}

/**
 * The sum of the 16-bit words from `start` up to, and without, `end`, and of `first`; a last byte by itself is a word's
 * higher one.
 * @requires start <= end && end <= bytes.length && end - start <= 2048 && first <= 0xffffff
 */
export function sumOf(bytes: Readonly<Uint8Array>, start: u32, end: u32, first: u32): u16 {
  let sum: u32 = first;
  let at: u32 = start;
  while (at + 1 < end) {
    invariant(start <= at && at <= end);
    invariant(sum <= first + 65535 * (at - start));
    sum += read16(bytes, at);
    at += 2;
  }
  if (at < end) sum += bytes[at] * 256;
  return fold(sum);
}
