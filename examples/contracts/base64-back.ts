/**
 * Base64 there and back: the digits of base64.ts as they are read, and that three bytes which went through four characters
 * are what they were.
 */
import type { u8 } from 'casemate';

/**
 * The character of six bits.
 * @pure
 * @requires bits < 64
 * @ensures (65 <= result && result <= 90) || (97 <= result && result <= 122) || (48 <= result && result <= 57) || result === 43 || result === 47
 */
export function digit(bits: u8): u8 {
  return bits < 26 ? 65 + bits : bits < 52 ? 71 + bits : bits < 62 ? bits - 4 : bits === 62 ? 43 : 47;
}

/**
 * The six bits of a character, 63 of what is none.
 * @pure
 * @ensures result < 64
 */
export function bitsOf(character: u8): u8 {
  return 65 <= character && character <= 90
    ? character - 65
    : 97 <= character && character <= 122
      ? character - 71
      : 48 <= character && character <= 57
        ? character + 4
        : character === 43
          ? 62
          : 63;
}

/**
 * Six bits come back.
 * @pure
 * @requires bits < 64
 * @ensures result === bits
 */
export function there(bits: u8): u8 {
  return bitsOf(digit(bits));
}

export interface Group {
  readonly first: u8;
  readonly second: u8;
  readonly third: u8;
}

/**
 * Three bytes, as four characters, as three bytes again: the same.
 * @ensures result.first === group.first && result.second === group.second && result.third === group.third
 */
export function backAgain(group: Group): Group {
  const a = there(Math.trunc(group.first / 4));
  const b = there((group.first % 4) * 16 + Math.trunc(group.second / 16));
  const c = there((group.second % 16) * 4 + Math.trunc(group.third / 64));
  const d = there(group.third % 64);
  return { first: a * 4 + Math.trunc(b / 16), second: (b % 16) * 16 + Math.trunc(c / 4), third: (c % 4) * 64 + d };
}
