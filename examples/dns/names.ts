/**
 * Names of the DNS (RFC 1035, 3.1) as they lie in messages and in the zone: labels of at most 63 bytes, each behind its
 * length, and a 0; 255 bytes in all. They are compared without regard to case (RFC 4343).
 *
 * Pointers of compression are no labels here: who reads a question needs none, and what has none cannot lead astray.
 */
import { forall, invariant, type u8, type u32 } from 'casemate';

/** Bytes of a name, lengths and the 0 included. */
export const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;

/** A name in some bytes: from `start` up to, and without, `end`. */
export interface Name {
  readonly start: u32;
  readonly end: u32;
}

/**
 * A letter as a small one, anything else as it is.
 * @pure
 * @ensures result === (65 <= byte && byte <= 90 ? byte + 32 : byte)
 */
export function lower(byte: u8): u8 {
  return byte >= 65 && byte <= 90 ? byte + 32 : byte;
}

/**
 * Where the name that begins at `start` ends, 0 if it is none, is too long, or leaves what lies before `end`.
 * @requires start <= end && end <= bytes.length
 * @ensures result === 0 || (start < result && result <= end && result - start <= LONGEST_NAME)
 * @ensures result === 0 || bytes[result - 1] === 0
 */
export function endOfName(bytes: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  const limit = end - start < LONGEST_NAME ? end : start + LONGEST_NAME;
  let at: u32 = start;
  while (at < limit) {
    invariant(start <= at);
    const length = bytes[at];
    if (length === 0) return at + 1;
    if (length > LONGEST_LABEL || limit - at <= length) return 0;
    at += 1 + length;
  }
  return 0;
}

/**
 * Whether two names are the same.
 * @requires a.start <= a.end && a.end <= left.length && a.end - a.start <= LONGEST_NAME
 * @requires b.start <= b.end && b.end <= right.length
 * @ensures result === (a.end - a.start === b.end - b.start && forall(0, a.end - a.start, (i) => lower(left[a.start + i]) === lower(right[b.start + i])))
 */
export function sameName(left: Readonly<Uint8Array>, a: Name, right: Readonly<Uint8Array>, b: Name): boolean {
  const length = a.end - a.start;
  if (b.end - b.start !== length) return false;
  for (let i = 0; i < length; i++) {
    invariant(forall(0, i, (j) => lower(left[a.start + j]) === lower(right[b.start + j])));
    if (lower(left[a.start + i]) !== lower(right[b.start + i])) return false;
  }
  return true;
}

/**
 * Whether a name is the other one, or lies below it.
 * @requires name.start <= name.end && name.end <= bytes.length && name.end - name.start <= LONGEST_NAME
 * @requires above.start <= above.end && above.end <= other.length
 */
export function isWithin(bytes: Readonly<Uint8Array>, name: Name, other: Readonly<Uint8Array>, above: Name): boolean {
  let at: u32 = name.start;
  while (at < name.end) {
    invariant(name.start <= at);
    const isSame = sameName(bytes, { start: at, end: name.end }, other, above);
    if (isSame) return true;
    const length = bytes[at];
    if (name.end - at <= length) return false;
    at += 1 + length;
  }
  return false;
}
