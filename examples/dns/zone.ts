/**
 * The zone that this server has authority over: records one behind the other, each as it goes into a message (RFC 1035,
 * 3.2.1), the first of them the SOA of its origin. Nothing in it is trusted to be well formed: what is not ends it.
 *
 * One is compiled in; a block device may hold another (storage.ts).
 */
import { bytes, decreases, invariant, type u16, type u32 } from 'casemate';
import { copy, read16, read32 } from '../lib/wire.ts';
import { endOfName, isWithin, type Name, sameName } from './names.ts';

/** Bytes of the largest zone. */
export const LONGEST_ZONE = 4096;

export const A = 1;
export const NS = 2;
export const CNAME = 5;
export const SOA = 6;
export const ANY = 255;
export const INTERNET = 1;

/** A record in the zone: its owner, and its data from `start` up to, and without, `end`. */
export interface Resource {
  readonly owner: Name;
  readonly type: u16;
  /** Seconds. */
  readonly ttl: u32;
  readonly start: u32;
  readonly end: u32;
}

const ZONE = bytes(
  // casemate.test. 3600 SOA ns1 hostmaster 1 7200 3600 1209600 300
  '\x08casemate\x04test\x00' +
    '\x00\x06\x00\x01\x00\x00\x0e\x10\x00\x41' +
    '\x03ns1\x08casemate\x04test\x00' +
    '\x0ahostmaster\x08casemate\x04test\x00' +
    '\x00\x00\x00\x01\x00\x00\x1c\x20\x00\x00\x0e\x10\x00\x12\x75\x00\x00\x00\x01\x2c' +
    // casemate.test. 3600 NS ns1
    '\x08casemate\x04test\x00' +
    '\x00\x02\x00\x01\x00\x00\x0e\x10\x00\x13' +
    '\x03ns1\x08casemate\x04test\x00' +
    // casemate.test. 3600 TXT "proved, then built"
    '\x08casemate\x04test\x00' +
    '\x00\x10\x00\x01\x00\x00\x0e\x10\x00\x13' +
    '\x12proved, then built' +
    // ns1 3600 A 10.0.2.15
    '\x03ns1\x08casemate\x04test\x00' +
    '\x00\x01\x00\x01\x00\x00\x0e\x10\x00\x04' +
    '\x0a\x00\x02\x0f' +
    // www 300 A 192.0.2.80
    '\x03www\x08casemate\x04test\x00' +
    '\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04' +
    '\xc0\x00\x02\x50' +
    // www 300 A 192.0.2.81
    '\x03www\x08casemate\x04test\x00' +
    '\x00\x01\x00\x01\x00\x00\x01\x2c\x00\x04' +
    '\xc0\x00\x02\x51' +
    // www 300 AAAA 2001:db8::80
    '\x03www\x08casemate\x04test\x00' +
    '\x00\x1c\x00\x01\x00\x00\x01\x2c\x00\x10' +
    '\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x80' +
    // docs 600 CNAME www
    '\x04docs\x08casemate\x04test\x00' +
    '\x00\x05\x00\x01\x00\x00\x02\x58\x00\x13' +
    '\x03www\x08casemate\x04test\x00' +
    // help 600 CNAME docs
    '\x04help\x08casemate\x04test\x00' +
    '\x00\x05\x00\x01\x00\x00\x02\x58\x00\x14' +
    '\x04docs\x08casemate\x04test\x00' +
    // out 600 CNAME elsewhere.test.
    '\x03out\x08casemate\x04test\x00' +
    '\x00\x05\x00\x01\x00\x00\x02\x58\x00\x10' +
    '\x09elsewhere\x04test\x00' +
    // lost 600 CNAME nowhere
    '\x04lost\x08casemate\x04test\x00' +
    '\x00\x05\x00\x01\x00\x00\x02\x58\x00\x17' +
    '\x07nowhere\x08casemate\x04test\x00' +
    // round 600 CNAME round: a loop
    '\x05round\x08casemate\x04test\x00' +
    '\x00\x05\x00\x01\x00\x00\x02\x58\x00\x15' +
    '\x05round\x08casemate\x04test\x00' +
    // a.deep 60 A 192.0.2.1
    '\x01a\x04deep\x08casemate\x04test\x00' +
    '\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04' +
    '\xc0\x00\x02\x01',
);

/**
 * Copies the zone that is compiled in; its length.
 * @requires zone.length >= LONGEST_ZONE
 * @modifies zone
 * @ensures result <= LONGEST_ZONE
 */
export function compiledZone(zone: Uint8Array): u32 {
  copy(zone, 0, ZONE, 0, ZONE.length);
  return ZONE.length;
}

