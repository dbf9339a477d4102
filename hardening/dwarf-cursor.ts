/**
 * Reading numbers of debug information: bytes in order, with an end that nothing reads past.
 *
 * Source: DWARF 5, sections 7.4 (initial lengths), 7.6 (LEB128).
 */

export interface Cursor {
  readonly data: Uint8Array;
  at: number;
}

/** What cannot be read on. Whoever reads a section catches it, and says what is missing. */
export class Unreadable extends Error {}

/** A number without a sign, of so many bytes. Exact up to 2^53. */
export function unsigned(cursor: Cursor, size: number): number {
  if (cursor.at + size > cursor.data.length) throw new Unreadable('a unit ends early');
  let value = 0;
  for (let i = size - 1; i >= 0; i--) value = value * 256 + cursor.data[cursor.at + i]!;
  cursor.at += size;
  return value;
}

const LONGEST_LEB = 10;

/** LEB128 without a sign; the size of its value is bounded by 10 bytes. Signed ones are skipped the same way. */
export function leb(cursor: Cursor): number {
  let value = 0;
  for (let shift = 0; shift < 7 * LONGEST_LEB; shift += 7) {
    const byte = unsigned(cursor, 1);
    value += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) return value;
  }
  throw new Unreadable('a number is too long');
}

/** LEB128 with a sign. */
export function signedLeb(cursor: Cursor): number {
  const start = cursor.at;
  const value = leb(cursor);
  const isNegative = (cursor.data[cursor.at - 1]! & 0x40) !== 0;
  return isNegative ? value - 2 ** (7 * (cursor.at - start)) : value;
}

/** Goes past so many bytes. */
export function skip(cursor: Cursor, size: number): void {
  if (cursor.at + size > cursor.data.length) throw new Unreadable('a unit ends early');
  cursor.at += size;
}

/** Goes past a string and the zero at its end. */
export function skipString(cursor: Cursor): void {
  const end = cursor.at < cursor.data.length ? cursor.data.indexOf(0, cursor.at) : -1;
  if (end < 0) throw new Unreadable('a string has no end');
  cursor.at = end + 1;
}

/** A unit's contents, up to its end, and the size of its offsets; the cursor of the whole goes past it. */
export function unitOf(whole: Cursor): { readonly unit: Cursor; readonly offsetSize: 4 | 8 } {
  const first = unsigned(whole, 4);
  const isWide = first === 0xffff_ffff;
  if (!isWide && first >= 0xffff_fff0) throw new Unreadable('a unit has a length that is reserved');
  const length = isWide ? unsigned(whole, 8) : first;
  const unit: Cursor = { data: whole.data.subarray(0, whole.at + length), at: whole.at };
  skip(whole, length);
  return { unit, offsetSize: isWide ? 8 : 4 };
}
