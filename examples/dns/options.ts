/**
 * Boot parameters: `--ip=A.B.C.D`, the address of this host. Words stand between blanks; anything else is an error.
 */
import { bytes, decreases, invariant, type u32 } from 'casemate';
import { sameBytes } from './wire.ts';

const IP = bytes('--ip=');
const BLANK = 32;
const DOT = 46;

/** A number from `start` of a text on, and where it ends. */
interface Part {
  readonly value: u32;
  readonly end: u32;
}

/**
 * The decimal number of at most three digits, up to 255, that begins at `start`.
 * @requires start <= end && end <= text.length && text.length <= 4096
 * @ensures result === undefined || (result.value <= 255 && start < result.end && result.end <= end)
 */
function decimalAt(text: Readonly<Uint8Array>, start: u32, end: u32): Part | undefined {
  let at: u32 = start;
  let value: u32 = 0;
  while (at < end && text[at] >= 48 && text[at] <= 57) {
    invariant(start <= at && at <= end && value <= 255);
    decreases(end - at);
    value = value * 10 + text[at] - 48;
    if (value > 255 || at - start === 3) return undefined;
    at++;
  }
  if (at === start) return undefined;
  return { value, end: at };
}

/**
 * The address that is all of the text from `start` up to, and without, `end`.
 * @requires start <= end && end <= text.length && text.length <= 4096
 */
export function parseAddress(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  let at: u32 = start;
  let address: u32 = 0;
  for (let i = 0; i < 4; i++) {
    invariant(start <= at && at <= end);
    invariant(
      (i === 0 && address === 0) ||
        (i === 1 && address <= 0xff) ||
        (i === 2 && address <= 0xffff) ||
        (i >= 3 && (address <= 0xffffff || i === 4)),
    );
    if (i > 0) {
      if (at >= end || text[at] !== DOT) return undefined;
      at++;
    }
    const part = decimalAt(text, at, end);
    if (part === undefined) return undefined;
    address = address * 256 + part.value;
    at = part.end;
  }
  if (at !== end) return undefined;
  return address;
}

/**
 * Where the word at `start` ends.
 * @requires start <= end && end <= text.length
 * @ensures start <= result && result <= end
 */
function endOfWord(text: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let at: u32 = start;
  while (at < end && text[at] !== BLANK) {
    invariant(start <= at && at <= end);
    at++;
  }
  return at;
}

/**
 * The address that the boot parameters, `length` bytes, give, or the other one where they give none; undefined if they
 * are not understood.
 * @requires length <= text.length && text.length <= 4096
 */
export function addressFrom(text: Readonly<Uint8Array>, length: u32, otherwise: u32): u32 | undefined {
  let address: u32 = otherwise;
  let at: u32 = 0;
  while (at < length) {
    const end = endOfWord(text, at, length);
    if (end > at) {
      if (end - at < IP.length) return undefined;
      const isAddress = sameBytes(IP, 0, text, at, IP.length);
      if (!isAddress) return undefined;
      const parsed = parseAddress(text, at + IP.length, end);
      if (parsed === undefined) return undefined;
      address = parsed;
    }
    at = end < length ? end + 1 : length;
  }
  return address;
}
