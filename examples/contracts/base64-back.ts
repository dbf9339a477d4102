/**
 * Base64 there and back, with padding: whatever the bytes are, and however many, decoding what was encoded gives them
 * again.
 */
import { assert, forall, ghost, implies, invariant, type u8, type u32 } from 'casemate';

/**
 * The six bits of a character, 64 of what is none.
 * @pure
 * @ensures implies(65 <= character && character <= 90, result === character - 65)
 * @ensures implies(97 <= character && character <= 122, result === character - 71)
 * @ensures implies(48 <= character && character <= 57, result === character + 4)
 * @ensures implies(character === 43, result === 62)
 * @ensures implies(character === 47, result === 63)
 * @ensures result <= 64
 */
export function bitsOf(character: u8): u8 {
  if (65 <= character && character <= 90) return character - 65;
  if (97 <= character && character <= 122) return character - 71;
  if (48 <= character && character <= 57) return character + 4;
  if (character === 43) return 62;
  return character === 47 ? 63 : 64;
}

/**
 * The character of six bits, which come back.
 * @pure
 * @requires bits < 64
 * @ensures bitsOf(result) === bits
 * @ensures result !== 61
 */
export function digit(bits: u8): u8 {
  if (bits < 26) return 65 + bits;
  if (bits < 52) return 71 + bits;
  if (bits < 62) return bits - 4;
  return bits === 62 ? 43 : 47;
}

/**
 * Whether four characters stand for three bytes.
 * @pure
 */
export function encodes(a: u8, b: u8, c: u8, d: u8, first: u8, second: u8, third: u8): boolean {
  return (
    bitsOf(a) === Math.trunc(first / 4) &&
    bitsOf(b) === (first % 4) * 16 + Math.trunc(second / 16) &&
    bitsOf(c) === (second % 16) * 4 + Math.trunc(third / 64) &&
    bitsOf(d) === third % 64
  );
}

/**
 * Whether three bytes are what four characters stand for.
 * @pure
 */
export function decodes(first: u8, second: u8, third: u8, a: u8, b: u8, c: u8, d: u8): boolean {
  return (
    first === (bitsOf(a) * 4 + Math.trunc(bitsOf(b) / 16)) % 256 &&
    second === (bitsOf(b) * 16 + Math.trunc(bitsOf(c) / 4)) % 256 &&
    third === (bitsOf(c) * 64 + bitsOf(d)) % 256
  );
}

/**
 * Three bytes as four characters, from `at` on.
 * @requires at + 4 <= to.length
 * @modifies to
 * @ensures encodes(to[at], to[at + 1], to[at + 2], to[at + 3], first, second, third)
 * @ensures to[at + 2] !== 61 && to[at + 3] !== 61
 * @ensures forall(0, at, (i) => to[i] === old(to[i]))
 */
export function putGroup(to: Uint8Array, at: u32, first: u8, second: u8, third: u8): void {
  to[at] = digit(Math.trunc(first / 4));
  to[at + 1] = digit((first % 4) * 16 + Math.trunc(second / 16));
  to[at + 2] = digit((second % 16) * 4 + Math.trunc(third / 64));
  to[at + 3] = digit(third % 64);
}

/**
 * Four characters as three bytes, from `at` on.
 * @requires at + 3 <= to.length
 * @modifies to
 * @ensures decodes(to[at], to[at + 1], to[at + 2], a, b, c, d)
 * @ensures forall(0, at, (i) => to[i] === old(to[i]))
 */
export function takeGroup(to: Uint8Array, at: u32, a: u8, b: u8, c: u8, d: u8): void {
  to[at] = (bitsOf(a) * 4 + Math.trunc(bitsOf(b) / 16)) % 256;
  to[at + 1] = (bitsOf(b) * 16 + Math.trunc(bitsOf(c) / 4)) % 256;
  to[at + 2] = (bitsOf(c) * 64 + bitsOf(d)) % 256;
}

/**
 * Encodes `count` bytes; how many characters that are.
 * @requires count <= from.length && count <= 0x3fffffff
 * @requires Math.trunc((count + 2) / 3) * 4 <= to.length
 * @modifies to
 * @ensures result === Math.trunc((count + 2) / 3) * 4
 * @ensures forall(0, Math.trunc(count / 3), (g) => encodes(to[4 * g], to[4 * g + 1], to[4 * g + 2], to[4 * g + 3], from[3 * g], from[3 * g + 1], from[3 * g + 2]))
 * @ensures implies(count > 0 && count % 3 === 0, to[result - 1] !== 61)
 * @ensures implies(count % 3 === 1, bitsOf(to[result - 4]) === Math.trunc(from[count - 1] / 4) && bitsOf(to[result - 3]) === (from[count - 1] % 4) * 16 && to[result - 2] === 61 && to[result - 1] === 61)
 * @ensures implies(count % 3 === 2, bitsOf(to[result - 4]) === Math.trunc(from[count - 2] / 4) && bitsOf(to[result - 3]) === (from[count - 2] % 4) * 16 + Math.trunc(from[count - 1] / 16) && bitsOf(to[result - 2]) === (from[count - 1] % 16) * 4 && to[result - 2] !== 61 && to[result - 1] === 61)
 */
