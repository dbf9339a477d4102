/**
 * Answers (RFC 1035, 4.1; RFC 2308 for what there is not): what the zone says to a question, as a message.
 *
 * Records that answer follow the question, an alias (CNAME) before what it leads to. A name or a type that is not there
 * is answered with the SOA, so that the answer can be kept. Owners of records are pointers to where the name stands in
 * the message already. What does not fit is left out whole, and the answer says so.
 */
import { assert, decreases, forall, ghost, invariant, type u16, type u32 } from 'casemate';
import { copy, put16, put32, read16 } from '../lib/wire.ts';
import { DATA } from './ipv4.ts';
import { isWithin, LONGEST_NAME, type Name } from './names.ts';
import { BAD_VERSION, HEADER, LARGE, NO_ERROR, parseQuery, type Query, REFUSED } from './query.ts';
import { CNAME, INTERNET, isKnown, negativeTtl, nextOf, originOf, type Resource } from './zone.ts';

const NAME_ERROR = 3;
const OPT = 41;
/** Bytes of an OPT record without options. */
const OPT_SIZE = 11;
/** Requests for the whole zone: IXFR, AXFR. */
const TRANSFERS = 251;
const MOST_ALIASES = 8;

/** How far an answer has come: where the next record goes, how many there are, whether one did not fit. */
export interface Progress {
  at: u32;
  answers: u16;
  authorities: u16;
  full: boolean;
}

/**
 * Appends a record whose owner stands at `pointer` in the message.
 * @requires DATA <= progress.at && progress.at <= limit && limit <= reply.length && reply.length <= 2048
 * @requires resource.start <= resource.end && resource.end <= zone.length && pointer < 0x4000
 * @modifies reply, progress.at, progress.full
 * @ensures old(progress.at) <= progress.at && progress.at <= limit
 * @ensures progress.full || progress.at === old(progress.at) + 12 + resource.end - resource.start
 * @ensures forall(0, old(progress.at), (i) => reply[i] === old(reply[i]))
 */
function putResource(
  reply: Uint8Array,
  progress: Progress,
  limit: u32,
  pointer: u16,
  zone: Readonly<Uint8Array>,
  resource: Resource,
  ttl: u32,
): void {
  const at = progress.at;
  const length = resource.end - resource.start;
  if (length > 2048 || limit - at < 12 + length) {
    progress.full = true;
    return;
  }
  put16(reply, at, 0xc000 + pointer);
  put16(reply, at + 2, resource.type);
  put16(reply, at + 4, INTERNET);
  put32(reply, at + 6, ttl);
  put16(reply, at + 10, length);
  copy(reply, at + 12, zone, resource.start, length);
  progress.at = at + 12 + length;
}

/**
 * Appends all records of a name and a type, from the first one on that does not fit none.
 * @requires DATA <= progress.at && progress.at <= limit && limit <= reply.length && reply.length <= 2048
 * @requires end <= zone.length && length <= name.length && length <= LONGEST_NAME && pointer < 0x4000
 * @modifies reply, progress.at, progress.full, progress.answers
 * @ensures old(progress.at) <= progress.at && progress.at <= limit
 */
function putAnswers(
  reply: Uint8Array,
  progress: Progress,
  limit: u32,
  pointer: u16,
  zone: Readonly<Uint8Array>,
  end: u32,
  name: Readonly<Uint8Array>,
  length: u32,
  type: u16,
): void {
  let from: u32 = 0;
  let more = true;
  const first = ghost(progress.at);
  while (more && !progress.full) {
    invariant(from <= end && first <= progress.at && progress.at <= limit);
    decreases(more ? 1 : 0, end - from);
    const resource = nextOf(zone, from, end, name, { start: 0, end: length }, type);
    if (resource === undefined) {
      more = false;
    } else {
      putResource(reply, progress, limit, pointer, zone, resource, resource.ttl);
      if (!progress.full && progress.answers < 65535) progress.answers++;
      from = resource.end;
    }
  }
}

/**
 * Appends the SOA, which says how long that there is no such record may be believed. Its owner is the end of the name
 * asked for, whose `length` bytes stand at HEADER in the message.
 * @requires DATA <= progress.at && progress.at <= limit && limit <= reply.length && reply.length <= 2048
 * @requires origin.owner.start <= origin.owner.end && origin.owner.end - origin.owner.start <= length && length <= LONGEST_NAME
 * @requires origin.start + 20 <= origin.end && origin.end <= zone.length
 * @modifies reply, progress.at, progress.full, progress.authorities
 * @ensures old(progress.at) <= progress.at && progress.at <= limit
 */
function putOrigin(
  reply: Uint8Array,
  progress: Progress,
  limit: u32,
  zone: Readonly<Uint8Array>,
  origin: Resource,
  length: u32,
): void {
  const pointer = HEADER + length - (origin.owner.end - origin.owner.start);
  const ttl = negativeTtl(zone, origin);
  putResource(reply, progress, limit, pointer, zone, origin, ttl);
  if (!progress.full) progress.authorities = 1;
}

/**
 * Whether one of the first `count` is the value.
 * @requires count <= values.length
 * @ensures result === exists(0, count, (i) => values[i] === value)
 */
