/**
 * Questions (RFC 1035, 4.1) with EDNS (RFC 6891): what is asked, and what of it can only be answered with an error.
 *
 * A message is read strictly: one question, whose name has no pointers, then additional records, then nothing. What can
 * be told to whoever sent it is an error code; what is shorter than a header, or itself an answer, gets no answer, so
 * that two servers never talk to each other.
 */
import { invariant, type u16, type u32 } from 'casemate';
import { read16 } from '../lib/wire.ts';
import { endOfName, type Name } from './names.ts';

/** Bytes of a header. */
export const HEADER = 12;

export const NO_ERROR = 0;
export const FORMAT_ERROR = 1;
export const NOT_IMPLEMENTED = 4;
export const REFUSED = 5;
export const BAD_VERSION = 16;

const OPT = 41;
/** Bytes of an answer without EDNS, at most. */
const SMALL = 512;
/** Bytes of any answer, at most: it fits into a packet that no link takes apart. */
export const LARGE = 1232;

export interface Query {
  readonly id: u16;
  readonly flags: u16;
  /** NO_ERROR: there is a question. */
  readonly error: u16;
  readonly name: Name;
  readonly type: u16;
  readonly class: u16;
  /** Whether it came with EDNS, and so is answered with it. */
  readonly extended: boolean;
  /** Bytes that an answer may have. */
  readonly room: u32;
}

/** What the additional records say. */
interface Additional {
  readonly extended: boolean;
  readonly room: u32;
  readonly version: u16;
}

/**
 * Where the name of a record ends, 0 if it is none: here it may end with a pointer, which is not followed.
 * @requires start <= end && end <= message.length && message.length <= 2048
 * @ensures result === 0 || (start < result && result <= end)
 */
function skipName(message: Readonly<Uint8Array>, start: u32, end: u32): u32 {
  let at: u32 = start;
  while (at < end) {
    invariant(start <= at);
    const length = message[at];
    if (length === 0) return at + 1;
    if (length >= 192) return end - at >= 2 ? at + 2 : 0;
    if (length > 63 || end - at <= length) return 0;
    at += 1 + length;
  }
  return 0;
}

/**
 * Reads `count` records; undefined if they do not end where the message does, or if there are two OPT.
 * @requires start <= end && end <= message.length && message.length <= 2048
 * @ensures result === undefined || (512 <= result.room && result.room <= LARGE)
 */
function additionalAt(message: Readonly<Uint8Array>, start: u32, end: u32, count: u16): Additional | undefined {
  let at: u32 = start;
  let extended = false;
  let room: u32 = SMALL;
  let version: u16 = 0;
  for (let i = 0; i < count; i++) {
    invariant(start <= at && at <= end);
    invariant(512 <= room && room <= LARGE);
    const fields = skipName(message, at, end);
    if (fields === 0 || end - fields < 10) return undefined;
    const length = read16(message, fields + 8);
    if (length > end - fields - 10) return undefined;
    if (read16(message, fields) === OPT) {
      if (extended || message[at] !== 0) return undefined;
      extended = true;
      room = Math.max(SMALL, Math.min(LARGE, read16(message, fields + 2)));
      version = message[fields + 5];
    }
    at = fields + 10 + length;
  }
  if (at !== end) return undefined;
  return { extended, room, version };
}

/**
 * A query that can only be answered with an error.
 * @ensures result.error === error && result.id === id && result.flags === flags
 * @ensures result.room === 512 && !result.extended
 */
function refusal(id: u16, flags: u16, error: u16): Query {
  return { id, flags, error, name: { start: 0, end: 0 }, type: 0, class: 0, extended: false, room: SMALL };
}

/**
 * The query in a message from `start` up to, and without, `end`; undefined if it is none.
 * @requires start <= end && end <= message.length && message.length <= 2048
 * @ensures result === undefined || (end - start >= HEADER && message[start + 2] < 128 && result.id === read16(message, start))
 * @ensures result === undefined || (512 <= result.room && result.room <= LARGE && result.flags === read16(message, start + 2) && result.error <= BAD_VERSION)
 * @ensures result === undefined || (result.error !== NO_ERROR && result.error !== BAD_VERSION) || (result.name.start === start + HEADER && result.name.start < result.name.end && result.name.end + 4 <= end && result.name.end - result.name.start <= 255)
 */
export function parseQuery(message: Readonly<Uint8Array>, start: u32, end: u32): Query | undefined {
  if (end - start < HEADER) return undefined;
  const id = read16(message, start);
  const flags = read16(message, start + 2);
  if (flags >= 0x8000) return undefined;
  if ((flags & 0x7800) !== 0) return refusal(id, flags, NOT_IMPLEMENTED);
  const isOneQuestion = read16(message, start + 4) === 1;
  if (!isOneQuestion || read16(message, start + 6) !== 0 || read16(message, start + 8) !== 0)
    return refusal(id, flags, FORMAT_ERROR);
  const nameEnd = endOfName(message, start + HEADER, end);
  if (nameEnd === 0 || end - nameEnd < 4) return refusal(id, flags, FORMAT_ERROR);
  const more = additionalAt(message, nameEnd + 4, end, read16(message, start + 10));
  if (more === undefined) return refusal(id, flags, FORMAT_ERROR);
  return {
    id,
    flags,
    error: more.version === 0 ? NO_ERROR : BAD_VERSION,
    name: { start: start + HEADER, end: nameEnd },
    type: read16(message, nameEnd),
    class: read16(message, nameEnd + 2),
    extended: more.extended,
    room: more.room,
  };
}
