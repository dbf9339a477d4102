/**
 * Base64 there and back: what is decoded is what was encoded, for every input. The digits are those of base64.ts; what
 * each character and each byte is made of is said by functions of one place, so that two loops need no more than that.
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
 * @verified
 * @requires bits < 64
 * @ensures result === bits
 */
export function there(bits: u8): u8 {
  return bitsOf(digit(bits));
}