export function encode(to: Uint8Array, from: Readonly<Uint8Array>, count: u32): u32 {
  const whole = Math.trunc(count / 3);
  for (let group = 0; group < whole; group++) {
    invariant(
      forall(0, group, (g) =>
        encodes(to[4 * g], to[4 * g + 1], to[4 * g + 2], to[4 * g + 3], from[3 * g], from[3 * g + 1], from[3 * g + 2]),
      ),
    );
    invariant(implies(group > 0, to[4 * group - 1] !== 61));
    putGroup(to, 4 * group, from[3 * group], from[3 * group + 1], from[3 * group + 2]);
  }
  const at = 4 * whole;
  if (count % 3 === 0) return at;
  if (count % 3 === 1) {
    putGroup(to, at, from[count - 1], 0, 0);
    to[at + 2] = 61;
  } else putGroup(to, at, from[count - 2], from[count - 1], 0);
  to[at + 3] = 61;
  return at + 4;
}

/**
 * Decodes `length` characters; how many bytes that are. A group with padding is a whole group in `to`.
 * @requires length % 4 === 0 && length <= from.length && length <= 0x7ffffffc
 * @requires Math.trunc(length / 4) * 3 <= to.length
 * @modifies to
 * @ensures forall(0, Math.trunc(length / 4), (g) => decodes(to[3 * g], to[3 * g + 1], to[3 * g + 2], from[4 * g], from[4 * g + 1], from[4 * g + 2], from[4 * g + 3]))
 * @ensures implies(length === 0 || from[length - 1] !== 61, result === Math.trunc(length / 4) * 3)
 * @ensures implies(length > 0 && from[length - 1] === 61, result === Math.trunc(length / 4) * 3 - (from[length - 2] === 61 ? 2 : 1))
 */
export function decode(to: Uint8Array, from: Readonly<Uint8Array>, length: u32): u32 {
  const groups = Math.trunc(length / 4);
  for (let group = 0; group < groups; group++) {
    invariant(
      forall(0, group, (g) =>
        decodes(
          to[3 * g],
          to[3 * g + 1],
          to[3 * g + 2],
          from[4 * g],
          from[4 * g + 1],
          from[4 * g + 2],
          from[4 * g + 3],
        ),
      ),
    );
    takeGroup(to, 3 * group, from[4 * group], from[4 * group + 1], from[4 * group + 2], from[4 * group + 3]);
  }
  if (length === 0 || from[length - 1] !== 61) return 3 * groups;
  return 3 * groups - (from[length - 2] === 61 ? 2 : 1);
}

/**
 * Three bytes that were four characters are what they were.
 * @requires encodes(a, b, c, d, first, second, third) && decodes(one, two, three, a, b, c, d)
 * @ensures one === first && two === second && three === third
 */
export function same(one: u8, two: u8, three: u8, first: u8, second: u8, third: u8, a: u8, b: u8, c: u8, d: u8): void {
  assert(encodes(a, b, c, d, first, second, third));
  assert(decodes(one, two, three, a, b, c, d));
}

/**
 * Bytes, as characters, as bytes again: the same, and as many.
 * @requires count <= from.length && count <= 0x3fffffff
 * @requires Math.trunc((count + 2) / 3) * 4 <= text.length && Math.trunc((count + 2) / 3) * 3 <= back.length
 * @modifies text, back
 * @ensures result === count
 * @ensures forall(0, count, (i) => back[i] === from[i])
 */
export function thereAndBack(back: Uint8Array, text: Uint8Array, from: Readonly<Uint8Array>, count: u32): u32 {
  const length = encode(text, from, count);
  const bytes = decode(back, text, length);
  const whole = Math.trunc(count / 3);
  for (let group = 0; group < whole; group++) {
    invariant(forall(0, 3 * group, (i) => back[i] === from[i]));
    ghost(() =>
      same(
        back[3 * group],
        back[3 * group + 1],
        back[3 * group + 2],
        from[3 * group],
        from[3 * group + 1],
        from[3 * group + 2],
        text[4 * group],
        text[4 * group + 1],
        text[4 * group + 2],
        text[4 * group + 3],
      ),
    );
  }
  if (count % 3 !== 0) {
    assert(
      decodes(
        back[3 * whole],
        back[3 * whole + 1],
        back[3 * whole + 2],
        text[4 * whole],
        text[4 * whole + 1],
        text[4 * whole + 2],
        text[4 * whole + 3],
      ),
    );
    assert(back[3 * whole] === from[3 * whole]);
    assert(implies(count % 3 === 2, back[3 * whole + 1] === from[3 * whole + 1]));
  }
  return bytes;
}