/**
 * The record at `at`, if a whole one lies before `end`.
 * @requires at <= end && end <= zone.length
 * @ensures result === undefined || (at === result.owner.start && at < result.owner.end && result.owner.end + 10 === result.start)
 * @ensures result === undefined || (result.start <= result.end && result.end <= end && result.owner.end - at <= 255)
 */
export function resourceAt(zone: Readonly<Uint8Array>, at: u32, end: u32): Resource | undefined {
  const owner = endOfName(zone, at, end);
  if (owner === 0 || end - owner < 10) return undefined;
  const start = owner + 10;
  const length = read16(zone, owner + 8);
  if (length > end - start || read16(zone, owner + 2) !== INTERNET) return undefined;
  return {
    owner: { start: at, end: owner },
    type: read16(zone, owner),
    ttl: read32(zone, owner + 4),
    start,
    end: start + length,
  };
}

/**
 * The next record from `at` on with this name, and with this type unless that is ANY.
 * @requires at <= end && end <= zone.length
 * @requires name.start <= name.end && name.end <= bytes.length && name.end - name.start <= 255
 * @ensures result === undefined || (at <= result.owner.start && result.owner.end + 10 === result.start && result.owner.start < result.owner.end)
 * @ensures result === undefined || (result.start <= result.end && result.end <= end)
 * @ensures result === undefined || type === ANY || result.type === type
 */
export function nextOf(
  zone: Readonly<Uint8Array>,
  at: u32,
  end: u32,
  bytes: Readonly<Uint8Array>,
  name: Name,
  type: u16,
): Resource | undefined {
  let from: u32 = at;
  while (from < end) {
    invariant(at <= from);
    const resource = resourceAt(zone, from, end);
    if (resource === undefined) return undefined;
    if (type === ANY || resource.type === type) {
      const isSame = sameName(bytes, name, zone, resource.owner);
      if (isSame) return resource;
    }
    from = resource.end;
  }
  return undefined;
}

/**
 * Whether some name of the zone is this one or lies below it: then it exists, with records of its own or without.
 * @requires end <= zone.length
 * @requires name.start <= name.end && name.end <= bytes.length && name.end - name.start <= 255
 */
export function isKnown(zone: Readonly<Uint8Array>, end: u32, bytes: Readonly<Uint8Array>, name: Name): boolean {
  let at: u32 = 0;
  while (at < end) {
    const resource = resourceAt(zone, at, end);
    if (resource === undefined) return false;
    const isAbove = isWithin(zone, resource.owner, bytes, name);
    if (isAbove) return true;
    at = resource.end;
  }
  return false;
}

/**
 * The SOA of the zone's origin.
 * @requires end <= zone.length
 * @ensures result === undefined || (result.owner.start === 0 && result.owner.end + 10 === result.start && result.start + 20 <= result.end && result.end <= end)
 */
export function originOf(zone: Readonly<Uint8Array>, end: u32): Resource | undefined {
  const first = resourceAt(zone, 0, end);
  if (first === undefined || first.type !== SOA || first.end - first.start < 22) return undefined;
  return first;
}

/**
 * How long that there is no such record may be believed: RFC 2308, 5.
 * @requires origin.start + 20 <= origin.end && origin.end <= zone.length
 * @ensures result <= origin.ttl
 */
export function negativeTtl(zone: Readonly<Uint8Array>, origin: Resource): u32 {
  const minimum = read32(zone, origin.end - 4);
  return Math.min(origin.ttl, minimum);
}

/**
 * Whether all of it is records, one of them the SOA at the beginning, each below its owner.
 * @requires end <= zone.length
 */
export function isZone(zone: Readonly<Uint8Array>, end: u32): boolean {
  const origin = originOf(zone, end);
  if (origin === undefined) return false;
  let at: u32 = 0;
  while (at < end) {
    const resource = resourceAt(zone, at, end);
    if (resource === undefined) return false;
    const isInside = isWithin(zone, resource.owner, zone, origin.owner);
    if (!isInside) return false;
    if (resource.type === CNAME) {
      const target = endOfName(zone, resource.start, resource.end);
      if (target !== resource.end) return false;
    }
    at = resource.end;
  }
  return true;
}

/**
 * How long the records at the beginning of a memory are, whose rest is zeros: up to the first 0 where a name would
 * begin, or to what is no record.
 * @requires zone.length <= LONGEST_ZONE
 * @ensures result <= zone.length
 */
export function lengthOfZone(zone: Readonly<Uint8Array>): u32 {
  const end = zone.length;
  let at: u32 = 0;
  while (at < end && zone[at] !== 0) {
    invariant(at <= end);
    decreases(end - at);
    const resource = resourceAt(zone, at, end);
    if (resource === undefined) return at;
    at = resource.end;
  }
  return at;
}