function isAmong(values: Readonly<Uint32Array>, count: u32, value: u32): boolean {
  for (let i = 0; i < count; i++) {
    invariant(forall(0, i, (j) => values[j] !== value));
    if (values[i] === value) return true;
  }
  return false;
}

/**
 * Appends what the zone says of a question for a name in it, whose `length` bytes stand in `name`, and at HEADER in the
 * message; gives the code of the answer. Aliases are followed as long as they lead on, inside the zone.
 * @requires DATA <= progress.at && progress.at <= limit && limit <= reply.length && reply.length <= 2048
 * @requires end <= zone.length && zone.length <= 4096 && name.length >= LONGEST_NAME && length <= LONGEST_NAME
 * @requires origin.owner.start <= origin.owner.end && origin.owner.end - origin.owner.start <= length
 * @requires origin.owner.end <= zone.length && origin.start + 20 <= origin.end && origin.end <= zone.length
 * @modifies reply, name, progress
 * @ensures old(progress.at) <= progress.at && progress.at <= limit
 * @ensures result === NO_ERROR || result === NAME_ERROR
 */
function putZoneAnswer(
  reply: Uint8Array,
  progress: Progress,
  limit: u32,
  zone: Readonly<Uint8Array>,
  end: u32,
  origin: Resource,
  name: Uint8Array,
  length: u32,
  type: u16,
): u16 {
  const followed = new Uint32Array(MOST_ALIASES);
  const first = ghost(progress.at);
  let size: u32 = length;
  let pointer: u16 = HEADER;
  for (let i = 0; i < MOST_ALIASES; i++) {
    invariant(size <= LONGEST_NAME && pointer < 0x4000);
    invariant(first <= progress.at && progress.at <= limit);
    const own: Name = { start: 0, end: size };
    const isFound = nextOf(zone, 0, end, name, own, type) !== undefined;
    if (isFound) {
      putAnswers(reply, progress, limit, pointer, zone, end, name, size, type);
      return NO_ERROR;
    }
    const alias = nextOf(zone, 0, end, name, own, CNAME);
    if (alias === undefined) {
      const exists = isKnown(zone, end, name, own);
      putOrigin(reply, progress, limit, zone, origin, length);
      return exists ? NO_ERROR : NAME_ERROR;
    }
    const isRound = isAmong(followed, i, alias.start);
    const target = alias.end - alias.start;
    if (isRound || target > LONGEST_NAME) return NO_ERROR;
    followed[i] = alias.start;
    const at = progress.at + 12 - DATA;
    putResource(reply, progress, limit, pointer, zone, alias, alias.ttl);
    if (progress.full || progress.answers === 65535) return NO_ERROR;
    progress.answers++;
    const isInside = isWithin(zone, { start: alias.start, end: alias.end }, zone, origin.owner);
    if (!isInside) return NO_ERROR;
    copy(name, 0, zone, alias.start, target);
    size = target;
    pointer = at;
  }
  return NO_ERROR;
}

/**
 * Appends OPT to an answer to who sent one; the upper bits of the code of the answer are in it.
 * @requires DATA <= at && at + OPT_SIZE <= reply.length && reply.length <= 2048 && code < 4096
 * @modifies reply
 * @ensures forall(0, at, (i) => reply[i] === old(reply[i]))
 */
function putOpt(reply: Uint8Array, at: u32, code: u16): void {
  reply[at] = 0;
  put16(reply, at + 1, OPT);
  put16(reply, at + 3, LARGE);
  put16(reply, at + 5, (code >>> 4) << 8);
  put16(reply, at + 7, 0);
  put16(reply, at + 9, 0);
}

/**
 * The second word of an answer's header: what was asked for comes back, and neither is there recursion here nor DNSSEC.
 * @pure
 * @requires code <= BAD_VERSION
 * @ensures result >= 0x8000
 */
function flagsOf(asked: u16, isOurs: boolean, isTruncated: boolean, code: u16): u16 {
  return 0x8000 + (asked & 0x7900) + (isOurs ? 0x0400 : 0) + (isTruncated ? 0x0200 : 0) + (code & 15);
}

/**
 * Writes the header of an answer.
 * @requires reply.length >= DATA + HEADER && reply.length <= 2048 && code <= BAD_VERSION
 * @modifies reply
 * @ensures read16(reply, DATA) === query.id && read16(reply, DATA + 2) >= 0x8000
 */
function putHeader(
  reply: Uint8Array,
  query: Query,
  progress: Readonly<Progress>,
  code: u16,
  hasQuestion: boolean,
): void {
  const isOurs = hasQuestion && (code === NO_ERROR || code === NAME_ERROR);
  put16(reply, DATA, query.id);
  put16(reply, DATA + 2, flagsOf(query.flags, isOurs, progress.full, code));
  put16(reply, DATA + 4, hasQuestion ? 1 : 0);
  put16(reply, DATA + 6, progress.answers);
  put16(reply, DATA + 8, progress.authorities);
  put16(reply, DATA + 10, query.extended ? 1 : 0);
}

