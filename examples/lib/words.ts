/**
 * Texts such as boot parameters, word by word: where words end, which one a word is, and numbers and addresses in them.
 */
import { decreases, invariant, type u32 } from 'casemate';
import { sameBytes } from './wire.ts';

const BLANK = 32;
const DOT = 46;

/** A number that a text has, and where it ends. */
export interface Part {
  readonly value: u32;
  readonly end: u32;
}

/**
 * Where the blanks at `start` end.
 * @requires start <= end && end <= text.length
 * @ensures start <= result && result <= end
 */
export function skipBlanks(text: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let at: u32 = start;
  while (at < end && text[at] === BLANK) {
    invariant(start <= at && at <= end);
    at++;
  }
  return at;
}

/**
 * Where the word at `start` ends.
 * @requires start <= end && end <= text.length
 * @ensures start <= result && result <= end
 */
export function endOfWord(text: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let at: u32 = start;
  while (at < end && text[at] !== BLANK) {
    invariant(start <= at && at <= end);
    at++;
  }
  return at;
}

/**
 * Whether the text from `start` up to, and without, `end` is this word.
 * @requires start <= end && end <= text.length && word.length <= 64
 */
export function isWord(text: Readonly<Uint8Array>, start: u32, end: u32, word: Readonly<Uint8Array>): boolean {
  if (end - start !== word.length) return false;
  return sameBytes(word, 0, text, start, word.length);
}

/**
 * The decimal number up to `most` that begins at `start`.
 * @requires start <= end && end <= text.length && text.length <= 4096 && most <= 0xffff
 * @ensures result === undefined || (result.value <= most && start < result.end && result.end <= end)
 */
export function decimalAt(text: Readonly<Uint8Array>, start: u32, end: u32, most: u32): Part | undefined {
  let at: u32 = start;
  let value: u32 = 0;
  while (at < end && text[at] >= 48 && text[at] <= 57) {
    invariant(start <= at && at <= end && value <= most);
    decreases(end - at);
    value = value * 10 + text[at] - 48;
    if (value > most) return undefined;
    at++;
  }
  if (at === start) return undefined;
  return { value, end: at };
}

/**
 * The address that begins at `start`: four numbers with dots between them.
 * @requires start <= end && end <= text.length && text.length <= 4096
 * @ensures result === undefined || (start < result.end && result.end <= end)
 */
export function addressAt(text: Readonly<Uint8Array>, start: u32, end: u32): Part | undefined {
  let at: u32 = start;
  let address: u32 = 0;
  for (let i = 0; i < 4; i++) {
    invariant(start <= at && at <= end && (i === 0 || start < at));
    invariant(i !== 0 || address === 0);
    invariant(i !== 1 || address <= 0xff);
    invariant(i !== 2 || address <= 0xffff);
    invariant(i !== 3 || address <= 0xffffff);
    if (i > 0) {
      if (at >= end || text[at] !== DOT) return undefined;
      at++;
    }
    const part = decimalAt(text, at, end, 255);
    if (part === undefined) return undefined;
    address = address * 256 + part.value;
    at = part.end;
  }
  return { value: address, end: at };
}
