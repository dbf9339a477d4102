/**
 * Rules from boot parameters: `ACTION DIRECTION PROTOCOL SOURCE DESTINATION PORTS`, with `;` between rules.
 *
 *   ACTION       allow, deny
 *   DIRECTION    in, out, any
 *   PROTOCOL     tcp, udp, icmp, any, or a number
 *   SOURCE, DESTINATION   any, A.B.C.D or A.B.C.D/BITS
 *   PORTS        any, N or N-M, of the destination
 *
 * What is not understood is an error, never a rule that is left out.
 */
import { bytes, invariant, type u32 } from 'casemate';
import { addressAt, decimalAt, endOfWord, isWord, skipBlanks } from '../lib/words.ts';
import { ANY_PORT, ANY_PROTOCOL, ICMP, IN, MOST_RULES, OUT, TCP, UDP, WORDS } from './rules.ts';

const ALLOW = bytes('allow');
const DENY = bytes('deny');
const ANY = bytes('any');
const TO_INSIDE = bytes('in');
const TO_OUTSIDE = bytes('out');
const TCP_NAME = bytes('tcp');
const UDP_NAME = bytes('udp');
const ICMP_NAME = bytes('icmp');
const SEMICOLON = 59;
const SLASH = 47;
const DASH = 45;

/** A word that was read: what it means, and the mask that belongs to an address. */
interface Field {
  readonly value: u32;
  readonly mask: u32;
}

/** @requires start <= end && end <= text.length */
function actionOf(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  const isAllow = isWord(text, start, end, ALLOW);
  if (isAllow) return 1;
  const isDeny = isWord(text, start, end, DENY);
  if (isDeny) return 0;
  return undefined;
}

/** @requires start <= end && end <= text.length */
function directionsOf(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  const isIn = isWord(text, start, end, TO_INSIDE);
  if (isIn) return IN;
  const isOut = isWord(text, start, end, TO_OUTSIDE);
  if (isOut) return OUT;
  const isAny = isWord(text, start, end, ANY);
  if (isAny) return IN + OUT;
  return undefined;
}

/** @requires start <= end && end <= text.length && text.length <= 4096 */
function protocolOf(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  const isTcp = isWord(text, start, end, TCP_NAME);
  if (isTcp) return TCP;
  const isUdp = isWord(text, start, end, UDP_NAME);
  if (isUdp) return UDP;
  const isIcmp = isWord(text, start, end, ICMP_NAME);
  if (isIcmp) return ICMP;
  const isAny = isWord(text, start, end, ANY);
  if (isAny) return ANY_PROTOCOL;
  const number = decimalAt(text, start, end, 255);
  if (number === undefined || number.end !== end) return undefined;
  return number.value;
}

/**
 * The mask of so many bits.
 * @requires bits <= 32
 */
function maskOf(bits: u32): u32 {
  return bits === 0 ? 0 : (0xffffffff << (32 - bits)) >>> 0;
}

/**
 * An address with its mask; one with bits beyond its mask would match nothing, and is an error.
 * @requires start <= end && end <= text.length && text.length <= 4096
 */
function networkOf(text: Readonly<Uint8Array>, start: u32, end: u32): Field | undefined {
  const isAny = isWord(text, start, end, ANY);
  if (isAny) return { value: 0, mask: 0 };
  const address = addressAt(text, start, end);
  if (address === undefined) return undefined;
  if (address.end === end) return { value: address.value, mask: 0xffffffff };
  if (text[address.end] !== SLASH) return undefined;
  const bits = decimalAt(text, address.end + 1, end, 32);
  if (bits === undefined || bits.end !== end) return undefined;
  const mask = maskOf(bits.value);
  if ((address.value & mask) >>> 0 !== address.value) return undefined;
  return { value: address.value, mask };
}

/**
 * Both ends of a range of ports in one word.
 * @requires start <= end && end <= text.length && text.length <= 4096
 */
function portsOf(text: Readonly<Uint8Array>, start: u32, end: u32): u32 | undefined {
  const isAny = isWord(text, start, end, ANY);
  if (isAny) return ANY_PORT;
  const first = decimalAt(text, start, end, 0xffff);
  if (first === undefined) return undefined;
  if (first.end === end) return first.value * 65536 + first.value;
  if (text[first.end] !== DASH) return undefined;
  const last = decimalAt(text, first.end + 1, end, 0xffff);
  if (last === undefined || last.end !== end || last.value < first.value) return undefined;
  return first.value * 65536 + last.value;
}

/**
 * Where the word behind the blanks at `start` begins.
 * @requires start <= end && end <= text.length
 * @ensures start <= result && result <= end
 */
function nextWord(text: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  return skipBlanks(text, endOfWord(text, start, end), end);
}

/**
 * Reads the rule that is the text from `start` up to, and without, `end` into the words from `at` on; whether it is one.
 * @requires start <= end && end <= text.length && text.length <= 4096 && at + WORDS <= rules.length
 * @modifies rules
 */
function parseRule(rules: Uint32Array, at: u32, text: Readonly<Uint8Array>, start: u32, end: u32): boolean {
  const first = skipBlanks(text, start, end);
  const second = nextWord(text, first, end);
  const third = nextWord(text, second, end);
  const fourth = nextWord(text, third, end);
  const fifth = nextWord(text, fourth, end);
  const sixth = nextWord(text, fifth, end);
  const action = actionOf(text, first, endOfWord(text, first, end));
  const directions = directionsOf(text, second, endOfWord(text, second, end));
  const protocol = protocolOf(text, third, endOfWord(text, third, end));
  const source = networkOf(text, fourth, endOfWord(text, fourth, end));
  const destination = networkOf(text, fifth, endOfWord(text, fifth, end));
  const last = endOfWord(text, sixth, end);
  const ports = portsOf(text, sixth, last);
  const isEnd = skipBlanks(text, last, end) === end;
  if (action === undefined || directions === undefined || protocol === undefined || !isEnd) return false;
  if (source === undefined || destination === undefined || ports === undefined) return false;
  rules[at] = action;
  rules[at + 1] = directions;
  rules[at + 2] = protocol;
  rules[at + 3] = source.value;
  rules[at + 4] = source.mask;
  rules[at + 5] = destination.value;
  rules[at + 6] = destination.mask;
  rules[at + 7] = ports;
  return true;
}

/**
 * Where the next rule's `;` is, or the end.
 * @requires start <= end && end <= text.length
 * @ensures start <= result && result <= end
 */
function endOfRule(text: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let at: u32 = start;
  while (at < end && text[at] !== SEMICOLON) {
    invariant(start <= at && at <= end);
    at++;
  }
  return at;
}

/**
 * Reads all rules of a text of `length` bytes: how many there are; undefined if one is not understood, or there are too
 * many.
 * @requires length <= text.length && text.length <= 4096 && rules.length === 256
 * @modifies rules
 * @ensures result === undefined || result <= MOST_RULES
 */
export function parseRules(rules: Uint32Array, text: Readonly<Uint8Array>, length: u32): u32 | undefined {
  let count: u32 = 0;
  let at: u32 = skipBlanks(text, 0, length);
  while (at < length) {
    invariant(at <= length && count <= MOST_RULES);
    const end = endOfRule(text, at, length);
    if (count === MOST_RULES) return undefined;
    const isRule = parseRule(rules, WORDS * count, text, at, end);
    if (!isRule) return undefined;
    count++;
    at = end < length ? skipBlanks(text, end + 1, length) : length;
  }
  return count;
}