/**
 * Whether the zone answers the question, as far as its class, its type and its name say.
 * @requires query.name.start <= query.name.end && query.name.end <= message.length && query.name.end - query.name.start <= LONGEST_NAME
 * @requires origin.owner.start <= origin.owner.end && origin.owner.end <= zone.length
 */
function isForZone(message: Readonly<Uint8Array>, query: Query, zone: Readonly<Uint8Array>, origin: Resource): boolean {
  const isTransfer = query.type === TRANSFERS || query.type === TRANSFERS + 1;
  if (query.class !== INTERNET || isTransfer) return false;
  return isWithin(message, query.name, zone, origin.owner);
}

/**
 * Appends what there is to say to the question; gives the code of the answer.
 * @requires query.name.start < query.name.end && query.name.end <= message.length
 * @requires query.name.end - query.name.start <= LONGEST_NAME && query.error <= BAD_VERSION
 * @requires DATA <= progress.at && progress.at <= limit && limit <= reply.length && reply.length <= 2048
 * @requires end <= zone.length && zone.length <= 4096
 * @modifies reply, progress
 * @ensures old(progress.at) <= progress.at && progress.at <= limit && result <= BAD_VERSION
 */
function putRecords(
  reply: Uint8Array,
  progress: Progress,
  limit: u32,
  message: Readonly<Uint8Array>,
  query: Query,
  zone: Readonly<Uint8Array>,
  end: u32,
): u16 {
  if (query.error !== NO_ERROR) return query.error;
  const name = new Uint8Array(LONGEST_NAME);
  const length = query.name.end - query.name.start;
  const origin = originOf(zone, end);
  if (origin === undefined || origin.owner.end > length) return REFUSED;
  const isOurs = isForZone(message, query, zone, origin);
  if (!isOurs) return REFUSED;
  copy(name, 0, message, query.name.start, length);
  return putZoneAnswer(reply, progress, limit, zone, end, origin, name, length, query.type);
}

/**
 * Where something did not fit, takes back all that came behind the question, which ends at `question`.
 * @requires question <= progress.at
 * @modifies progress.at, progress.answers, progress.authorities
 * @ensures question <= progress.at && progress.at <= old(progress.at)
 */
function dropPart(progress: Progress, question: u32): void {
  if (!progress.full) return;
  progress.at = question;
  progress.answers = 0;
  progress.authorities = 0;
}

/**
 * Answers a query that has a question: where the reply ends.
 * @requires query.name.start < query.name.end && query.name.end + 4 <= message.length && message.length <= 2048
 * @requires query.name.end - query.name.start <= LONGEST_NAME && 512 <= query.room && query.room <= LARGE
 * @requires reply.length >= DATA + LARGE && reply.length <= 2048 && query.error <= BAD_VERSION
 * @requires end <= zone.length && zone.length <= 4096
 * @modifies reply
 * @ensures DATA + HEADER < result && result <= DATA + query.room
 * @ensures read16(reply, DATA) === query.id && read16(reply, DATA + 2) >= 0x8000
 */
function answerQuestion(
  reply: Uint8Array,
  message: Readonly<Uint8Array>,
  query: Query,
  zone: Readonly<Uint8Array>,
  end: u32,
): u32 {
  const length = query.name.end - query.name.start;
  const question = DATA + HEADER + length + 4;
  const last = query.extended ? OPT_SIZE : 0;
  const progress: Progress = { at: question, answers: 0, authorities: 0, full: false };
  const code = putRecords(reply, progress, DATA + query.room - last, message, query, zone, end);
  dropPart(progress, question);
  copy(reply, DATA + HEADER, message, query.name.start, length + 4);
  if (query.extended) putOpt(reply, progress.at, code);
  putHeader(reply, query, progress, code, true);
  assert(read16(reply, DATA) === query.id);
  return progress.at + last;
}

/**
 * Answers the message from `start` up to, and without, `end`: where the reply ends, whose data begin at DATA; 0 if there
 * is none. Whoever sends an answer gets none.
 * @requires start <= end && end <= message.length && message.length <= 2048
 * @requires reply.length >= DATA + LARGE && reply.length <= 2048
 * @requires zoneEnd <= zone.length && zone.length <= 4096
 * @modifies reply
 * @ensures result === 0 || (DATA + HEADER <= result && result <= DATA + LARGE && end - start >= HEADER)
 * @ensures result === 0 || (read16(reply, DATA) === read16(message, start) && read16(reply, DATA + 2) >= 0x8000)
 * @ensures result === 0 || message[start + 2] < 128
 */
export function answerQuery(
  reply: Uint8Array,
  message: Readonly<Uint8Array>,
  start: u32,
  end: u32,
  zone: Readonly<Uint8Array>,
  zoneEnd: u32,
): u32 {
  const query = parseQuery(message, start, end);
  if (query === undefined) return 0;
  if (query.error === NO_ERROR || query.error === BAD_VERSION)
    return answerQuestion(reply, message, query, zone, zoneEnd);
  const nothing: Progress = { at: DATA + HEADER, answers: 0, authorities: 0, full: false };
  putHeader(reply, query, nothing, query.error, false);
  return DATA + HEADER;
}
